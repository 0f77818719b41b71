/**
 * The field for a model's name: free text, with suggestions that are filtered as one types. A
 * combobox in the sense of the ARIA practices: the focus stays in the text, arrow keys walk.
 */
import { html, nothing, render, type TemplateResult } from "lit-html";
import type { ChatState, ChatStore } from "../chat-state";
import type { OfferedModel } from "../wire/types";
import { compact, money } from "./words";

/** Options that are drawn; who wants another one types more of its name. */
const MOST_SHOWN = 60;
const GAP_PX = 4;
const TALLEST_PX = 264;

/** Return what makes ids: several forms may be open on one page. */
function numbered(word: string): () => string {
  let last = 0;
  return () => {
    last += 1;
    return `${word}-${last}`;
  };
}

const newId = numbered("dnb-models");

/** The model field of one settings form. */
export class ModelField {
  readonly #store: ChatStore;
  readonly #redraw: () => void;
  readonly #id = newId();
  readonly #asked = new Set<string>();
  #element: HTMLElement | null = null;
  #isOpen = false;
  /** What is filtered by; empty until the person has typed. */
  #typed = "";
  #active = -1;

  constructor(store: ChatStore, redraw: () => void) {
    this.#store = store;
    this.#redraw = redraw;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Forget what was typed and asked: the form was closed. */
  reset(): void {
    this.#close();
    this.#asked.clear();
    this.#typed = "";
  }

  template(state: ChatState): TemplateResult {
    const isActive = this.#isOpen && this.#active >= 0;
    return html`<div class="dnb-setting dnb-setting-wide dnb-model-field"
      @focusout=${this.#left}>
      <label for="${this.#id}-input">Model</label>
      <input id="${this.#id}-input" name="model" value=${state.model} required autocomplete="off"
        spellcheck="false" placeholder="provider:model" role="combobox" aria-autocomplete="list"
        aria-expanded=${this.#isOpen} aria-controls=${this.#id}
        aria-activedescendant=${isActive ? `${this.#id}-${this.#active}` : nothing}
        @input=${this.#changed} @keydown=${this.#pressed} @click=${this.#clicked} />
      <div id=${this.#id} class="dnb-models" role="listbox" aria-label="Models" popover="manual"
        @mousedown=${keepFocus}></div>
    </div>`;
  }

  /** Draw the list; its field has been drawn. */
  update(form: HTMLElement, state: ChatState): void {
    const list = form.querySelector<HTMLElement>(".dnb-models");
    this.#element = list;
    if (!list) return;
    const { shown, more, word } = this.#options(state);
    this.#active = Math.min(this.#active, shown.length - 1);
    render(
      this.#isOpen
        ? html`${shown.map((each, index) => this.#option(each, index))}
          ${word === null && more === 0 ? nothing : html`<div class="dnb-models-end" role="presentation">${word ?? `${more} more: type a part of the name`}</div>`}`
        : nothing,
      list,
    );
    if (this.#isOpen) this.#place(list);
    list.querySelector("[aria-selected=true]")?.scrollIntoView?.({ block: "nearest" });
  }

  #option(each: OfferedModel, index: number): TemplateResult {
    const { name, contextWindow, inputUsd, outputUsd } = each;
    const facts = [
      contextWindow === undefined ? null : compact(contextWindow),
      inputUsd === undefined || outputUsd === undefined
        ? null
        : `${money(inputUsd)} / ${money(outputUsd)}`,
    ].filter((fact) => fact !== null);
    return html`<div class="dnb-models-option" role="option" id="${this.#id}-${index}"
      aria-selected=${index === this.#active} title=${name} @click=${() => this.#pick(name)}>
      <span class="dnb-models-name">${name}</span>
      <span class="dnb-models-facts">${facts.join(" · ")}</span>
    </div>`;
  }

  /** Return what can be chosen now, and what there is to say about it. */
  #options(state: ChatState): { shown: OfferedModel[]; more: number; word: string | null } {
    const own = prefixOf(state.model);
    const wanted = prefixOf(this.#typed) || own;
    const served = state.models.get(wanted);
    const found = new Map<string, OfferedModel>();
    for (const each of served?.models ?? []) found.set(each.name, each);
    const all = [...(state.models.get("")?.models ?? [])];
    for (const each of all)
      if (prefixOf(each.name) === own) found.set(each.name, found.get(each.name) ?? each);
    for (const each of all) if (!found.has(each.name)) found.set(each.name, each);
    const words = this.#typed.toLowerCase().split(/\s+/).filter(Boolean);
    const fitting = [...found.values()].filter(({ name }) => {
      const lower = name.toLowerCase();
      return words.every((word) => lower.includes(word));
    });
    const shown = fitting.slice(0, MOST_SHOWN);
    const isWaiting = !state.models.has("") || (this.#asked.has(wanted) && served === undefined);
    let word = served?.reason ?? null;
    if (word === null && shown.length === 0) {
      word = isWaiting
        ? "Looking for models…"
        : "No known model has this name; it can be used all the same.";
    }
    return { shown, more: fitting.length - shown.length, word };
  }

  /** Lay the list over everything, below its field or above it: nothing may cut it off. */
  #place(list: HTMLElement): void {
    const input = this.#input();
    if (!input || !list.showPopover) return;
    const field = input.getBoundingClientRect();
    const below = window.innerHeight - field.bottom - 2 * GAP_PX;
    const isBelow = below >= Math.min(TALLEST_PX, field.top);
    const room = isBelow ? below : field.top - 2 * GAP_PX;
    Object.assign(list.style, {
      left: `${field.left}px`,
      width: `${field.width}px`,
      maxHeight: `${Math.max(Math.min(room, TALLEST_PX), 80)}px`,
      top: isBelow ? `${field.bottom + GAP_PX}px` : "auto",
      bottom: isBelow ? "auto" : `${window.innerHeight - field.top + GAP_PX}px`,
    });
    if (!list.matches(":popover-open")) {
      list.showPopover();
      // The field may move under its list: with the page, or by what grows above it.
      window.addEventListener("scroll", this.#scrolled, { capture: true, passive: true });
      window.addEventListener("resize", this.#close);
    }
  }

  #open(): void {
    this.#isOpen = true;
    this.#ask("");
    this.#ask(prefixOf(this.#store.state().model));
    this.#redraw();
  }

  readonly #close = (): void => {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#active = -1;
    window.removeEventListener("scroll", this.#scrolled, { capture: true });
    window.removeEventListener("resize", this.#close);
    if (this.#element?.isConnected) this.#element.hidePopover?.();
    this.#redraw();
  };

  readonly #scrolled = (event: Event): void => {
    if (this.#element && event.target !== this.#element) this.#place(this.#element);
  };

  readonly #left = (event: FocusEvent): void => {
    const field = event.currentTarget as HTMLElement;
    if (!field.contains(event.relatedTarget as Node | null)) this.#close();
  };

  #ask(provider: string): void {
    if (this.#asked.has(provider)) return;
    this.#asked.add(provider);
    this.#store.listModels(provider);
  }

  readonly #clicked = (): void => {
    if (!this.#isOpen) this.#open();
  };

  readonly #changed = (event: Event): void => {
    this.#typed = (event.target as HTMLInputElement).value.trim();
    this.#active = -1;
    // A provider's own list is asked for when its name is complete.
    const prefix = prefixOf(this.#typed);
    if (prefix !== "") this.#ask(prefix);
    this.#open();
  };

  readonly #pressed = (event: KeyboardEvent): void => {
    if (event.isComposing || event.keyCode === 229) return;
    const { key } = event;
    if (key === "ArrowDown" || key === "ArrowUp") {
      event.preventDefault();
      if (!this.#isOpen) this.#open();
      else this.#move(key === "ArrowDown" ? 1 : -1);
    } else if (this.#isOpen && key === "Escape") {
      // The list alone: a second Escape closes the form.
      event.stopPropagation();
      event.preventDefault();
      this.#close();
    } else if (this.#isOpen && this.#active >= 0 && key === "Enter") {
      event.preventDefault();
      const option = this.#element?.querySelector("[aria-selected=true]");
      this.#pick(option?.getAttribute("title") ?? "");
    }
  };

  #move(step: number): void {
    const count = this.#element?.querySelectorAll("[role=option]").length ?? 0;
    if (count === 0) return;
    // From the text itself into the list and, past either end, back to the text.
    this.#active = ((this.#active + 1 + step + count + 1) % (count + 1)) - 1;
    this.#redraw();
  }

  #pick(name: string): void {
    const input = this.#input();
    if (!input || name === "") return;
    input.value = name;
    this.#typed = "";
    input.focus();
    this.#close();
  }

  #input(): HTMLInputElement | null {
    return this.#element?.parentElement?.querySelector("input") ?? null;
  }
}

/** A press into the list must not take the focus from the field. */
function keepFocus(event: Event): void {
  event.preventDefault();
}

function prefixOf(name: string): string {
  return name.includes(":") ? name.slice(0, name.indexOf(":")).trim().toLowerCase() : "";
}
