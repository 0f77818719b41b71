/** What stands at the end of the log beside sections: work going on, a wait, or nothing yet. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { ChatState } from "../chat-state";
import type { ProviderRetryEvent } from "../wire/types";
import type { Section } from "./sections";
import { delay } from "./words";

/** Counts down to a retry that was announced; only this page knows when it heard of it. */
export class RetryCountdown {
  readonly #redraw: () => void;
  #retry: ProviderRetryEvent | null = null;
  #until = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(redraw: () => void) {
    this.#redraw = redraw;
  }

  /** Return the seconds that are left; null while nothing waits for a retry. */
  seconds(retry: ProviderRetryEvent | null): number | null {
    if (retry !== this.#retry) {
      this.#retry = retry;
      this.#until = performance.now() + (retry?.delayMs ?? 0);
    }
    clearTimeout(this.#timer);
    if (retry === null) return null;
    const left = Math.max(this.#until - performance.now(), 0);
    // Drawn again when the number changes, or the unit.
    if (left > 500) this.#timer = setTimeout(this.#redraw, (left - 500) % 1000 || 1000);
    return Math.round(left / 1000);
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}

/** Return what an empty conversation says. */
export function empty(state: ChatState): TemplateResult {
  if (state.connection === "waiting") return html`<div class="dnb-empty" aria-busy="true"></div>`;
  return html`<div class="dnb-empty">
    <div class="dnb-empty-title">Nothing here yet</div>
    <div>Write below, or call <code>chat.send("…")</code> in a cell.</div>
  </div>`;
}

/** Return what tells that work goes on while no text, thinking or tool shows it. */
export function activity(
  state: ChatState,
  sections: readonly Section[],
  countdown: RetryCountdown,
): TemplateResult | typeof nothing {
  const { generating, accumulating, providerRetry } = state.live.transcript;
  if (providerRetry) {
    const code = providerRetry.code === undefined ? "" : ` (${providerRetry.code})`;
    const seconds = countdown.seconds(providerRetry) ?? 0;
    const when = seconds > 0 ? `in ${delay(seconds * 1000)}` : "now";
    return html`<div class="dnb-retry" data-attempt=${providerRetry.attempt}>
      <span class="dnb-spinner" aria-hidden="true"></span>
      <span><strong>Retry #${providerRetry.attempt + 1} ${when}</strong>${" "}
      ${providerRetry.message}${code}</span>
    </div>`;
  }
  const last = sections.at(-1)?.entries.at(-1);
  const isToolAtWork =
    last?.kind === "tools" &&
    last.tools.some(({ state }) => state === "running" || state === "writing");
  if (!generating || accumulating || isToolAtWork) return nothing;
  return html`<div class="dnb-activity" aria-hidden="true"><span></span><span></span><span></span></div>`;
}
