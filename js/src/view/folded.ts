/** Long plain text, folded to its first lines until the person wants all of it. */
import { html, nothing, type TemplateResult } from "lit-html";
import { plural, size } from "./words";

const LINES = 8;
const CHARACTERS = 800;

/** What the person folded and unfolded, by a name of the place. */
export interface Folds {
  get(name: string): boolean | undefined;
  set(name: string, isOpen: boolean): void;
}

/** Return text as it was written; a long one, a file for instance, with a button for the rest. */
export function foldedText(text: string, name: string, folds: Folds): unknown {
  const [characters, lines] = [6_000, 80];
  const isLong = text.length > characters + 500 || text.split("\n", lines + 6).length > lines + 5;
  if (!isLong) return text;
  const isOpen = folds.get(name) ?? false;
  const shown = isOpen ? text : text.split("\n", lines).join("\n").slice(0, characters);
  return html`${shown}${isOpen ? nothing : "…"}
    <button type="button" class="dnb-quiet dnb-more" aria-expanded=${isOpen}
      @click=${() => folds.set(name, !isOpen)}>${isOpen ? "Show less" : `Show all (${size(text)})`}</button>`;
}

/** Return `text` as preformatted lines under `label`; a long one with a button for the rest. */
export function folded(text: string, name: string, label: string, folds: Folds): TemplateResult {
  const isOpen = folds.get(name) ?? false;
  const { shown, isLong, word } = foldedLines(text, isOpen);
  return html`<div class="dnb-folded" ?data-cut=${isLong && !isOpen}>
    <pre class="dnb-plain" tabindex="0" role="group" aria-label=${label}>${shown}</pre>
    ${
      isLong
        ? html`<button type="button" class="dnb-quiet dnb-more" aria-expanded=${isOpen}
            @click=${() => folds.set(name, !isOpen)}>${word}</button>`
        : nothing
    }
  </div>`;
}

/** What is shown of a text, and what the button below a long one says. */
export interface FoldedLines {
  readonly shown: string;
  readonly isLong: boolean;
  readonly word: string;
}

/** Return the lines that are shown of `text`. */
export function foldedLines(text: string, isOpen: boolean): FoldedLines {
  const isLong = text.length > CHARACTERS + 200 || text.split("\n", LINES + 3).length > LINES + 2;
  if (!isLong) return { shown: text, isLong, word: "" };
  if (isOpen) return { shown: text, isLong, word: "Show less" };
  const lines = text.split("\n");
  const shown = lines.slice(0, LINES).join("\n").slice(0, CHARACTERS);
  return { shown, isLong, word: `Show all (${plural(lines.length, "line")}, ${size(text)})` };
}
