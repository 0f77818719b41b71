/** The head of a chat: its title, what it is doing, and what answers, each open to a change. */
import { html, nothing, render, type TemplateResult } from "lit-html";
import { type ChatState, type ChatStore, isOnline } from "../chat-state";
import { icons } from "./icons";
import { SettingsPanel } from "./settings-panel";
import { short } from "./words";

/** The header of one view. */
export class HeaderView {
  readonly element = document.createElement("div");
  readonly #bar = document.createElement("div");
  readonly #store: ChatStore;
  readonly #redraw: () => void;
  readonly #panel: SettingsPanel;
  #isRenaming = false;
  #refusal: string | null = null;

  /** `redraw` is called when the header wants to be drawn again without news from the store. */
  constructor(store: ChatStore, redraw: () => void) {
    this.#store = store;
    this.#redraw = redraw;
    this.#panel = new SettingsPanel(store, redraw, () => this.#button()?.focus());
    this.#bar.className = "dnb-header";
    this.element.append(this.#bar, this.#panel.element);
  }

  update(state: ChatState): void {
    render(this.#template(state), this.#bar);
    this.#panel.update(state);
  }

  #template(state: ChatState): TemplateResult {
    const { model, status } = state;
    const isOn = isOnline(state);
    return html`${this.#title(state, isOn)}
      <span class="dnb-state">${isOn ? STATUS_WORDS[status] : ""}</span>
      ${this.#refusal === null ? nothing : html`<span class="dnb-refused" role="alert">${this.#refusal}</span>`}
      <button type="button" class="dnb-model" ?disabled=${!isOn} aria-expanded=${this.#panel.isOpen}
        title=${isOn ? `${short(model)}: choose a model and its parameters` : short(model)}
        @click=${() => this.#panel.toggle()}>
        <span class="dnb-model-name">${short(model)}</span>
        ${isOn ? html`<span class="dnb-model-icon" .innerHTML=${icons.sliders}></span>` : nothing}
      </button>`;
  }

  #title({ title }: ChatState, isOn: boolean): TemplateResult {
    const shown = short(title) || "Chat";
    if (!isOn) return html`<span class="dnb-title">${shown}</span>`;
    if (this.#isRenaming) {
      return html`<input class="dnb-title-input" aria-label="Title of the conversation"
        .value=${title} maxlength="200" @keydown=${this.#pressed}
        @blur=${(event: FocusEvent) => this.#rename(event.target as HTMLInputElement, title)} />`;
    }
    return html`<button type="button" class="dnb-title" title=${`${shown}: rename`}
      @click=${this.#begin}>${shown}</button>`;
  }

  readonly #begin = (): void => {
    this.#isRenaming = true;
    this.#refusal = null;
    this.update(this.#store.state());
    const input = this.#bar.querySelector<HTMLInputElement>(".dnb-title-input");
    input?.focus();
    input?.select();
  };

  readonly #pressed = (event: KeyboardEvent): void => {
    const input = event.target as HTMLInputElement;
    if (event.key === "Escape") input.value = this.#store.state().title;
    if (event.key === "Escape" || (event.key === "Enter" && !event.isComposing)) {
      event.preventDefault();
      input.blur();
      this.#bar.querySelector<HTMLElement>(".dnb-title")?.focus();
    }
  };

  #rename(input: HTMLInputElement, before: string): void {
    if (!this.#isRenaming) return;
    this.#isRenaming = false;
    const title = input.value.trim();
    if (title !== before.trim()) {
      this.#store.rename(title).then((refusal) => {
        this.#refusal = refusal;
        this.#redraw();
      });
    }
    this.update(this.#store.state());
  }

  #button(): HTMLElement | null {
    return this.#bar.querySelector(".dnb-model");
  }
}

const STATUS_WORDS = { idle: "", running: "Answering", stopping: "Stopping" } as const;
