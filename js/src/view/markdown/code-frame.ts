/**
 * A block of code with its bar. A line gets its colours once, when it is complete; the line
 * that is being written is one text node that grows.
 */
import { copyButton } from "../copy";
import { size } from "../words";
import { highlight, isKnown, type Line } from "./highlight";
import { soon } from "./pacer";

// Colouring is synchronous: beyond this the page would stand still for a moment.
const LONGEST = 40_000;
const LONGEST_LINE = /.{2000}/;
// Of code that is there at once, not written before the reader's eyes, this much is shown first.
const AT_ONCE = 24_000;
// A string or comment that stays open is coloured again as a whole, so not at every line.
const PATIENCE = 2_000;
const PIECE = 4_000;
// Lines without colours stand in boxes of so many: a browser lays out those alone that are in
// sight, or that grow. Their style knows the number.
const BOXED_LINES = 128;
/** What turns text around without being seen: in code it is shown. */
const TURNING = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

const frames = new WeakMap<Node, CodeFrame>();

/** Return the frame that a node is the element of. */
export function frameOf(node: Node): CodeFrame | undefined {
  return frames.get(node);
}

/** One block of code. */
export class CodeFrame {
  readonly element = document.createElement("div");
  readonly language: string;
  readonly #code = document.createElement("code");
  #text = "";
  /** What comes behind the text that is shown, until the reader asks for it. */
  #held = "";
  /** Where the lines end that have their colours, and where the part begins that is open. */
  #coloured = 0;
  #segment = 0;
  #segmentLines = 0;
  #keys: string[] = [];
  #open = document.createTextNode("");
  #openLines = 0;
  #isFinished = false;
  #isPlain = false;

