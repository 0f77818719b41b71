/** What bars are called. */
import type { UsageBar, UsageHead } from "../wire/types";

type Period = NonNullable<UsageHead["period"]>;

const FORMATS: Record<Period, Intl.DateTimeFormatOptions> = {
  hour: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  day: { day: "numeric", month: "short" },
  week: { day: "numeric", month: "short" },
  month: { month: "short", year: "numeric" },
};
const LONG: Record<Period, Intl.DateTimeFormatOptions> = {
  hour: { ...FORMATS.hour, weekday: "short", day: "numeric", month: "short" },
  day: { weekday: "short", day: "numeric", month: "short", year: "numeric" },
  week: { day: "numeric", month: "short", year: "numeric" },
  month: { month: "long", year: "numeric" },
};

/** Return the short name of a period under its bar. */
export function periodLabel(fromMs: number, period: Period): string {
  return format(fromMs, FORMATS[period]);
}

/** Return a period in full. */
export function longPeriod(fromMs: number, period: Period): string {
  const text = format(fromMs, LONG[period]);
  return period === "week" ? `Week of ${text}` : period === "hour" ? `${text} UTC` : text;
}

function format(milliseconds: number, options: Intl.DateTimeFormatOptions): string {
  // As in the frames: a day is the same one for everyone who looks.
  const whole = { ...options, timeZone: "UTC" };
  return new Intl.DateTimeFormat("en-GB", whole).format(new Date(milliseconds));
}

/** Return the name of a bar. */
export function nameOf(bar: UsageBar, period: Period | null): string {
  if (bar.fromMs !== undefined && period !== null) return longPeriod(bar.fromMs, period);
  return bar.label;
}

/** Return where to write a label below bars, so that no two meet: each has room for `apart` bars. */
export function labelled(count: number, apart: number): Set<number> {
  const places = new Set<number>();
  for (let place = 0; place < count; place += apart) places.add(place);
  return places;
}
