/**
 * A block of code with its bar. A line gets its colours once, when it is complete; the line
 * that is being written is one text node that grows.
 */
import { copyButton } from "../copy";
import { highlight, isKnown, type Line } from "./highlight";
import { soon } from "./pacer";

// Colouring is synchronous: beyond this the page would stand still for a moment.
const LONGEST = 40_000;
// A string or comment that stays open is coloured again as a whole, so not at every line.
const PATIENCE = 2_000;
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
  /** Where the lines end that have their colours, and where the part begins that is open. */
  #coloured = 0;
  #segment = 0;
  #segmentLines = 0;
  #keys: string[] = [];
  #open = document.createTextNode("");
  #isFinished = false;

  constructor(language: string, text: string) {
    this.language = language;
    this.element.className = "dnb-code";
    const bar = document.createElement("div");
    bar.className = "dnb-code-bar";
    const label = document.createElement("span");
    label.textContent = /^[\w+#.-]{1,24}$/.test(language) ? language : "text";
    bar.append(
      label,
      copyButton("Copy code", () => this.#text.replace(/\n$/, "")),
    );
    const box = document.createElement("pre");
    // A long line scrolls sideways: the keyboard must reach the box that scrolls.
    box.tabIndex = 0;
    box.append(this.#code);
    this.#code.append(this.#open);
    this.element.append(bar, box);
    frames.set(this.element, this);
    this.#add(text);
  }

  /** Show the text, of which most is shown already. */
  show(text: string): void {
    if (text === this.#text) return;
    if (text.startsWith(this.#text)) this.append(text.slice(this.#text.length));
    else if (`${text}\n` !== this.#text) this.#clear(text);
  }

  /** Add to the end. */
  append(added: string): void {
    this.#isFinished = false;
    this.#add(added);
  }

  /** No more text follows: judge the colours by the whole. */
  finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    if (this.#isColoured()) {
      soon(() => {
        if (this.#isFinished) this.#colour(0, this.#text.length);
      });
    }
  }

  #clear(text: string): void {
    this.#text = "";
    this.#coloured = 0;
    this.#segment = 0;
    this.#segmentLines = 0;
    this.#keys = [];
    this.#open = document.createTextNode("");
    this.#code.replaceChildren(this.#open);
    this.#add(text);
  }

  #add(added: string): void {
    const isFirst = this.#text === "";
    this.#text += added;
    if (!this.#isColoured() && TURNING.test(added)) {
      this.#open = document.createTextNode("");
      this.#code.append(...plain(added), this.#open);
      return;
    }
    this.#open.appendData(added);
    if (!this.#isColoured()) return;
    const end = this.#text.lastIndexOf("\n") + 1;
    if (end <= this.#coloured) return;
    const open = this.#coloured - this.#segment;
    if (open > PATIENCE && end - this.#coloured < open / 4) return;
    if (isFirst) soon(() => this.#colourLines());
    else this.#colourLines();
  }

  #isColoured(): boolean {
    return this.#text.length <= LONGEST && isKnown(this.language);
  }

  #colourLines(): void {
    const end = this.#text.lastIndexOf("\n") + 1;
    if (end > this.#coloured) this.#colour(this.#segment, end);
  }

  /** Colour the text from `start` to `end`; lines that look the same stay. */
  #colour(start: number, end: number): void {
    const { lines, isAtRest } = highlight(this.#text.slice(start, end), this.language);
    const first = start === 0 ? 0 : this.#segmentLines;
    for (const [index, line] of lines.entries()) {
      const key = JSON.stringify(line);
      const place = first + index;
      if (this.#keys[place] === key) continue;
      this.#keys[place] = key;
      const drawn = this.#code.children[place];
      const isLast = index === lines.length - 1 && !this.#text.slice(start, end).endsWith("\n");
      const element = lineElement(line, isLast ? "" : "\n");
      if (drawn) drawn.replaceWith(element);
      else this.#code.insertBefore(element, this.#open);
    }
    this.#coloured = end;
    const left = this.#text.slice(end);
    if (this.#open.data !== left) this.#open.data = left;
    if (isAtRest) {
      this.#segment = end;
      this.#segmentLines = first + lines.length;
    }
  }
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
