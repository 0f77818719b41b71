/**
 * Formulas in markdown: `$…$`, `$$…$$`, `\(…\)` and `\[…\]`, in linear time.
 *
 * A dollar sign opens when something follows it, and closes behind something and before no
 * digit, as in Pandoc: "$5 and $6" stays text. A formula that has no end is text.
 */
import type MarkdownIt from "markdown-it";

// A formula longer than this is text: nobody writes one, and setting one takes time.
const LONGEST = 4_000;

/** Add the rules to a parser; `render` returns HTML for the source of a formula. */
export function formulas(
  md: MarkdownIt,
  render: (source: string, isDisplay: boolean) => string,
): void {
  md.inline.ruler.before("escape", "formula", (state, silent) => {
    const end = formulaEnd(state.src, state.pos);
    if (end === null || end.after > state.posMax) return false;
    if (!silent) {
      const token = state.push("formula", "", 0);
      token.content = state.src.slice(state.pos + end.mark, end.after - end.mark);
      token.markup = state.src.slice(state.pos, state.pos + end.mark);
    }
    state.pos = end.after;
    return true;
  });
  md.block.ruler.before(
    "paragraph",
    "formula",
    (state, startLine, endLine, silent) => {
      const start = (state.bMarks[startLine] ?? 0) + (state.tShift[startLine] ?? 0);
      const mark = state.src.slice(start, start + 2);
      const closing = mark === "$$" ? "$$" : mark === "\\[" ? "\\]" : null;
      if (closing === null || state.src[start + 2] === "$") return false;
      if (!isFormula(start + 2, next(state.src, closing, start + 2))) return false;
      const lines: string[] = [];
      let length = 0;
      for (let line = startLine; line < endLine && length <= LONGEST; line += 1) {
        const from = (state.bMarks[line] ?? 0) + (state.tShift[line] ?? 0);
        const text = state.src.slice(line === startLine ? start + 2 : from, state.eMarks[line]);
        if (line > startLine && (text === "" || (state.sCount[line] ?? 0) < state.blkIndent)) break;
        const place = text.indexOf(closing);
        if (place < 0) {
          lines.push(text);
          length += text.length + 1;
          continue;
        }
        const content = [...lines, text.slice(0, place)].join("\n").trim();
        if (content === "" || text.slice(place + 2).trim() !== "") return false;
        if (silent) return true;
        const token = state.push("formula_block", "", 0);
        token.content = content;
        token.map = [startLine, line + 1];
        token.markup = mark;
        state.line = line + 1;
        return true;
      }
      return false;
    },
    { alt: ["paragraph", "reference", "blockquote", "list"] },
  );
  md.renderer.rules.formula = (tokens, index) => {
    const { content = "", markup = "" } = tokens[index] ?? {};
    return render(content, markup === "$$" || markup === "\\[");
  };
  md.renderer.rules.formula_block = (tokens, index) => render(tokens[index]?.content ?? "", true);
}

interface End {
  /** How long the signs at each end are. */
  readonly mark: number;
  readonly after: number;
}

/** Return where the formula ends that begins at `start`; null if none begins there or it is open. */
export function formulaEnd(text: string, start: number): End | null {
  const mark = formulaMark(text, start);
  if (mark === null) return null;
  if (mark.startsWith("\\")) {
    const place = next(text, mark === "\\(" ? "\\)" : "\\]", start + 2);
    return isFormula(start + 2, place) ? { mark: 2, after: place + 2 } : null;
  }
  let place = next(text, mark, start + mark.length);
  while (isEscaped(text, place)) place = next(text, mark, place + 1);
  if (!isFormula(start + mark.length, place)) return null;
  if (mark === "$$") return { mark: 2, after: place + 2 };
  const isClosing = !/\s/.test(text[place - 1] ?? " ") && !/\d/.test(text[place + 1] ?? "");
  return isClosing ? { mark: 1, after: place + 1 } : null;
}

function isFormula(start: number, end: number): boolean {
  return end > start && end - start <= LONGEST;
}

/** What was found last: text without an end is searched once, not from each of its beginnings. */
const found = { text: "", sign: "", from: 0, at: 0 };

/** Return where `sign` stands next at or behind `from`; -1 if it does not. */
function next(text: string, sign: string, from: number): number {
  const isKnown = found.text === text && found.sign === sign && found.from <= from;
  if (!isKnown || (found.at >= 0 && found.at < from)) {
    Object.assign(found, { text, sign, from, at: text.indexOf(sign, from) });
  }
  return found.at;
}

/** Return the signs that open a formula at `start`, if the character there can. */
export function formulaMark(text: string, start: number): "$" | "$$" | "\\(" | "\\[" | null {
  const two = text.slice(start, start + 2);
  if (two === "\\(" || two === "\\[" || two === "$$") return two;
  return two.startsWith("$") && !/^\$\s/.test(two) ? "$" : null;
}

function isEscaped(text: string, place: number): boolean {
  if (place <= 0) return false;
  let first = place;
  while (text[first - 1] === "\\") first -= 1;
  return (place - first) % 2 === 1;
}
