/**
 * Arguments while a model writes them: JSON that has no end yet, read once, sign by sign.
 *
 * What was told of it never changes, it only grows, and at the end it is what
 * `completeArguments` tells of the parsed whole. What is no JSON is told as it was written.
 */
import { type Arguments, INDENT, INLINE_CHARACTERS, MOST_NAMED } from "./complete";

// Each level is space before a line: beyond that it is text.
const DEEPEST = 100;

const ESCAPES: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
const SPACE = /[ \t\r\n]/;
const WORD_END = /[ \t\r\n,:\]}"]/g;
const STRING_END = /["\\]/g;
const LAST_SURROGATE = /[\ud800-\udbff]$/;

/** What is expected next, or being read. */
type Place = "value" | "first" | "name" | "colon" | "next" | "string" | "word" | "end" | "broken";

interface Level {
  readonly close: "}" | "]";
  isEmpty: boolean;
}

/** Reads arguments as they come. */
export class ArgumentReader implements Arguments {
  readonly entries: { name: string | null; text: string }[] = [];
  inline: string | null = "";
  #place: Place = "value";
  readonly #levels: Level[] = [];
  /** The beginning of what is told as a whole only: a word, an escape, half a sign. */
  #held = "";
  #isName = false;
  #name = "";
  #members = 0;

  /** Take what comes next. */
  read(more: string): void {
    let at = 0;
    while (at < more.length) {
      if (this.#place === "string") at = this.#readString(more, at);
      else if (this.#place === "word") at = this.#readWord(more, at);
      else if (this.#place === "broken") {
        this.#tell(more.slice(at), null);
        return;
      } else if (SPACE.test(more[at] as string)) at += 1;
      else at = this.#readSign(more, at);
    }
  }

  #readSign(more: string, at: number): number {
    const sign = more[at] as string;
    const level = this.#levels.at(-1);
    const isClosing = sign === level?.close && (this.#place === "next" || this.#place === "first");
    if (isClosing) {
      this.#close(level);
    } else if (this.#place === "next" && level && sign === ",") {
      this.#place = level.close === "}" ? "name" : "value";
    } else if (this.#place === "colon" && sign === ":") {
      this.#place = "value";
    } else if (this.#expectsName(level) && sign === '"') {
      this.#isName = true;
      this.#name = "";
      this.#place = "string";
    } else if (this.#expectsValue(level)) {
      return this.#beginValue(sign, at);
    } else this.#break();
    return this.#place === "broken" ? at : at + 1;
  }

  #expectsName(level: Level | undefined): boolean {
    return this.#place === "name" || (this.#place === "first" && level?.close === "}");
  }

  #expectsValue(level: Level | undefined): boolean {
    return this.#place === "value" || (this.#place === "first" && level?.close === "]");
  }

  /** A value begins: its sign is read, unless it is a word, which is read as a whole. */
  #beginValue(sign: string, at: number): number {
    if (/[,:\]}]/.test(sign) || this.#levels.length > DEEPEST) {
      this.#break();
      return at;
    }
    const isObject = this.#levels.length === 0 && sign === "{";
    if (this.#levels.length === 0 && !isObject) this.entries.push({ name: null, text: "" });
    this.#beginItem();
    if (sign === '"') {
      this.#isName = false;
      if (!this.#isText()) this.#tell('"');
      else this.#tell("", '"');
      this.#place = "string";
      return at + 1;
    }
    if (sign === "{" || sign === "[") {
      if (!isObject) this.#tell(sign);
      this.#levels.push({ close: sign === "{" ? "}" : "]", isEmpty: true });
      this.#place = "first";
      return at + 1;
    }
    this.#held = "";
    this.#place = "word";
    return at;
  }

  /** An item of a list begins. */
  #beginItem(): void {
    const level = this.#levels.at(-1);
    if (level?.close === "]") this.#separate(level);
  }

  /** Go to a line of its own, behind a comma if something stands before. */
  #separate(level: Level): void {
    const comma = level.isEmpty ? "" : ",";
    this.#tell(`${comma}\n${this.#space()}`, comma);
    level.isEmpty = false;
  }

  #close(level: Level): void {
    this.#levels.pop();
    if (this.#levels.length > 0 || level.close === "]") {
      const line = level.isEmpty ? "" : `\n${this.#space()}`;
      this.#tell(line + level.close, level.close);
    }
    this.#endValue();
  }

  #endValue(): void {
    this.#place = this.#levels.length === 0 ? "end" : "next";
  }

  /** The space before a line of the value that is being told. */
  #space(): string {
    const outer = this.#levels[0]?.close === "}" ? 1 : 0;
    return " ".repeat(INDENT * Math.max(this.#levels.length - outer, 0));
  }

  /** Whether the string that is read stands as it is: the whole of an argument. */
  #isText(): boolean {
    return this.#levels.length === 0 || (this.#levels.length === 1 && this.#inObject());
  }

  #inObject(): boolean {
    return this.#levels.at(-1)?.close === "}";
  }

  #readString(more: string, at: number): number {
    if (this.#held.startsWith("\\")) return this.#readEscape(more, at);
    STRING_END.lastIndex = at;
    const found = STRING_END.exec(more);
    const end = found?.index ?? more.length;
    if (end > at) this.#takeText(more.slice(at, end));
    if (!found) return end;
    if (found[0] === "\\") {
      this.#half = this.#held;
      this.#held = "\\";
    } else this.#endString();
    return end + 1;
  }
  /** The first half of a sign of two, while an escape is read that may be the second. */
  #half = "";

  #readEscape(more: string, at: number): number {
    const escaping = this.#held + more[at];
    if (escaping.startsWith("\\u") && escaping.length < 6) {
      this.#held = escaping;
      return at + 1;
    }
    const code = /^\\u([0-9a-f]{4})$/i.exec(escaping)?.[1];
    const letter = escaping[1] as string;
    const plain = letter === "u" ? escaping : (ESCAPES[letter] ?? letter);
    this.#held = this.#half;
    this.#half = "";
    this.#takeText(code === undefined ? plain : String.fromCharCode(Number.parseInt(code, 16)));
    return at + 1;
  }

  /** Text of a string; the first half of a sign of two waits for the other. */
  #takeText(added: string): void {
    const text = this.#held + added;
    this.#held = LAST_SURROGATE.exec(text)?.[0] ?? "";
    this.#tellText(this.#held === "" ? text : text.slice(0, -1));
  }

  #tellText(text: string): void {
    if (text === "") return;
    if (this.#isName) this.#name += text;
    else if (this.#isText()) this.#tell(text, escaped(text));
    else this.#tell(escaped(text));
  }

  #endString(): void {
    const half = this.#held;
    this.#held = "";
    this.#tellText(half);
    if (this.#isName) {
      this.#beginMember();
      return;
    }
    if (this.#isText()) this.#tell("", '"');
    else this.#tell('"');
    this.#endValue();
  }

  /** The name of a member is known. */
  #beginMember(): void {
    this.#place = "colon";
    const level = this.#levels.at(-1) as Level;
    const name = JSON.stringify(this.#name);
    if (this.#levels.length > 1) {
      this.#separate(level);
      this.#tell(`${name}: `, `${name}:`);
      return;
    }
    this.#members += 1;
    const comma = level.isEmpty ? "" : ", ";
    level.isEmpty = false;
    if (this.#members <= MOST_NAMED) this.entries.push({ name: this.#name, text: "" });
    else if (this.#members === MOST_NAMED + 1) this.entries.push({ name: null, text: "" });
    this.#tellInline(`${comma}${this.#name}: `);
    if (this.#isCrowded()) {
      const line = this.#members === MOST_NAMED + 1 ? "" : "\n";
      this.#append(`${line}${this.#name}: `);
    }
  }

  #readWord(more: string, at: number): number {
    WORD_END.lastIndex = at;
    const end = WORD_END.exec(more)?.index ?? more.length;
    this.#held += more.slice(at, end);
    if (end === more.length) return end;
    const word = this.#held;
    this.#held = "";
    this.#tell(canonical(word));
    this.#endValue();
    return end;
  }

  /** From here on it is no JSON: what follows is told as it is. */
  #break(): void {
    this.#place = "broken";
    this.inline = null;
    this.entries.push({ name: null, text: "" });
  }

  /** Tell more of the newest argument, and of the line that holds all of them. */
  #tell(text: string, compact: string | null = text): void {
    this.#append(this.#isCrowded() && compact !== null ? compact : text);
    if (compact !== null) this.#tellInline(compact);
  }

  #append(text: string): void {
    const entry = this.entries.at(-1);
    if (entry) entry.text += text;
  }

  #tellInline(text: string): void {
    if (this.inline === null) return;
    const line = this.inline + text;
    this.inline = line.length > INLINE_CHARACTERS || line.includes("\\n") ? null : line;
  }

  #isCrowded(): boolean {
    return this.#members > MOST_NAMED;
  }
}

function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** Return a number or constant as it will be written when it was parsed. */
function canonical(word: string): string {
  try {
    return JSON.stringify(JSON.parse(word));
  } catch (error) {
    if (error instanceof SyntaxError) return word;
    throw error;
  }
}
