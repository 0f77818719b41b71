/** The footer's meter: how full the context is, what was read and written, and what it cost. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { ChatState } from "../chat-state";
import { compact, count, money } from "./words";

/** Return the meter; nothing before anything was used. */
export function meterTemplate({ usage, meter }: ChatState): TemplateResult | typeof nothing {
  if (!usage || usage.inputTokens + usage.outputTokens === 0) return nothing;
  const parts = [context(meter), cost(meter), tokens(usage)].filter((part) => part !== null);
  return html`${parts}`;
}

function context(meter: ChatState["meter"]): TemplateResult | null {
  if (meter?.contextSize === undefined) return null;
  const { contextSize: size, contextWindow: window } = meter;
  const title = `Context: ${count(size)} tokens${window === undefined ? "" : ` of ${count(window)}`}`;
  const full = window === undefined ? null : Math.min(size / window, 1);
  return html`<span class="dnb-meter-part" title=${title}>${
    full === null
      ? nothing
      : html`<meter class="dnb-gauge" min="0" max="1" high="0.8" value=${full} aria-label=${title}></meter>`
  }${compact(size)}${window === undefined ? "" : ` / ${compact(window)}`}<span class="dnb-wide"> context</span></span>`;
}

function cost(meter: ChatState["meter"]): TemplateResult | null {
  if (meter?.costUsd === undefined) return null;
  const { costUsd: all, turnCostUsd: turn } = meter;
  const last = turn === undefined ? "" : `, ${money(turn)} of it for the last turn`;
  return html`<span class="dnb-meter-part" title=${`This conversation cost ${money(all)}${last}`}>${money(all)}${
    turn === undefined ? nothing : html`<span class="dnb-wide"> (last ${money(turn)})</span>`
  }</span>`;
}

function tokens(usage: NonNullable<ChatState["usage"]>): TemplateResult {
  const title =
    "Tokens of the whole conversation: read by the model, written by the model" +
    (usage.cacheReadTokens ? `; ${count(usage.cacheReadTokens)} were read from a cache` : "");
  return html`<span class="dnb-meter-part" title=${title}><span class="dnb-wide">Tokens: </span>${count(usage.inputTokens)} in,
    ${count(usage.outputTokens)} out</span>`;
}