  constructor(language: string, text: string) {
    this.language = language;
    this.element.className = "dnb-code";
    const bar = document.createElement("div");
    bar.className = "dnb-code-bar";
    const label = document.createElement("span");
    label.textContent = /^[\w+#.-]{1,24}$/.test(language) ? language : "text";
    bar.append(
      label,
      copyButton("Copy code", () => (this.#text + this.#held).replace(/\n$/, "")),
    );
    const box = document.createElement("pre");
    // A long line scrolls sideways: the keyboard must reach the box that scrolls.
    box.tabIndex = 0;
    box.append(this.#code);
    this.#code.append(this.#open);
    this.element.append(bar, box);
    frames.set(this.element, this);
    this.#begin(text);
  }

  /** Show the text, of which most is shown already. */
  show(text: string): void {
    const known = this.#text + this.#held;
    if (text === known) return;
    if (text.startsWith(known)) this.append(text.slice(known.length));
    else if (`${text}\n` !== known) this.#clear(text);
  }

  /** Add to the end. */
  append(added: string): void {
    this.#isFinished = false;
    if (this.#held === "") this.#add(added);
    else this.#held += added;
  }

  /** No more text follows: judge the colours by the whole. */
  finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    if (this.#isColoured()) {
      soon(() => this.#judge(0, 0, PIECE));
    }
  }

  /** Colour everything once more, piece by piece; a piece ends where nothing is open. */
  #judge(start: number, firstLine: number, size: number): void {
    if (!this.#isFinished) return;
    const cut = this.#text.lastIndexOf("\n", start + size) + 1;
    const end = cut > start && start + size < this.#text.length ? cut : this.#text.length;
    const { count, isAtRest } = this.#colour(start, end, firstLine);
    if (end === this.#text.length) return;
    soon(() => {
      if (isAtRest) this.#judge(end, firstLine + count, PIECE);
      else this.#judge(start, firstLine, 2 * size);
    });
  }

  #clear(text: string): void {
    this.#text = "";
    this.#isPlain = false;
    this.#coloured = 0;
    this.#segment = 0;
    this.#segmentLines = 0;
    this.#keys = [];
    this.#open = document.createTextNode("");
    this.#openLines = 0;
    this.#code.replaceChildren(this.#open);
    this.#begin(text);
  }

  #begin(text: string): void {
    this.element.querySelector(":scope > .dnb-more")?.remove();
    this.#held = text.slice(AT_ONCE);
    this.#add(text.slice(0, AT_ONCE));
    if (this.#held === "") return;
    const more = document.createElement("button");
    more.type = "button";
    more.className = "dnb-quiet dnb-more";
    more.textContent = `Show all (${size(text)})`;
    more.addEventListener("click", () => {
      const held = this.#held;
      this.#held = "";
      more.remove();
      this.#add(held);
      this.element.querySelector("pre")?.focus({ preventScroll: true });
    });
    this.element.append(more);
  }

  #add(added: string): void {
    const isFirst = this.#text === "";
    this.#text += added;
    this.#isPlain ||= LONGEST_LINE.test(this.#text.slice(-added.length - 2_000));
    if (!this.#isColoured()) {
      this.#addPlain(added);
      return;
    }
    this.#open.appendData(added);
    const end = this.#text.lastIndexOf("\n") + 1;
    if (end <= this.#coloured) return;
    const open = this.#coloured - this.#segment;
    if (open > PATIENCE && end - this.#coloured < open / 4) return;
    if (isFirst) soon(() => this.#colourLines());
    else this.#colourLines();
  }

  /** Add without colours: to the lines that are open, and to new boxes what they do not hold. */
  #addPlain(added: string): void {
    let start = 0;
    while (start < added.length) {
      const end = endOfLines(added, start, BOXED_LINES - this.#openLines);
      const part = added.slice(start, end);
      if (TURNING.test(part)) {
        const open = document.createTextNode("");
        this.#open.after(...plain(part), open);
        this.#open = open;
      } else {
        this.#open.appendData(part);
      }
      this.#openLines += part.split("\n").length - 1;
      if (this.#openLines === BOXED_LINES) {
        const filled = this.#open.parentElement;
        if (filled !== this.#code) filled?.classList.add("dnb-whole");
        const box = document.createElement("span");
        box.className = "dnb-lines";
        this.#open = document.createTextNode("");
        this.#openLines = 0;
        box.append(this.#open);
        this.#code.append(box);
      }
      start = end;
    }
  }

  #isColoured(): boolean {
    if (this.#isPlain || this.#text.length > LONGEST) return false;
    return isKnown(this.language);
  }

  /** Colour the lines that are complete, a long text piece by piece. */
  #colourLines(size = PIECE): void {
    const end = this.#text.lastIndexOf("\n") + 1;
    if (end <= this.#coloured || !this.#isColoured()) return;
    const cut = this.#text.lastIndexOf("\n", this.#segment + size) + 1;
    const stop = cut > this.#segment && this.#segment + size < end ? cut : end;
    const { count, isAtRest } = this.#colour(this.#segment, stop, this.#segmentLines);
    if (isAtRest) {
      this.#segment = stop;
      this.#segmentLines += count;
    }
    if (stop < end) soon(() => this.#colourLines(isAtRest ? PIECE : 2 * size));
  }

  /** Colour the text from `start` to `end`; lines that look the same stay. */
  #colour(start: number, end: number, firstLine: number): { count: number; isAtRest: boolean } {
    const text = this.#text.slice(start, end);
    const { lines, isAtRest } = highlight(text, this.language);
    for (const [index, line] of lines.entries()) {
      const key = JSON.stringify(line);
      const place = firstLine + index;
      if (this.#keys[place] === key) continue;
      const isWhole = index < lines.length - 1 || text.endsWith("\n");
      const element = lineElement(line, isWhole ? "\n" : "");
      if (this.#keys[place] === undefined) this.#code.insertBefore(element, this.#open);
      else this.#code.children[place]?.replaceWith(element);
      this.#keys[place] = key;
    }
    this.#coloured = Math.max(this.#coloured, end);
    const left = this.#text.slice(this.#coloured);
    if (this.#open.data !== left) this.#open.data = left;
    return { count: lines.length, isAtRest };
  }
}

/** Return where in `text` the line ends that is number `count` from `start` on, or the text. */
function endOfLines(text: string, start: number, count: number): number {
  let end = start;
  for (let passed = 0; passed < count; passed += 1) {
    const newline = text.indexOf("\n", end);
    if (newline < 0) return text.length;
    end = newline + 1;
  }
  return end;
}

function lineElement(line: Line, end: string): HTMLElement {
  const element = document.createElement("span");
  for (const { text, className } of line) {
    if (className === null) element.append(...plain(text));
    else {
      const run = document.createElement("span");
      run.className = className;
      run.append(...plain(text));
      element.append(run);
    }
  }
  element.append(end);
  return element;
}

/** Return text as nodes, in which what turns text around stands apart, by its number. */
function plain(text: string): (string | HTMLElement)[] {
  if (!TURNING.test(text)) return [text];
  return text.split(/([\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069])/).map((part) => {
    if (!TURNING.test(part)) return part;
    const sign = document.createElement("span");
    sign.className = "dnb-turning";
    sign.dataset.sign = `U+${part.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
    sign.append(part);
    return sign;
  });
}
