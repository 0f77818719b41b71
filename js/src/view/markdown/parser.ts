/** Markdown source to tokens and HTML: CommonMark with tables, no raw HTML, nothing that loads. */
import MarkdownIt from "markdown-it";
import { bareLinks } from "./bare-links";
import { formulas } from "./formulas";
import { type OpenEnd, openEnd } from "./open-end";

const WIDEST = 200;
const MOST_CELLS = 4_000;

export type Tokens = ReturnType<MarkdownIt["parse"]>;

/** What one parse carries: link definitions, and whether more text may follow. */
export interface Environment extends OpenEnd {
  references: Record<string, { title: string; href: string }>;
}

const parser = new MarkdownIt({ html: false, typographer: false, linkify: false });
// Deeper nesting is nobody's text; each level costs the page layout.
parser.set({ maxNesting: 24 } as Parameters<typeof parser.set>[0]);
parser.use(bareLinks).use(openEnd);
const { escapeHtml } = parser.utils;
const rules = parser.renderer.rules;

// Neither `href` nor `src` is ever written: a browser may look up the host of a link, and loads
// an image, as soon as such an attribute exists. `controls` turns these marks into controls.
rules.link_open = (tokens, index) =>
  `<a data-href="${escapeHtml(tokens[index]?.attrGet("href") ?? "")}">`;
rules.image = (tokens, index, options, environment, renderer) => {
  const token = tokens[index];
  const source = escapeHtml(token?.attrGet("src") ?? "");
  const alt = renderer.renderInlineAsText(token?.children ?? [], options, environment);
  return `<span data-image="${source}" data-alt="${escapeHtml(alt)}"></span>`;
};
parser.use(formulas, (source: string, isDisplay: boolean) => {
  const display = isDisplay ? ' data-display=""' : "";
  return `<span data-formula="${escapeHtml(source)}"${display}></span>`;
});

// A table grows the row that is short to the width of its head: a few signs make many cells.
const { __rules__: blockRules } = parser.block.ruler as unknown as {
  readonly __rules__: readonly {
    name: string;
    fn: ReturnType<typeof parser.block.ruler.getRules>[0];
  }[];
};
const tableRule = blockRules.find(({ name }) => name === "table")?.fn;
if (tableRule) {
  parser.block.ruler.at(
    "table",
    (state, startLine, endLine, silent) => {
      const head = state.src.slice(state.bMarks[startLine], state.eMarks[startLine]);
      const columns = head.split("|", WIDEST + 2).length;
      if (columns > WIDEST) return false;
      const last = startLine + 2 + Math.floor(MOST_CELLS / columns);
      return tableRule(state, startLine, Math.min(endLine, last), silent);
    },
    { alt: ["paragraph", "reference"] },
  );
}
rules.table_open = () => '<div class="dnb-table"><table>';
rules.table_close = () => "</table></div>";
rules.th_open = (tokens, index) => `<th${alignment(tokens[index]?.attrGet("style"))}>`;
rules.td_open = (tokens, index) => `<td${alignment(tokens[index]?.attrGet("style"))}>`;
rules.fence = (tokens, index) => {
  const token = tokens[index];
  return code(token?.content ?? "", token?.info.trim().split(/\s+/, 1)[0] ?? "");
};
rules.code_block = (tokens, index) => code(tokens[index]?.content ?? "", "");
rules.checkbox = (tokens, index) => `<span data-check="${tokens[index]?.markup}"></span>`;

function alignment(style: string | null | undefined): string {
  const side = /(right|center)/.exec(style ?? "")?.[1];
  return side ? ` class="dnb-${side}"` : "";
}

function code(content: string, language: string): string {
  return `<pre data-language="${escapeHtml(language)}">${escapeHtml(content)}</pre>\n`;
}

/** An item that begins with `[ ]` or `[x]` is a task: the sign becomes a box. */
parser.core.ruler.after("inline", "tasks", ({ tokens, Token }) => {
  for (const [index, token] of tokens.entries()) {
    if (tokens[index - 2]?.type !== "list_item_open" || !token.children) continue;
    const [first] = token.children;
    const mark = first?.type === "text" ? /^\[([ xX])\](?:\s+|$)/.exec(first.content) : null;
    if (!first || !mark) continue;
    first.content = first.content.slice(mark[0].length);
    const box = new Token("checkbox", "", 0);
    box.markup = mark[1] === " " ? "open" : "done";
    token.children.unshift(box);
  }
});

/** Return the tokens of a piece of markdown; its link definitions are added to `environment`. */
export function parse(source: string, environment: Environment): Tokens {
  return parser.parse(source, environment);
}

/** Return unsanitised HTML for tokens. */
export function toHtml(tokens: Tokens, environment: Environment): string {
  return parser.renderer.render(tokens, parser.options, environment);
}

/** Return the first line of each top-level block of a piece of markdown. */
export function blockStarts(source: string, environment: Environment): number[] {
  const tokens: Tokens = [];
  parser.block.parse(source, parser, environment, tokens);
  const starts: number[] = [];
  for (const token of tokens) {
    if (token.level === 0 && token.nesting >= 0 && token.map) starts.push(token.map[0]);
  }
  return starts;
}

/** A block as the HTML of its parts: the items of a list, the rows of a table. */
export interface Parts {
  readonly opening: string;
  readonly items: readonly string[];
  readonly closing: string;
}

const PARTS: Readonly<Record<string, { readonly level: number; readonly close: string }>> = {
  bullet_list_open: { level: 1, close: "list_item_close" },
  ordered_list_open: { level: 1, close: "list_item_close" },
  table_open: { level: 2, close: "tr_close" },
};

/** Return the parts of a list or table that is all there is in `tokens`, else null. */
export function blockParts(tokens: Tokens, environment: Environment): Parts | null {
  const kind = PARTS[tokens[0]?.type ?? ""];
  if (!kind) return null;
  const body = tokens.findIndex(({ type }) => type === "tbody_open");
  if (kind.level === 2 && body < 0) return null;
  const first = kind.level === 2 ? body + 1 : 1;
  const ends: number[] = [];
  for (const [index, { level, type }] of tokens.entries()) {
    if (level === 0 && index > 0 && index < tokens.length - 1) return null;
    if (index >= first && level === kind.level && type === kind.close) ends.push(index + 1);
  }
  const html = (from: number, to: number) => toHtml(tokens.slice(from, to), environment);
  return {
    opening: html(0, first),
    items: ends.map((end, index) => html(ends[index - 1] ?? first, end)),
    closing: html(ends.at(-1) ?? first, tokens.length),
  };
}
