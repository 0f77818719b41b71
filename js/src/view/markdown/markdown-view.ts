/**
 * Markdown that grows: blocks that are finished keep their nodes for good, and only the open end
 * is parsed and drawn again.
 */
import remend from "remend";
import { decorate } from "./decorate";
import { blockStarts, type Environment, type ListParts, listParts, parse, toHtml } from "./parser";
import { sanitize } from "./sanitize";

// Unfinished emphasis and code are closed; links and images are not guessed at.
const MEND = {
  links: false,
  images: false,
  katex: false,
  htmlTags: false,
  comparisonOperators: false,
  singleTilde: false,
};
const OPEN_FENCE = /^(`{3,}|~{3,})[^\n]*\n/;

const OPEN_LINK = /(^|[^\\])(!?)\[([^[\]\n]*)\]\([^()\s]*$/;

/** An open code block at the very end: text is added to its one text node. */
interface OpenCode {
  readonly node: Text;
  readonly mark: string;
}

/** One text of a transcript, drawn as markdown into `element`. */
export class MarkdownView {
  readonly element = document.createElement("div");
  #source = "";
  #isFinished = false;
  #finishedLength = 0;
  #hasBrackets = false;
  #environment: Environment = { references: {}, isFinished: true };
  #openHtml = "";
  #openNodes: ChildNode[] = [];
  #openCode: OpenCode | null = null;
  #openList: ListParts | null = null;

  constructor() {
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
    if (!isFinished && this.#openCode && !(lastLine + added).includes(this.#openCode.mark)) {
      this.#openCode.node.appendData(added);
      this.#openHtml = "";
      return;
    }
    this.#draw();
  }

  #clear(): void {
    this.element.replaceChildren();
    this.#source = "";
    this.#isFinished = false;
    this.#finishedLength = 0;
    this.#hasBrackets = false;
    this.#environment = { references: {}, isFinished: true };
    this.#openHtml = "";
    this.#openNodes = [];
    this.#openCode = null;
    this.#openList = null;
  }

  #draw(): void {
    const tail = this.#source.slice(this.#finishedLength);
    const boundary = this.#isFinished ? tail.length : this.#openBoundary(tail);
    if (boundary > 0) this.#finish(tail.slice(0, boundary));
    this.#drawOpen(tail.slice(boundary));
  }

  /** Return where in `tail` the first block begins that more text could still change. */
  #openBoundary(tail: string): number {
    const starts = blockStarts(parse(tail, this.#openEnvironment()));
    const lastStart = lineOffset(tail, starts.at(-1) ?? 0);
    const first = starts.at(isUndecided(tail, lastStart) ? -2 : -1);
    return first === undefined ? 0 : lineOffset(tail, first);
  }

  #finish(source: string): void {
    const end = this.#finishedLength + source.length;
    const known = Object.keys(this.#environment.references).length;
    let html = toHtml(parse(source, this.#environment), this.#environment);
    if (this.#hasBrackets && Object.keys(this.#environment.references).length > known) {
      // A link is defined below blocks that may use it: the one thing that reaches back.
      this.#removeOpen();
      this.element.replaceChildren();
      const all = this.#source.slice(0, end);
      html = toHtml(parse(all, this.#environment), this.#environment);
    }
    // What is drawn already stays, but for code, which gets its colours and its bar now.
    if (html !== this.#openHtml || html.includes("<pre")) {
      this.#removeOpen();
      this.#append(html, true);
    }
    this.#openNodes = [];
    this.#openHtml = "";
    this.#openCode = null;
    this.#openList = null;
    this.#finishedLength = end;
    this.#hasBrackets ||= source.includes("]");
  }

  #drawOpen(source: string): void {
    const environment = this.#openEnvironment();
    const tokens = parse(mend(source), environment);
    const html = toHtml(tokens, environment);
    if (html === this.#openHtml) return;
    const list = listParts(tokens, environment);
    if (!this.#growList(list)) {
      this.#removeOpen();
      this.#openNodes = this.#append(html, false);
      this.#openCode = this.#findOpenCode(source);
    }
    this.#openHtml = html;
    this.#openList = list;
  }

  /** Draw only the items of the open list that are new or have changed: a list may get long. */
  #growList(list: ListParts | null): boolean {
    const drawn = this.#openList;
    const element = this.#openNodes[0];
    if (!list || drawn?.opening !== list.opening || !(element instanceof Element)) return false;
    const changed = list.items.findIndex((item, index) => item !== drawn.items[index]);
    const first = changed < 0 ? list.items.length : changed;
    for (const item of [...element.children].slice(first)) item.remove();
    const fragment = sanitize(list.opening + list.items.slice(first).join("") + list.closing);
    decorate(fragment, false);
    element.append(...(fragment.firstElementChild?.children ?? []));
    return true;
  }

  #findOpenCode(source: string): OpenCode | null {
    const mark = OPEN_FENCE.exec(source)?.[1]?.[0];
    const [only, ...others] = this.#openNodes;
    if (!mark || others.length > 0 || !(only instanceof Element)) return null;
    const code = only.querySelector(":scope > pre > code");
    if (!code) return null;
    const node = code.firstChild ?? code.appendChild(document.createTextNode(""));
    return node instanceof Text ? { node, mark } : null;
  }

  #removeOpen(): void {
    for (const node of this.#openNodes) node.remove();
    this.#openNodes = [];
    this.#openHtml = "";
    this.#openCode = null;
    this.#openList = null;
  }

  #append(html: string, isFinished: boolean): ChildNode[] {
    const fragment = sanitize(html);
    decorate(fragment, isFinished);
    const nodes = [...fragment.childNodes];
    this.element.append(fragment);
    return nodes;
  }

  #openEnvironment(): Environment {
    return { references: { ...this.#environment.references }, isFinished: false };
  }
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

/** Close what is unfinished at the end; of code, drop what may become its closing fence. */
function mend(source: string): string {
  if (OPEN_FENCE.test(source)) return source.replace(/\n[`~]+$/, "\n");
  return remend(source.replace(OPEN_LINK, openLink), MEND);
}

/** Of a link whose address is still coming show the words; of an image nothing. */
function openLink(_link: string, before: string, mark: string, words: string): string {
  return before + (mark === "!" ? "" : words);
}

/** Return where line `line` of `text` begins. */
function lineOffset(text: string, line: number): number {
  let offset = 0;
  for (let passed = 0; passed < line; passed += 1) offset = text.indexOf("\n", offset) + 1;
  return offset;
}
