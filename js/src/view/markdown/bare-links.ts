/** Addresses that stand in the text as they are: `https://…` becomes a link, in linear time. */
import type MarkdownIt from "markdown-it";

const SCHEME = /(?:^|[^a-z0-9])(https?)$/i;
const REST = /:\/\/[^\s<>"`\\^{|}\u{fffd}]{1,2000}/uy;
// What ends a sentence, closes a bracket or marks emphasis around an address is no part of it.
const CLOSING = /[.,;:!?'*_~)\]]/;

/** Add the rule to a parser. */
export function bareLinks(md: MarkdownIt): void {
  md.inline.ruler.push("bare_link", (state, silent) => {
    const { linkLevel } = state as unknown as { readonly linkLevel: number };
    if (state.src.charCodeAt(state.pos) !== 0x3a || linkLevel > 0) return false;
    const scheme = SCHEME.exec(state.pending)?.[1];
    if (!scheme) return false;
    REST.lastIndex = state.pos;
    const rest = trimmed(REST.exec(state.src.slice(0, state.posMax))?.[0] ?? "");
    const href = md.normalizeLink(scheme + rest);
    if (rest.length < 4 || !md.validateLink(href)) return false;
    if (!silent) {
      state.pending = state.pending.slice(0, -scheme.length);
      const open = state.push("link_open", "a", 1);
      open.attrs = [["href", href]];
      open.markup = "linkify";
      state.push("text", "", 0).content = scheme + rest;
      state.push("link_close", "a", -1).markup = "linkify";
    }
    state.pos += rest.length;
    return true;
  });
}

function trimmed(rest: string): string {
  let end = rest.length;
  let depth = 0;
  for (const char of rest) depth += char === "(" ? 1 : char === ")" ? -1 : 0;
  for (; end > 0; end -= 1) {
    const last = rest[end - 1] ?? "";
    // A closing parenthesis stays when the address itself opened it.
    if (!CLOSING.test(last) || (last === ")" && depth >= 0)) break;
    if (last === ")") depth += 1;
  }
  return rest.slice(0, end);
}
