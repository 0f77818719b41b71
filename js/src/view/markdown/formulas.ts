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
        if (text.slice(place + 2).trim() !== "") return false;
        if (silent) return true;
        const token = state.push("formula_block", "", 0);
        token.content = [...lines, text.slice(0, place)].join("\n").trim();
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
  const window = text.slice(start, start + LONGEST);
  if (mark.startsWith("\\")) {
    const place = window.indexOf(mark === "\\(" ? "\\)" : "\\]", 2);
    return place > 2 ? { mark: 2, after: start + place + 2 } : null;
  }
  for (let place = mark.length; ; place += 1) {
    place = window.indexOf("$", place);
    if (place < 0) return null;
    if (isEscaped(window, place)) continue;
    if (mark === "$$") {
      if (window[place + 1] !== "$") continue;
      return place > 2 ? { mark: 2, after: start + place + 2 } : null;
    }
    const isClosing = !/\s/.test(window[place - 1] ?? " ") && !/\d/.test(window[place + 1] ?? "");
    return isClosing ? { mark: 1, after: start + place + 1 } : null;
  }
}

/** Return the signs that open a formula at `start`, if the character there can. */
export function formulaMark(text: string, start: number): "$" | "$$" | "\\(" | "\\[" | null {
  const two = text.slice(start, start + 2);
  if (two === "\\(" || two === "\\[" || two === "$$") return two;
  return two.startsWith("$") && !/^\$\s/.test(two) ? "$" : null;
}

function isEscaped(text: string, place: number): boolean {
  let first = place;
  while (text[first - 1] === "\\") first -= 1;
  return (place - first) % 2 === 1;
}
