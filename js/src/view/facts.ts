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
    value === null
      ? nothing
      : html`<div class="dnb-fact"><dt>${name}</dt><dd title=${value}>${value}</dd></div>`,
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
    ["Cached", usage?.cacheReadTokens ? count(usage.cacheReadTokens) : null],
    ["Tokens out", usage ? atLeast + count(usage.outputTokens) : null],
    ["Thinking", reasoningTokens ? count(reasoningTokens) : null],
    ["Cost", costUsd === undefined ? null : atLeast + money(costUsd)],
    ["First token after", ttftMs === undefined ? null : duration(ttftMs)],
    ["Generated in", generatedMs === undefined ? null : duration(generatedMs)],
    [
      "Speed",
      tokensPerSecond === undefined ? null : `${count(Math.round(tokensPerSecond))} tokens/s`,
    ],
  ];
}

const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const BOTH = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Return a time; of another day with its date. */
function moment(milliseconds: number): string {
  const then = new Date(milliseconds);
  return (DAY.format(then) === DAY.format(new Date()) ? TIME : BOTH).format(then);
}
