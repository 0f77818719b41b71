/** What waits above the composer: each text with what the person can do about it. */
import { html, nothing, render, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { type ChatState, type ChatStore, isOnline } from "../chat-state";
import type { QueuedText } from "../wire/types";
import { icons } from "./icons";

/** The queue of one view. */
export class QueueView {
  readonly element = document.createElement("div");
  readonly #store: ChatStore;
  readonly #onAct: () => void;
  #drawn: readonly unknown[] = [];

  /** `onAct` is called when a button was pressed that will take itself away. */
  constructor(store: ChatStore, onAct: () => void) {
    this.#store = store;
    this.#onAct = onAct;
    this.element.className = "dnb-queue";
    this.element.setAttribute("role", "group");
    this.element.setAttribute("aria-label", "Messages that are not sent yet");
  }

  /** Draw the queue for a state. */
  update(state: ChatState): void {
    const parts = [state.queue, state.pending, state.connection, state.status];
    if (parts.every((part, index) => part === this.#drawn[index])) return;
    this.#drawn = parts;
    const isOn = isOnline(state);
    const kept = state.queue.filter((entry) => entry.kept || !isOn);
    const waiting = state.queue.filter((entry) => !kept.includes(entry));
    const sending = state.pending.filter(({ type }) => type === "steer");
    this.element.hidden = kept.length + waiting.length + sending.length === 0;
    render(
      html`${kept.length > 0 ? this.#kept(kept, isOn, state.status === "idle") : nothing}
      ${
        waiting.length + sending.length > 0
          ? html`<div class="dnb-queue-part" data-part="waiting">
              <div class="dnb-queue-head">Waiting for the next step</div>
              ${this.#list(waiting, "Cancel", isOn)}
              ${sending.map(({ text }) => html`<div class="dnb-queue-item">${words(text)}</div>`)}
            </div>`
          : nothing
      }`,
      this.element,
    );
  }

  #kept(entries: readonly QueuedText[], isOn: boolean, isIdle: boolean): TemplateResult {
    return html`<div class="dnb-queue-part" data-part="kept">
      <div class="dnb-queue-head">
        <span>${isOn ? "Not sent: the turn ended first" : "Not sent"}</span>
        ${
          isOn && isIdle
            ? html`<button type="button" class="dnb-queue-send" @click=${this.#send}>Send now</button>`
            : nothing
        }
      </div>
      ${this.#list(entries, "Discard", isOn)}
    </div>`;
  }

  #list(entries: readonly QueuedText[], drop: string, isOn: boolean): unknown {
    return repeat(
      entries,
      ({ id }) => id,
      ({ id, text }) => html`<div class="dnb-queue-item">
        ${words(text)}
        ${
          isOn
            ? html`${this.#button("Edit", text, icons.pencil, () => this.#store.rewrite(id))}
              ${this.#button(drop, text, icons.cross, () => this.#store.cancel(id))}`
            : nothing
        }
      </div>`,
    );
  }

  #button(word: string, text: string, icon: string, act: () => void): TemplateResult {
    const press = () => {
      act();
      this.#onAct();
    };
    return html`<button type="button" class="dnb-queue-button" title=${word}
      aria-label=${`${word}: ${text}`} @click=${press}>
      <span .innerHTML=${icon}></span><span class="dnb-wide">${word}</span>
    </button>`;
  }

  readonly #send = (): void => {
    this.#store.sendQueued();
    this.#onAct();
  };
}

function words(text: string): TemplateResult {
  return html`<span class="dnb-queue-text" title=${text}>${text}</span>`;
}
