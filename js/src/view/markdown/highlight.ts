/** Colours for code: highlight.js with the languages that notebooks talk about, line by line. */
import hljs from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import cpp from "highlight.js/lib/languages/cpp";
import diff from "highlight.js/lib/languages/diff";
import json from "highlight.js/lib/languages/json";
import julia from "highlight.js/lib/languages/julia";
import markdown from "highlight.js/lib/languages/markdown";
import python from "highlight.js/lib/languages/python";
import r from "highlight.js/lib/languages/r";
import sql from "highlight.js/lib/languages/sql";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";

const languages = {
  bash,
  cpp,
  diff,
  json,
  julia,
  markdown,
  python,
  r,
  sql,
  typescript,
  xml,
  yaml,
};
for (const [name, language] of Object.entries(languages)) hljs.registerLanguage(name, language);
// Its grammar holds that of JavaScript, once more: 6 kB.
hljs.registerAliases(["javascript", "js", "jsx", "mjs", "cjs"], { languageName: "typescript" });

/** A piece of a line and the class of its colour; null is plain. */
export interface Run {
  readonly text: string;
  readonly className: string | null;
}
export type Line = readonly Run[];

/** What highlight.js keeps of the tree it built; text, and nodes with a scope. */
interface Tree {
  readonly scope?: string;
  readonly children: readonly (Tree | string)[];
}

export function isKnown(language: string): boolean {
  return hljs.getLanguage(language) !== undefined;
}

/**
 * Return the lines of `code`, each with its newline, coloured.
 *
 * `isAtRest` says that nothing is open at the end, no string and no comment: what follows can
 * be coloured without what came before.
 */
export function highlight(code: string, language: string): { lines: Line[]; isAtRest: boolean } {
  const { _emitter, _top } = hljs.highlight(code, { language, ignoreIllegals: true });
  const lines: Run[][] = [[]];
  const walk = (node: Tree | string, className: string | null): void => {
    if (typeof node === "string") {
      for (const [index, part] of node.split("\n").entries()) {
        if (index > 0) lines.push([]);
        if (part !== "") lines.at(-1)?.push({ text: part, className });
      }
      return;
    }
    const own = /^[a-z-]+/.exec(node.scope ?? "")?.[0];
    // A sub-language is a scope too, of no colour.
    const inner = own && !node.scope?.startsWith("language:") ? `hljs-${own}` : className;
    for (const child of node.children) walk(child, inner);
  };
  walk((_emitter as unknown as { readonly rootNode: Tree }).rootNode, null);
  if (lines.at(-1)?.length === 0) lines.pop();
  return { lines, isAtRest: !(_top as { readonly parent?: unknown } | undefined)?.parent };
}
