/**
 * The open end of markdown that is still coming: what is undecided there waits, and what is
 * surely begun is closed, so that no sign of the markup itself is ever on screen.
 */
import type MarkdownIt from "markdown-it";
import { formulaEnd, formulaMark } from "./formulas";

const FENCE = /^(?:[ \t>]|[-*+][ \t]|\d{1,9}[.)][ \t])*(`{3,}|~{3,})([^\n]*)$/;
/** What lines begin with inside quotes and lists. */
const PREFIX = /^(?:[ \t>]|[-*+](?=[ \t])|\d{1,9}[.)](?=[ \t]))*/;
/** The beginnings of blocks, which mean nothing yet. */
const UNDECIDED =
  /^(?:[-+=*_#~`][-+=*_#~` ]*|\d{1,9}[.)]?|\[[ xX]?\]?[ ]*|(?:`{3,}|~{3,}).*|\$\$?|\\\[?)?$/;
/** The line below a table's head, as far as it has come. */
const TABLE_RULE = /^[|:\- \t]*$/;
const LONGEST_HEAD = 400;
const DEEPEST = 12;
// What waits for its end longer than this was meant as it stands.
const PATIENCE = { brackets: 240, code: 400, formula: 2_000, address: 2_000 };

/** Return `source` without the lines at its end that may yet become something else. */
export function decidedLines(source: string): string {
  const lastBreak = source.lastIndexOf("\n");
  const last = source.slice(lastBreak + 1);
  if (isInFence(source, lastBreak)) {
    return /^[ \t>]*[`~]+[ \t]*$/.test(last) ? source.slice(0, lastBreak + 1) : source;
  }
  const rest = last.replace(PREFIX, "");
  if (rest.length > LONGEST_HEAD) return source;
  const [before, beforeThat] = linesBefore(source, lastBreak);
  const isHead = mayBeTableHead(before) && !mayBeTableHead(beforeThat);
  if (isHead && TABLE_RULE.test(rest)) {
    return source.slice(0, source.lastIndexOf("\n", lastBreak - 1) + 1);
  }
  const isRow = mayBeTableHead(before) && !isHead;
  const waits = isRow ? /^\|?[ \t]*$/.test(rest) : UNDECIDED.test(rest) || mayBeTableHead(last);
  return waits ? source.slice(0, lastBreak + 1) : source;
}

function isInFence(source: string, end: number): boolean {
  if (!/`{3}|~{3}/.test(source)) return false;
  let open: string | null = null;
  for (const line of source.slice(0, Math.max(end, 0)).split("\n")) {
    const [, mark, info = ""] = FENCE.exec(line) ?? [];
    if (mark === undefined) continue;
    if (open === null) open = mark.startsWith("`") && info.includes("`") ? null : mark;
    else if (mark.startsWith(open) && info.trim() === "") open = null;
  }
  return open !== null;
}

/** Return the last whole line and the one before it. */
function linesBefore(source: string, lastBreak: number): [string, string] {
  if (lastBreak < 0) return ["", ""];
  const first = source.lastIndexOf("\n", lastBreak - 1);
  const second = first < 0 ? "" : source.slice(source.lastIndexOf("\n", first - 1) + 1, first);
  return [source.slice(first + 1, lastBreak), second];
}

function mayBeTableHead(line: string): boolean {
  if (line.length > LONGEST_HEAD) return false;
  const rest = line.replace(PREFIX, "");
  return rest.startsWith("|") || (line.length < 120 && / \| /.test(rest.replace(/`[^`]*`/g, "")));
}

/** Return inline markdown up to what is undecided, with what is surely begun closed. */
export function decidedInline(text: string): string {
  for (let place = 0; place < text.length; ) {
    const step = inlineStep(text, place);
    if (typeof step === "string") return withoutMarks(step);
    place = step;
  }
  return withoutMarks(text);
}

/** Emphasis that opens or closes at the very end says nothing yet; the parser closes the rest. */
function withoutMarks(text: string): string {
  let end = text.length;
  while (end > 0 && "*_~".includes(text[end - 1] ?? " ")) end -= 1;
  if (text[end - 1] === "\\" && end < text.length) end += 1;
  return text.slice(0, end).trimEnd();
}

/** Return the place behind what begins at `place`; the text to show instead, if it is unfinished. */
function inlineStep(text: string, place: number): number | string {
  const shown = text.slice(0, place);
  const left = text.length - place;
  const mark = formulaMark(text, place);
  if (mark !== null) {
    const end = formulaEnd(text, place);
    if (end) return end.after;
    const isOpen =
      left < PATIENCE.formula && !/^\$\d[\d.,]*(?:\s|[^\w\\^{}]|$)/.test(text.slice(place));
    return isOpen && isAlone(text, place, mark) ? shown : place + mark.length;
  }
  switch (text[place]) {
    case "\\":
      return left === 1 ? shown : place + 2;
    case "`":
      return codeStep(text, place);
    case "!":
      return text[place + 1] === "[" ? bracketStep(text, place, 1) : left === 1 ? shown : place + 1;
    case "[":
      return bracketStep(text, place, 0);
    case "<":
      return /^<(?:h|ht|htt|https?(?::[^\s<>]{0,500})?)?$/.test(text.slice(place))
        ? shown
        : place + 1;
    case "&":
      return /^&(?:#x?[0-9a-f]{0,6}|[a-z][a-z0-9]{0,31})?$/i.test(text.slice(place, place + 40)) &&
        left < 40
        ? shown
        : place + 1;
    default:
      return place + 1;
  }
}

/** A dollar sign that another one follows on its line has been judged: it is text. */
function isAlone(text: string, place: number, mark: string): boolean {
  return mark !== "$" || !text.slice(place + 1).includes("$");
}

function codeStep(text: string, place: number): number | string {
  const [run = ""] = /^`+/.exec(text.slice(place, place + 64)) ?? [];
  const from = place + run.length;
  for (let at = text.indexOf(run, from); at >= 0 && at - from < PATIENCE.code; ) {
    let end = at;
    while (text[end] === "`") end += 1;
    if (end - at === run.length) return end;
    at = text.indexOf(run, end);
  }
  if (text.length - from > PATIENCE.code) return from;
  const code = text.slice(from).replace(/`+$/, "");
  return code.trim() === "" ? text.slice(0, place) : text.slice(0, from) + code + run;
}

function bracketStep(text: string, place: number, isImage: 0 | 1): number | string {
  const shown = text.slice(0, place);
  const from = place + isImage + 1;
  const close = closing(text, from, "[", "]", PATIENCE.brackets);
  if (close === null) return text.length - place < PATIENCE.brackets ? shown : from;
  if (close === text.length - 1) return shown;
  const next = text[close + 1];
  if (next === "[") {
    const end = closing(text, close + 2, "[", "]", PATIENCE.brackets);
    return end === null && text.length - close < PATIENCE.brackets ? shown : from;
  }
  if (next !== "(") return from;
  const end = closing(text, close + 2, "(", ")", PATIENCE.address);
  if (end !== null) return isImage ? end + 1 : from;
  if (text.length - close > PATIENCE.address) return from;
  // The words of a link are there: they look like one already, and lead nowhere yet.
  return isImage ? shown : `${shown}[${text.slice(from, close)}](#)`;
}

/** Return where the bracket closes that is open before `from`; null if not within `patience`. */
function closing(
  text: string,
  from: number,
  open: string,
  close: string,
  patience: number,
): number | null {
  let depth = 1;
  for (let at = from; at < text.length && at - from < patience; at += 1) {
    const char = text[at];
    if (char === "\\") at += 1;
    else if (char === open) depth += 1;
    else if (char === close) {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return null;
}

interface Delimiter {
  end: number;
}

/** Emphasis in emphasis in emphasis is nobody's text, and each level costs the page layout. */
function flatten(delimiters: readonly Delimiter[]): void {
  const ends: number[] = [];
  for (const [index, delimiter] of delimiters.entries()) {
    while (ends.length > 0 && (ends.at(-1) ?? 0) <= index) ends.pop();
    if (delimiter.end === -1) continue;
    if (ends.length >= DEEPEST) delimiter.end = -1;
    else ends.push(delimiter.end);
  }
}

/** What a parse of an open end carries. */
export interface OpenEnd {
  isOpen: boolean;
  /** The inline token that is still growing. */
  growing?: unknown;
}

/** Make a parser mend the last inline text of a source whose `OpenEnd.isOpen`. */
export function openEnd(md: MarkdownIt): void {
  md.core.ruler.after("block", "open_end", (state) => {
    const environment = state.env as OpenEnd;
    if (!environment.isOpen) return;
    const token = [...state.tokens].reverse().find(({ nesting }) => nesting >= 0);
    if (token?.type !== "inline") return;
    token.content = decidedInline(token.content);
    environment.growing = token.children;
  });
  md.inline.ruler2.after("balance_pairs", "open_end", (state) => {
    flatten(state.delimiters);
    if (state.env?.growing !== state.tokens) return false;
    // What could as well be closing, as in 2*3, may be no emphasis at all.
    const openers = state.delimiters.filter(({ end, open, close }) => end < 0 && open && !close);
    if (openers.length > DEEPEST) return false;
    for (const opener of openers.reverse()) {
      const token = state.push("text", "", 0);
      token.content = state.tokens[opener.token]?.content ?? "";
      const closing = { ...opener, token: state.tokens.length - 1, open: false, close: true };
      (opener as Delimiter).end = state.delimiters.push(closing) - 1;
    }
    return false;
  });
}
