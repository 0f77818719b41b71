/** Numbers and values as short words for people. */

const COUNT = new Intl.NumberFormat("en");
const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** Return a count with its thousands apart. */
export function count(value: number): string {
  return COUNT.format(value);
}

/** Return a count in few signs: 812, 3.4k, 128k, 1.2M. */
export function compact(value: number): string {
  return COMPACT.format(value).toLowerCase().replace("m", "M");
}

/** Return "1 line", "2 lines". */
export function plural(value: number, word: string): string {
  return `${count(value)} ${word}${value === 1 ? "" : "s"}`;
}

/** Return a text of one line that may be long, cut to what a line can hold. */
export function short(text: string, limit = 160): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
}

/** Return a duration: "340 ms", "1.2 s", "3 min 5 s". */
export function duration(milliseconds: number): string {
  if (milliseconds < 1) return "< 1 ms";
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** Return an amount of US dollars, small ones with the digits that tell them apart. */
export function money(usd: number): string {
  if (usd < 0) return `-${money(-usd)}`;
  if (usd === 0) return "$0";
  if (usd < 0.000_05) return "< $0.0001";
  if (usd < 0.1) return `$${usd.toFixed(4)}`;
  return `$${usd < 100 ? usd.toFixed(2) : COUNT.format(Math.round(usd))}`;
}

const AGO = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const UNITS = [
  ["year", 365 * 86_400],
  ["month", 30 * 86_400],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
] as const;

/** Return how long ago a time was, both in milliseconds since 1970: "3 hours ago". */
export function ago(time: number, now: number): string {
  const seconds = (now - time) / 1000;
  const unit = UNITS.find(([, length]) => seconds >= length);
  return unit ? AGO.format(-Math.floor(seconds / unit[1]), unit[0]) : "just now";
}

/** Return a retry's delay as one rounded unit: "8s", "2m", "1h". */
export function delay(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${Math.round(seconds)}s`;
  return seconds < 3600 ? `${Math.round(seconds / 60)}m` : `${Math.round(seconds / 3600)}h`;
}

/** Return the size of a text: "12 kB". */
export function size(text: string): string {
  const bytes = new Blob([text]).size;
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Return a tool's input as `name: value` pairs when they fit on one line, else null. */
export function inlineInput(input: unknown, limit: number): string | null {
  if (input === null || typeof input !== "object" || Array.isArray(input)) {
    return oneLine(JSON.stringify(input) ?? "", limit);
  }
  const pairs: string[] = [];
  for (const [name, value] of Object.entries(input)) {
    if (typeof value === "string" && value.length > limit) return null;
    pairs.push(`${name}: ${JSON.stringify(value)}`);
    if (pairs.length > limit) return null;
  }
  return oneLine(pairs.join(", "), limit);
}

function oneLine(text: string, limit: number): string | null {
  return text.length <= limit && !text.includes("\\n") ? text : null;
}

/** Return what a person can do about an error, as far as its code tells. */
export function advice(code: string | null): string | null {
  switch (code) {
    case null:
      return null;
    case "401":
    case "403":
      return "Check the API key and what it is allowed to use, then send the message again.";
    case "404":
      return "Check the model's name and the base URL, then send the message again.";
    case "413":
      return "The conversation is too long for this model: start a new one or use a larger model.";
    case "429":
      return "The provider limits requests: wait a little, then send the message again.";
    default:
      return /^5\d\d$/.test(code)
        ? "The trouble is on the provider's side: wait a little, then send the message again."
        : null;
  }
}
