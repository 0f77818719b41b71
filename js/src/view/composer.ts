/** Where the person writes: the draft, Send, Stop, and what the kernel said about them. */
import { html, nothing, render, type TemplateResult } from "lit-html";
import { type ChatState, type ChatStore, isOnline } from "../chat-state";
import { attachButton, attachedImages, takeDrops } from "./attached-view";
import { connectionWord } from "./connection";
import { icons } from "./icons";
import { meterTemplate } from "./meter";
import { PromptHistory } from "./prompt-history";

/** The composer of one view; the draft itself lives in the store and outlives the view. */
export class Composer {
  readonly element = document.createElement("form");
  readonly #store: ChatStore;
  readonly #onSubmit: () => void;
  readonly #history = new PromptHistory();

  constructor(store: ChatStore, onSubmit: () => void) {
    this.#store = store;
    this.#onSubmit = onSubmit;
    this.element.className = "dnb-composer";
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    takeDrops(this.element, store);
  }

  /** Draw the composer for a state. */
  update(state: ChatState): void {
    render(this.#template(state), this.element);
    this.#takeDraft(state.draft);
  }

  /** Where the person writes; null while nobody can. */
  get input(): HTMLTextAreaElement | null {
    const input = this.#input();
    return input?.disabled ? null : input;
  }

  focus(): void {
    this.#input()?.focus();
  }

  /** Fit the height to the draft; the width of the view decides it too. */
  fit(): void {
    const input = this.#input();
    if (!input) return;
    input.style.height = "auto";
    // A view that its notebook has not put on the page yet has no height to measure.
    if (input.scrollHeight > 0) input.style.height = `${input.scrollHeight}px`;
  }

  #template(state: ChatState): TemplateResult {
    const isOff = !isOnline(state);
    const isRunning = state.status !== "idle";
    const isEmpty = state.draft.trim() === "";
    return html`${this.#word(state)}
      <div class="dnb-field">
        ${attachedImages(state.attachments, this.#store)}
        <textarea class="dnb-input" rows="1" aria-label="Message" spellcheck="true"
          placeholder=${placeholder(state)} ?disabled=${isOff}
          @input=${this.#typed} @keydown=${this.#pressed}></textarea>
        <div class="dnb-field-bar">
          ${attachButton(this.#store, isOff)}
          <span class="dnb-usage">${meterTemplate(state)}</span>
          ${
            isRunning
              ? html`<button type="button" class="dnb-stop" ?disabled=${state.status === "stopping"}
                  @click=${() => this.#store.stop()}>
                  <span .innerHTML=${icons.stop}></span>${state.status === "stopping" ? "Stopping" : "Stop"}
                </button>`
              : nothing
          }
          <button type="submit" class="dnb-send" ?disabled=${isOff || isEmpty}
            aria-label=${isRunning ? "Add to the running turn" : "Send"}
            title=${isRunning ? "Add to the running turn (Enter)" : "Send (Enter)"}
            .innerHTML=${icons.send}></button>
        </div>
      </div>`;
  }

  #word(state: ChatState): TemplateResult | typeof nothing {
    if (state.refused) {
      const kind = state.refused.isTrouble ? "dnb-word dnb-refused" : "dnb-word";
      return html`<div class=${kind}>${state.refused.reason}</div>`;
    }
    if (state.connection === "lost") {
      return html`<div class="dnb-word dnb-word-lost">
        <span .innerHTML=${icons.alert}></span><span>${connectionWord(state)}</span></div>`;
    }
    const word = connectionWord(state) ?? state.notice ?? state.kernelNotice;
    return word === "" ? nothing : html`<div class="dnb-word">${word}</div>`;
  }

  #takeDraft(draft: string): void {
    const input = this.#input();
    if (!input || input.value === draft) return;
    input.value = draft;
    this.fit();
  }

  #submit(): void {
    this.#store.submit();
    this.#onSubmit();
  }

  readonly #typed = (event: Event): void => {
    this.#store.edit((event.target as HTMLTextAreaElement).value);
    this.fit();
  };

  readonly #pressed = (event: KeyboardEvent): void => {
    // While an input method composes, Enter takes its suggestion; old WebKit says so by 229 only.
    const isComposing = event.isComposing || event.keyCode === 229;
    if (event.shiftKey || event.altKey || event.ctrlKey || event.metaKey || isComposing) return;
    const input = event.target as HTMLTextAreaElement;
    if (event.key === "Enter") {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "ArrowUp" && isOnEdge(input, "first")) {
      this.#recall(event, this.#history.older(this.#store.state().live.transcript, input.value));
    } else if (event.key === "ArrowDown" && isOnEdge(input, "last")) {
      this.#recall(event, this.#history.newer(input.value));
    }
  };

  #recall(event: KeyboardEvent, text: string | null): void {
    if (text === null) return;
    event.preventDefault();
    this.#store.edit(text);
    this.#takeDraft(text);
    this.#input()?.setSelectionRange(text.length, text.length);
  }

  #input(): HTMLTextAreaElement | null {
    return this.element.querySelector("textarea");
  }
}

/** Whether the caret is in the first or last line: from there an arrow key leaves the text. */
function isOnEdge(input: HTMLTextAreaElement, line: "first" | "last"): boolean {
  const { selectionStart, selectionEnd, value } = input;
  if (selectionStart !== selectionEnd) return false;
  return line === "first"
    ? !value.slice(0, selectionStart).includes("\n")
    : !value.slice(selectionEnd).includes("\n");
}

function placeholder(state: ChatState): string {
  if (!isOnline(state)) return "";
  return state.status === "idle" ? "Write a message" : "Add to the running turn";
}
