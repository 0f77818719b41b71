/** What the person asks about one message: when, by whom, how many tokens, how fast, how dear. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { AnswerFacts } from "../wire/types";
import { count, duration, money, plural } from "./words";

/** Return the facts as a list; undefined are on their way, null are not there. */
export function factsPanel(facts: AnswerFacts | null | undefined): TemplateResult {
  if (facts === undefined) return html`<div class="dnb-facts" aria-busy="true">…</div>`;
  if (facts === null)
    return html`<div class="dnb-facts">The store knows nothing more of this.</div>`;
  return html`<dl class="dnb-facts">${rows(facts).map(([name, value]) =>
    value === null ? nothing : html`<div class="dnb-fact"><dt>${name}</dt><dd>${value}</dd></div>`,
  )}</dl>`;
}

function rows(facts: AnswerFacts): [name: string, value: string | null][] {
  const { usage, reasoningTokens, costUsd, ttftMs, tokensPerSecond, generatedMs } = facts;
  const atLeast = facts.isLowerBound ? "at least " : "";
  return [
    ["Time", facts.atMs === undefined ? null : moment(facts.atMs)],
    ["Model", facts.model ?? null],
    ["Requests", facts.steps > 1 ? plural(facts.steps, "step") : null],
    ["Tokens in", usage ? atLeast + count(usage.inputTokens) : null],
    ["of them cached", usage?.cacheReadTokens ? count(usage.cacheReadTokens) : null],
    ["Tokens out", usage ? atLeast + count(usage.outputTokens) : null],
    ["of them thinking", reasoningTokens ? count(reasoningTokens) : null],
    ["Cost", costUsd === undefined ? null : atLeast + money(costUsd)],
    ["First token after", ttftMs === undefined ? null : duration(ttftMs)],
    ["Generated in", generatedMs === undefined ? null : duration(generatedMs)],
    [
      "Speed",
      tokensPerSecond === undefined ? null : `${count(Math.round(tokensPerSecond))} tokens/s`,
    ],
  ];
}

const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function moment(milliseconds: number): string {
  return MOMENT.format(new Date(milliseconds));
}
