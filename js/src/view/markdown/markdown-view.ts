/**
 * Markdown that grows: blocks that are finished keep their nodes for good, and only the open end
 * is parsed and drawn again.
 */
import { type CodeFrame, frameOf } from "./code-frame";
import type { FormulaSetter } from "./controls";
import { directionOf } from "./direction";
import { decidedLines } from "./open-end";
import { blockParts, blockStarts, type Environment, type Parts, parse, toHtml } from "./parser";
import { patch } from "./patch";
import { sanitize } from "./sanitize";

const OPEN_FENCE = /^(`{3,}|~{3,})[^\n]*\n/;
// A block larger than this is shown as it was written: to format it would hold up the page.
const MOST = { characters: 48_000, lines: 1_500, inLine: 12_000, cells: 3_000 };

/** An open code block at the very end: text is added to it without a parse. */
interface OpenCode {
  readonly frame: CodeFrame;
  readonly mark: string;
}

/** One text of a transcript, drawn as markdown into `element`. */
export class MarkdownView {
  readonly element = document.createElement("div");
  readonly #formulas: FormulaSetter;
  #source = "";
  #isFinished = false;
  #finishedLength = 0;
  #hasBrackets = false;
  #environment: Environment = { references: {}, isOpen: false };
  #openHtml = "";
  #openNodes: ChildNode[] = [];
  #openCode: OpenCode | null = null;
  #openParts: Parts | null = null;

  constructor(formulas: FormulaSetter) {
    this.#formulas = formulas;
    this.element.className = "dnb-prose";
  }

  /** Show `text`; unless it is finished more may follow. Text that only grew keeps its nodes. */
  update(text: string, isFinished: boolean): void {
    const source = text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
    if (source === this.#source && isFinished === this.#isFinished) return;
    if (this.#isFinished || !source.startsWith(this.#source)) this.#clear();
    const added = source.slice(this.#source.length);
    const lastLine = this.#source.slice(this.#source.lastIndexOf("\n") + 1);
    this.#source = source;
    this.#isFinished = isFinished;
    if (this.element.dir === "") this.element.dir = directionOf(added) ?? "";
    if (!isFinished && this.#openCode && !(lastLine + added).includes(this.#openCode.mark)) {
      this.#openCode.frame.append(added);
      this.#openHtml = "";
      return;
    }
    this.#draw();
  }

  #clear(): void {
    this.element.replaceChildren();
    this.element.dir = "";
    this.#source = "";
    this.#isFinished = false;
    this.#finishedLength = 0;
    this.#hasBrackets = false;
    this.#environment = { references: {}, isOpen: false };
    this.#forgetOpen();
  }

  #draw(): void {
    const tail = this.#source.slice(this.#finishedLength);
    const boundary = this.#isFinished ? tail.length : this.#openBoundary(tail);
    if (boundary > 0) this.#finish(tail.slice(0, boundary));
    this.#drawOpen(tail.slice(boundary));
  }

  /** Return where in `tail` the first block begins that more text could still change. */
  #openBoundary(tail: string): number {
    const starts = blockStarts(tail, this.#openEnvironment());
    const lastStart = lineOffset(tail, starts.at(-1) ?? 0);
    const first = starts.at(isUndecided(tail, lastStart) ? -2 : -1);
    return first === undefined ? 0 : lineOffset(tail, first);
  }

  #finish(source: string): void {
    const end = this.#finishedLength + source.length;
    const known = Object.keys(this.#environment.references).length;
    let html = finishedHtml(source, this.#environment);
    if (this.#hasBrackets && Object.keys(this.#environment.references).length > known) {
      // A link is defined below blocks that may use it: the one thing that reaches back.
      this.#openNodes = [...this.element.childNodes];
      html = finishedHtml(this.#source.slice(0, end), this.#environment);
    }
    if (html !== this.#openHtml) this.#show(html);
    for (const node of this.#openNodes) finishCode(node);
    this.#forgetOpen();
    this.#finishedLength = end;
    this.#hasBrackets ||= source.includes("]");
  }

  #drawOpen(source: string): void {
    const environment = this.#openEnvironment();
    const decided = decidedLines(source);
    if (isTooLarge(decided)) {
      this.#show(asWritten(decided));
      return;
    }
    const tokens = parse(decided, environment);
    const html = toHtml(tokens, environment);
    if (html === this.#openHtml) return;
    const parts = blockParts(tokens, environment);
    if (!this.#growParts(parts)) this.#show(html);
    this.#openHtml = html;
    this.#openParts = parts;
    this.#openCode = this.#findOpenCode(source);
  }

  /** Draw only the items of an open list, or rows, that are new or have changed: it may get long. */
  #growParts(parts: Parts | null): boolean {
    const drawn = this.#openParts;
    if (!parts || drawn?.opening !== parts.opening || drawn.items.length === 0) return false;
    const changed = parts.items.findIndex((item, index) => item !== drawn.items[index]);
    const first = changed < 0 ? parts.items.length : changed;
    const fragment = sanitize(parts.opening + parts.items.slice(first).join("") + parts.closing);
    const shown = partsElement(this.#openNodes);
    const anew = partsElement([...fragment.childNodes]);
    if (!shown || !anew) return false;
    if (shown.children.length !== drawn.items.length) return false;
    patch(shown, [...shown.children].slice(first), [...anew.children], this.#formulas);
    return true;
  }

  #findOpenCode(source: string): OpenCode | null {
    const mark = OPEN_FENCE.exec(source)?.[1]?.[0];
    const [only, ...others] = this.#openNodes.filter((node) => node instanceof Element);
    if (!mark || others.length > 0 || !only || !source.startsWith(mark)) return null;
    // What waits for the end of its line is no part of the code yet.
    if (decidedLines(source) !== source) return null;
    const frame = frameOf(only);
    return frame ? { frame, mark } : null;
  }

  #show(html: string): void {
    const drawn = [...sanitize(html).childNodes];
    this.#openNodes = patch(this.element, this.#openNodes, drawn, this.#formulas);
  }

  #forgetOpen(): void {
    this.#openNodes = [];
    this.#openHtml = "";
    this.#openCode = null;
    this.#openParts = null;
  }

  #openEnvironment(): Environment {
    return { references: { ...this.#environment.references }, isOpen: true };
  }
}

/** Return the element whose children are the items of a list or the rows of a table's body. */
function partsElement(nodes: readonly ChildNode[]): Element | null {
  const first = nodes.find((node) => node instanceof Element);
  if (!(first instanceof Element)) return null;
  return first.matches("ul, ol") ? first : first.querySelector(":scope > table > tbody");
}

function finishCode(node: ChildNode): void {
  frameOf(node)?.finish();
  if (!(node instanceof Element)) return;
  for (const element of node.querySelectorAll(".dnb-code")) frameOf(element)?.finish();
}

/** Return the HTML of blocks; each that is too large is shown as it was written. */
function finishedHtml(source: string, environment: Environment): string {
  if (!isTooLarge(source)) return toHtml(parse(source, environment), environment);
  const lines = source.split("\n");
  const starts = blockStarts(source, environment);
  return starts
    .map((start, index) => {
      const block = lines.slice(start, starts[index + 1]).join("\n");
      return isTooLarge(block) ? asWritten(block) : toHtml(parse(block, environment), environment);
    })
    .join("");
}

function isTooLarge(source: string): boolean {
  if (source.length < MOST.lines || OPEN_FENCE.test(source)) return false;
  if (source.length > MOST.characters) return true;
  const lines = source.split("\n");
  return (
    lines.length > MOST.lines ||
    lines.some(({ length }) => length > MOST.inLine) ||
    source.split("|", MOST.cells).length === MOST.cells
  );
}

function asWritten(source: string): string {
  const escaped = source.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<pre data-language="">${escaped}</pre>\n`;
}

/**
 * Tell whether the line that begins at `start` may yet continue the block before it.
 *
 * While a line has no end, "#" is a heading and "#1" goes on with the paragraph above; behind a
 * blank line, where only lists go on, "2" is a paragraph and "2." the next item.
 */
function isUndecided(text: string, start: number): boolean {
  if (text.includes("\n", start)) return false;
  return !/\n[ \t]*\n$/.test(text.slice(0, start)) || /^[ \t]*\d{1,9}$/.test(text.slice(start));
}

/** Return where line `line` of `text` begins. */
function lineOffset(text: string, line: number): number {
  let offset = 0;
  for (let passed = 0; passed < line; passed += 1) offset = text.indexOf("\n", offset) + 1;
  return offset;
}
