/** What answers, and how it is asked: a form below the header. */
import { html, nothing, render, type TemplateResult } from "lit-html";
import type { ChatState, ChatStore } from "../chat-state";
import type { AnswerSettings, ReasoningEffort } from "../wire/types";
import { ModelField } from "./model-field";

const EFFORTS: readonly ReasoningEffort[] = ["low", "medium", "high", "xhigh", "max"];

type NumberName = "temperature" | "topP" | "maxTokens" | "seed";

const NUMBERS: readonly { name: NumberName; label: string; hint: string; step: string }[] = [
  { name: "temperature", label: "Temperature", hint: "How freely words are chosen", step: "any" },
  { name: "topP", label: "Top p", hint: "The most likely words, up to this share", step: "any" },
  { name: "maxTokens", label: "Max tokens", hint: "Tokens of one answer at most", step: "1" },
  { name: "seed", label: "Seed", hint: "The same seed for the same answer", step: "1" },
];

/** The form of one view; closed until it is asked for. */
export class SettingsPanel {
  readonly element = document.createElement("div");
  readonly #store: ChatStore;
  readonly #redraw: () => void;
  readonly #onClose: () => void;
  readonly #model: ModelField;
  #isOpen = false;
  #isAsking = false;
  #refusal: string | null = null;

  constructor(store: ChatStore, redraw: () => void, onClose: () => void) {
    this.#store = store;
    this.#redraw = redraw;
    this.#onClose = onClose;
    this.#model = new ModelField(store, redraw);
    this.element.className = "dnb-settings";
    this.element.hidden = true;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  toggle(): void {
    this.#isOpen = !this.#isOpen;
    this.#refusal = null;
    if (!this.#isOpen) {
      this.#model.reset();
      render(nothing, this.element);
    }
    this.#redraw();
    if (!this.#isOpen) this.#onClose();
    else {
      this.update(this.#store.state());
      this.element.querySelector("input")?.focus();
    }
  }

  update(state: ChatState): void {
    // Writing the same attribute again is a mutation all the same.
    if (this.element.hidden === this.#isOpen) this.element.hidden = !this.#isOpen;
    if (!this.#isOpen) return;
    render(this.#template(state), this.element);
    this.#model.update(this.element, state);
  }

  #template(state: ChatState): TemplateResult {
    const { settings, status } = state;
    // Values are set once, by attribute: news from the kernel must not undo what is being typed.
    return html`<form @submit=${this.#submit} @keydown=${this.#pressed}>
      ${this.#model.template(state)}
      ${NUMBERS.map(
        ({ name, label, hint, step }) => html`<label class="dnb-setting" title=${hint}>
          <span>${label}</span>
          <input name=${name} type="number" step=${step} value=${settings?.[name] ?? ""}
            placeholder="default" /></label>`,
      )}
      <label class="dnb-setting" title="How long a model may think, where it can">
        <span>Reasoning</span>
        <select name="reasoningEffort">
          <option value="">default</option>
          ${EFFORTS.map((effort) => html`<option value=${effort} ?selected=${settings?.reasoningEffort === effort}>${effort}</option>`)}
        </select></label>
      <div class="dnb-settings-end">
        ${
          this.#refusal !== null
            ? html`<span class="dnb-refused" role="alert">${this.#refusal}</span>`
            : html`<span class="dnb-settings-note">${
                status === "idle" ? "For the next answers." : "For the answers after this one."
              }</span>`
        }
        <button type="button" class="dnb-quiet" @click=${() => this.toggle()}>Cancel</button>
        <button type="submit" class="dnb-apply" ?disabled=${this.#isAsking}>Apply</button>
      </div>
    </form>`;
  }

  readonly #pressed = (event: KeyboardEvent): void => {
    if (event.key === "Escape") this.toggle();
  };

  readonly #submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    const word = (name: string) => String(form.get(name) ?? "").trim();
    const number = (name: NumberName) => (word(name) === "" ? null : Number(word(name)));
    const settings: AnswerSettings = {
      temperature: number("temperature"),
      topP: number("topP"),
      maxTokens: number("maxTokens"),
      seed: number("seed"),
      reasoningEffort: EFFORTS.find((effort) => effort === word("reasoningEffort")) ?? null,
    };
    this.#isAsking = true;
    this.#redraw();
    this.#store.configure(word("model"), settings).then((refusal) => {
      this.#isAsking = false;
      this.#refusal = refusal;
      if (refusal === null && this.#isOpen) this.toggle();
      else this.#redraw();
    });
  };
}
