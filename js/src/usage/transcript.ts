/** The chat that a bar leads to: one that is on the page, or one in the place of the figures. */
import { html, nothing, render } from "lit-html";
import type { Shown } from "../show-widget";
import { GO_TO } from "../view/go-to";
import { icons } from "../view/icons";
import type { UsageState, UsageStore, Wanted } from "./usage-store";

/** How long a chat that is being opened may take until it can be gone to. */
const PATIENCE_MS = 10_000;

export class Transcript {
  readonly element = document.createElement("div");
  readonly #bar = document.createElement("div");
  readonly #place = document.createElement("div");
  readonly #store: UsageStore;
  readonly #show: (reference: string) => Promise<Shown>;
  readonly #comeBack: () => void;
  #opened: string | null = null;
  #shown: Shown | null = null;
  #wanted: Wanted | null = null;
  #waiting = () => {};

  /** `comeBack` is called when the figures are shown again. */
  constructor(
    store: UsageStore,
    show: (reference: string) => Promise<Shown>,
    comeBack: () => void,
  ) {
    this.#store = store;
    this.#show = show;
    this.#comeBack = comeBack;
    this.element.className = "dnb-usage-transcript";
    this.#bar.className = "dnb-chat";
    this.element.append(this.#bar, this.#place);
  }

  update(state: UsageState): void {
    this.element.hidden = state.opened === null;
    const { trouble } = state;
    render(
      html`<div class="dnb-usage-bar-top">
        <button type="button" class="dnb-quiet dnb-usage-back" @click=${() => this.#store.back()}>
          <span class="dnb-usage-left" .innerHTML=${icons.chevron}></span>Back to usage
        </button>${trouble === null ? nothing : html`<span class="dnb-refused" role="alert">${trouble}</span>`}
      </div>`,
      this.#bar,
    );
    if (state.opened !== this.#opened) void this.#swap(state.opened);
    if (state.wanted !== this.#wanted) {
      this.#wanted = state.wanted;
      if (state.wanted !== null) this.#goTo(state.wanted);
    }
  }

  close(): void {
    this.#waiting();
    this.#shown?.remove();
  }

  /** Return the view of a conversation that is on the page beside this widget, if one is. */
  shownElsewhere(conversationId: string): HTMLElement | null {
    const views = viewsOf(conversationId, document);
    return views.find((view) => !this.#place.contains(view) && isVisible(view)) ?? null;
  }

  async #swap(opened: string | null): Promise<void> {
    this.#opened = opened;
    this.#shown?.remove();
    this.#shown = null;
    this.#place.replaceChildren();
    if (opened === null) {
      this.#waiting();
      this.#comeBack();
      return;
    }
    this.#bar.querySelector<HTMLElement>(".dnb-usage-back")?.focus();
    const shown = await this.#show(opened);
    if (this.#opened !== opened) {
      shown.remove();
      return;
    }
    this.#shown = shown;
    this.#place.append(shown.el);
  }

  #goTo(wanted: Wanted): void {
    const { conversationId, first, last } = wanted;
    const go = (view: HTMLElement) =>
      view.dispatchEvent(new CustomEvent(GO_TO, { detail: { first, last } }));
    const find = () =>
      wanted.inPlace
        ? (viewsOf(conversationId, this.#place)[0] ?? null)
        : this.shownElsewhere(conversationId);
    this.#waiting();
    const there = find();
    if (there) {
      go(there);
      return;
    }
    // Its front end may have to be loaded first.
    const observer = new MutationObserver(() => {
      const view = find();
      if (view === null) return;
      this.#waiting();
      go(view);
    });
    observer.observe(this.#place, {
      ...{ childList: true, subtree: true, attributes: true },
      attributeFilter: ["data-conversation"],
    });
    const timer = setTimeout(() => observer.disconnect(), PATIENCE_MS);
    this.#waiting = () => {
      clearTimeout(timer);
      observer.disconnect();
    };
  }
}

function viewsOf(conversationId: string, within: ParentNode): HTMLElement[] {
  const views = within.querySelectorAll<HTMLElement>(".dnb-chat[data-conversation]");
  return [...views].filter(({ dataset }) => dataset.conversation === conversationId);
}

function isVisible(view: HTMLElement): boolean {
  return view.checkVisibility?.() ?? view.isConnected;
}
