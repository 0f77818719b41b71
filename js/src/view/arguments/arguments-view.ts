/**
 * The arguments of one call, while they are written and after: on one line as long as they fit
 * there, else by name below each other. The nodes stay the same ones all the time.
 */
import type { Folds } from "../folded";
import { short } from "../words";
import { type Arguments, completeArguments } from "./complete";
import { ArgumentReader } from "./partial-json";
import { ValueView } from "./value-view";

interface Shown {
  readonly name: string | null;
  readonly value: ValueView;
}

export class ArgumentsView {
  /** For the line that names the tool; empty if the arguments do not fit there. */
  readonly inline = document.createElement("span");
  /** For below it. */
  readonly block = document.createElement("div");
  readonly #list = document.createElement("dl");
  #values: Shown[] = [];
  #reader = new ArgumentReader();
  #input = "";
  #complete: { readonly input: unknown; readonly arguments: Arguments } | null = null;

  constructor() {
    this.inline.className = "dnb-tool-inline";
    this.block.className = "dnb-tool-part";
    this.block.hidden = true;
    this.#list.className = "dnb-arguments";
  }

  /** Show what is written so far; only what is new of it is read. */
  write(input: string): void {
    if (this.#complete !== null || !input.startsWith(this.#input)) this.#clear();
    if (input.length === this.#input.length) return;
    this.#reader.read(input.slice(this.#input.length));
    this.#input = input;
    const { entries, inline } = this.#reader;
    this.#say(inline);
    if (inline !== null) return;
    const grown = Math.max(this.#values.length - 1, 0);
    this.#arrange(this.#reader);
    // Only the newest one grows.
    for (let index = grown; index < entries.length; index += 1) {
      this.#values[index]?.value.grow(entries[index]?.text ?? "");
    }
  }

  /** Show the arguments of a call that is written to its end; `name` is the card's, for folds. */
  finish(input: unknown, name: string, folds: Folds): void {
    if (this.#complete === null || this.#complete.input !== input) {
      this.#complete = { input, arguments: completeArguments(input) };
      this.#reader = new ArgumentReader();
      this.#input = "";
    }
    const complete = this.#complete.arguments;
    this.#say(complete.inline);
    if (complete.inline !== null) return;
    this.#arrange(complete);
    for (const [index, entry] of complete.entries.entries()) {
      const place = entry.name === null ? `${name}.input` : `${name}.input.${entry.name}`;
      const isOpen = folds.get(place) ?? false;
      const toggle = () => folds.set(place, !isOpen);
      this.#values[index]?.value.rest(entry.text, { isOpen, toggle });
    }
  }

  #clear(): void {
    this.#reader = new ArgumentReader();
    this.#input = "";
    this.#complete = null;
    this.#values = [];
    this.#list.replaceChildren();
    this.block.replaceChildren();
  }

  #say(inline: string | null): void {
    const line = inline ?? "";
    if (this.inline.textContent !== line) this.inline.textContent = line;
    if (this.block.hidden === (inline !== null)) return;
    this.block.hidden = inline !== null;
  }

  /** Have a place for each argument; those that are there stay. */
  #arrange({ entries }: Arguments): void {
    const isSame = this.#values.every(
      ({ name }, index) => index < entries.length && name === entries[index]?.name,
    );
    if (!isSame) {
      this.#values = [];
      this.#list.replaceChildren();
      this.block.replaceChildren();
    }
    for (const { name } of entries.slice(this.#values.length)) {
      const value = new ValueView(name ?? "Arguments");
      this.#values.push({ name, value });
      if (name === null) this.block.append(value.element);
      else this.#add(name, value.element);
    }
  }

  #add(name: string, element: HTMLElement): void {
    const term = document.createElement("dt");
    term.textContent = short(name);
    const description = document.createElement("dd");
    description.append(element);
    this.#list.append(term, description);
    if (this.#list.parentNode !== this.block) this.block.append(this.#list);
  }
}
