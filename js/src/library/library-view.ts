/** One view of a store: search, list, and the opened chat in the list's place. */
import { html, nothing, render, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import type { Shown } from "../show-widget";
import { icons } from "../view/icons";
import { ago, count, money, plural } from "../view/words";
import type { ListedConversation } from "../wire/types";
import type { LibraryState, LibraryStore } from "./library-store";

export class LibraryView {
  readonly root = document.createElement("div");
  readonly #list = document.createElement("div");
  readonly #place = document.createElement("div");
  readonly #store: LibraryStore;
  readonly #show: (reference: string) => Promise<Shown>;
  readonly #unsubscribe: () => void;
  #opened: string | null = null;
  #shown: Shown | null = null;
  #lastRow: string | null = null;

  constructor(store: LibraryStore, show: (reference: string) => Promise<Shown>) {
    this.#store = store;
    this.#show = show;
    this.root.className = "dnb-library";
    // The notebook's own keys and menu would act on the cell while the person types here.
    this.root.setAttribute("data-lm-suppress-shortcuts", "true");
    this.root.setAttribute("data-jp-suppress-context-menu", "");
    this.root.classList.add("lm-suppress-shortcuts");
    for (const name of ["keydown", "keypress", "keyup"]) {
      this.root.addEventListener(name, (event) => event.stopPropagation());
    }
    this.#list.className = "dnb-chat dnb-library-list";
    this.#place.className = "dnb-library-place";
    this.root.append(this.#list, this.#place);
    this.#unsubscribe = store.subscribe(() => this.#draw());
    this.#draw();
  }

  close(): void {
    this.#unsubscribe();
    this.#shown?.remove();
    this.root.remove();
  }

  #draw(): void {
    const state = this.#store.state();
    render(state.opened === null ? this.#template(state) : this.#bar(state), this.#list);
    if (state.opened !== this.#opened) void this.#swap(state.opened);
  }

  /** Put the chat that is open now in the place of the one before. */
  async #swap(opened: string | null): Promise<void> {
    this.#opened = opened;
    this.#shown?.remove();
    this.#shown = null;
    this.#place.replaceChildren();
    if (opened === null) {
      this.#row(this.#lastRow)?.focus();
      return;
    }
    this.#list.querySelector<HTMLElement>(".dnb-library-back")?.focus();
    const shown = await this.#show(opened);
    if (this.#opened !== opened) {
      shown.remove();
      return;
    }
    this.#shown = shown;
    this.#place.append(shown.el);
  }

  #bar({ trouble }: LibraryState): TemplateResult {
    return html`<div class="dnb-library-bar">
      <button type="button" class="dnb-library-back" @click=${() => this.#store.back()}>
        <span class="dnb-library-left" .innerHTML=${icons.chevron}></span>All conversations
      </button>${trouble === null ? nothing : html`<span class="dnb-refused" role="alert">${trouble}</span>`}
    </div>`;
  }

  #template(state: LibraryState): TemplateResult {
    const { location, query, rows, total, isLoading, trouble } = state;
    return html`<div class="dnb-library-head">
        <span class="dnb-title" title=${location}>${nameOf(location)}</span>
        <span class="dnb-library-count" role="status">${
          isLoading && rows.length === 0 ? "" : plural(total, "conversation")
        }</span>
        <button type="button" class="dnb-quiet" @click=${() => this.#store.refresh()}>Refresh</button>
      </div>
      <input type="search" class="dnb-library-search" aria-label="Search titles, models and prompts"
        placeholder="Search titles, models and prompts" .value=${query} autocomplete="off"
        @input=${(event: Event) => this.#store.look((event.target as HTMLInputElement).value)}
        @keydown=${(event: KeyboardEvent) => this.#move(event, -1)} />
      ${trouble === null ? nothing : html`<div class="dnb-word dnb-refused" role="alert">${trouble}</div>`}
      <ul class="dnb-library-rows" aria-busy=${isLoading}>
        ${repeat(
          rows,
          ({ id }) => id,
          (row, index) => this.#line(row, index),
        )}
      </ul>
      ${rows.length === 0 && !isLoading && trouble === null ? empty(query) : nothing}
      ${
        rows.length < total
          ? html`<button type="button" class="dnb-quiet dnb-library-more" ?disabled=${isLoading}
              @click=${() => this.#store.more()}>
              Show more (${count(total - rows.length)} left)</button>`
          : nothing
      }`;
  }

  #line(row: ListedConversation, index: number): TemplateResult {
    const facts = [
      row.model,
      plural(row.turns, "turn"),
      plural(row.tokens, "token"),
      costOf(row),
      ago(row.updatedMs, Date.now()),
    ].filter((fact) => fact !== "");
    return html`<li><button type="button" class="dnb-library-row" data-id=${row.id}
      @click=${() => this.#open(row.id)} @keydown=${(event: KeyboardEvent) => this.#move(event, index)}>
      <span class="dnb-library-title">${row.title}</span>
      <span class="dnb-library-facts">${facts.map((fact) => html`<span>${fact}</span>`)}</span>
    </button></li>`;
  }

  #open(id: string): void {
    this.#lastRow = id;
    this.#store.open(id);
  }

  /** Arrow keys go from line to line, and from the first one back to the search. */
  #move(event: KeyboardEvent, index: number): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    const rows = this.#list.querySelectorAll<HTMLElement>(".dnb-library-row");
    const target = index + step < 0 ? this.#list.querySelector("input") : rows[index + step];
    if (!target) return;
    event.preventDefault();
    target.focus();
  }

  #row(id: string | null): HTMLElement | null {
    const rows = [...this.#list.querySelectorAll<HTMLElement>(".dnb-library-row")];
    return rows.find((row) => row.dataset.id === id) ?? null;
  }
}

function nameOf(location: string): string {
  return location.split(/[\\/]/).at(-1) || location;
}

function costOf({ costUsd, isCostPartial, tokens }: ListedConversation): string {
  if (costUsd === null) return tokens > 0 ? "no price" : "";
  return isCostPartial ? `at least ${money(costUsd)}` : money(costUsd);
}

function empty(query: string): TemplateResult {
  return query.trim() === ""
    ? html`<div class="dnb-empty"><div class="dnb-empty-title">No conversations yet</div>
        <div>Begin one with <code>dn.Chat(store=…)</code>.</div></div>`
    : html`<div class="dnb-empty"><div class="dnb-empty-title">Nothing found</div>
        <div>No title, model or prompt holds these words.</div></div>`;
}
