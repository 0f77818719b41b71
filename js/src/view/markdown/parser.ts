/** Markdown source to tokens and HTML: CommonMark with tables, no raw HTML, nothing that loads. */
import MarkdownIt from "markdown-it";
import { highlight } from "./highlight";

export type Tokens = ReturnType<MarkdownIt["parse"]>;

/** What one parse carries: link definitions, and whether code is complete enough to colour. */
export interface Environment {
  references: Record<string, { title: string; href: string }>;
  isFinished: boolean;
}

const parser = new MarkdownIt({ html: false, typographer: false, linkify: true });
parser.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });
const { escapeHtml } = parser.utils;
const rules = parser.renderer.rules;

// Neither `href` nor `src` is ever written: a browser may look up the host of a link, and loads
// an image, as soon as such an attribute exists. `decorate` turns these marks into controls.
rules.link_open = (tokens, index) =>
  `<a data-href="${escapeHtml(tokens[index]?.attrGet("href") ?? "")}">`;
rules.image = (tokens, index, options, environment, renderer) => {
  const token = tokens[index];
  const source = escapeHtml(token?.attrGet("src") ?? "");
  const alt = renderer.renderInlineAsText(token?.children ?? [], options, environment);
  return `<span data-image="${source}" data-alt="${escapeHtml(alt)}"></span>`;
};

rules.table_open = () => '<div class="dnb-table"><table>';
rules.table_close = () => "</table></div>";
rules.th_open = (tokens, index) => `<th${alignment(tokens[index]?.attrGet("style"))}>`;
rules.td_open = (tokens, index) => `<td${alignment(tokens[index]?.attrGet("style"))}>`;
rules.fence = (tokens, index, _options, environment: Environment) => {
  const token = tokens[index];
  return code(token?.content ?? "", token?.info.trim().split(/\s+/, 1)[0] ?? "", environment);
};
rules.code_block = (tokens, index, _options, environment: Environment) =>
  code(tokens[index]?.content ?? "", "", environment);

function alignment(style: string | null | undefined): string {
  const side = /(right|center)/.exec(style ?? "")?.[1];
  return side ? ` class="dnb-${side}"` : "";
}

function code(content: string, language: string, environment: Environment): string {
  const coloured = environment.isFinished ? highlight(content, language) : null;
  const label = escapeHtml(language);
  return `<pre data-language="${label}"><code>${coloured ?? escapeHtml(content)}</code></pre>`;
}

/** Return the tokens of a piece of markdown; its link definitions are added to `environment`. */
export function parse(source: string, environment: Environment): Tokens {
  return parser.parse(source, environment);
}

/** Return unsanitised HTML for tokens. */
export function toHtml(tokens: Tokens, environment: Environment): string {
  return parser.renderer.render(tokens, parser.options, environment);
}

/** Return the first line of each top-level block. */
export function blockStarts(tokens: Tokens): number[] {
  const starts: number[] = [];
  for (const token of tokens) {
    if (token.level === 0 && token.nesting >= 0 && token.map) starts.push(token.map[0]);
  }
  return starts;
}

/** A list as the HTML of its parts. */
export interface ListParts {
  readonly opening: string;
  readonly items: readonly string[];
  readonly closing: string;
}

/** Return the parts of a list that is all there is in `tokens`, else null. */
export function listParts(tokens: Tokens, environment: Environment): ListParts | null {
  const [first, last] = [tokens[0], tokens.at(-1)];
  if (!first?.type.endsWith("_list_open") || !last) return null;
  const ends: number[] = [];
  for (const [index, { level, type }] of tokens.entries()) {
    if (level === 0 && index > 0 && index < tokens.length - 1) return null;
    if (level === 1 && type === "list_item_close") ends.push(index + 1);
  }
  return {
    opening: toHtml([first], environment),
    items: ends.map((end, index) => toHtml(tokens.slice(ends[index - 1] ?? 1, end), environment)),
    closing: toHtml([last], environment),
  };
}
