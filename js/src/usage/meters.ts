/** The meters: cost, tokens, waits, steps, each one number and what one should know of it. */
import { html, nothing, type TemplateResult } from "lit-html";
import { count, duration, money, plural } from "../view/words";
import type { UsageHead } from "../wire/types";
import { compact, costOf } from "./stacks";

/** Return the meters of some figures. */
export function metersTemplate(head: UsageHead): TemplateResult {
  return html`<dl class="dnb-usage-meters">
    ${[costMeter(head), tokenMeter(head), speedMeter(head), stepMeter(head)]}
  </dl>`;
}

interface Meter {
  readonly name: string;
  readonly value: string | TemplateResult;
  readonly title?: string;
  readonly lines: readonly (string | TemplateResult)[];
}

function meter({ name, value, title, lines }: Meter): TemplateResult {
  return html`<div class="dnb-usage-meter">
    <dt>${name}</dt>
    <dd>
      <span class="dnb-usage-value" title=${title ?? nothing}>${value}</span>
      ${lines.map((line) => html`<span class="dnb-usage-line">${line}</span>`)}
    </dd>
  </div>`;
}

function costMeter({ totals, unpriced }: UsageHead): TemplateResult {
  const { costUsd, savedUsd, uncounted } = totals;
  const saved = Math.abs(savedUsd) < 0.000_05 ? 0 : savedUsd;
  const named = unpriced.reduce((sum, { steps }) => sum + steps, 0);
  const others = totals.unpriced - named;
  const lines = [
    saved > 0 ? html`<b class="dnb-usage-good">${money(saved)}</b> saved by caching` : "",
    saved < 0 ? `${money(-saved)} spent on a cache that was not read` : "",
    ...unpriced.map(
      ({ model, steps }) =>
        html`<span class="dnb-usage-unsure">Price unknown for ${plural(steps, "step")} of <bdi>${model}</bdi></span>`,
    ),
    others > 0
      ? html`<span class="dnb-usage-unsure">… and for ${plural(others, "other step")}</span>`
      : "",
    uncounted > 0 ? `${plural(uncounted, "step")} without any count` : "",
  ];
  const value = costUsd === null ? (totals.steps > 0 ? "Unknown" : "$0") : costOf(totals);
  return meter({ name: "Cost", value, lines: lines.filter(isThere) });
}

function tokenMeter({ totals }: UsageHead): TemplateResult {
  const { inputTokens, outputTokens, cacheReadTokens, reasoningTokens } = totals;
  const { estimated, partial } = totals;
  const share = inputTokens === 0 ? 0 : Math.round((100 * cacheReadTokens) / inputTokens);
  const lines = [
    cacheReadTokens > 0 ? `${compact(cacheReadTokens)} of the input cached (${share} %)` : "",
    reasoningTokens > 0 ? `${compact(reasoningTokens)} of the output thought` : "",
    estimated > 0 ? `${plural(estimated, "step")} counted by estimate` : "",
    partial > 0 ? `${plural(partial, "step")} counted in part` : "",
  ];
  const mark = estimated > 0 ? "≈ " : partial > 0 ? "≥ " : "";
  return meter({
    name: "Tokens",
    value: html`${mark}${compact(inputTokens)}<small> in</small> ${compact(outputTokens)}<small> out</small>`,
    title: `${count(inputTokens)} in, ${count(outputTokens)} out`,
    lines: lines.filter(isThere),
  });
}

function speedMeter({ ttftS, tokensPerS }: UsageHead): TemplateResult {
  const seconds = (value: number) => duration(1000 * value);
  const rate = (value: number) => (value < 10 ? value.toFixed(1) : count(Math.round(value)));
  const lines = [
    ttftS === null || ttftS.count < 2 ? "" : `95 % within ${seconds(ttftS.p95)}`,
    tokensPerS === null
      ? ""
      : `${rate(tokensPerS.median)} tokens/s${tokensPerS.count < 2 ? "" : `, p95 ${rate(tokensPerS.p95)}`}`,
  ];
  return meter({
    name: "First token after",
    value: ttftS === null ? "–" : seconds(ttftS.median),
    title: "Median over the steps; tokens per second while they spoke",
    lines: lines.filter(isThere),
  });
}

function stepMeter({ totals, turns, conversations, running }: UsageHead): TemplateResult {
  const { steps, failed, stopped, retried } = totals;
  const within = conversations > 1 ? `, ${plural(conversations, "conversation")}` : "";
  const lines = [
    `in ${plural(turns, "turn")}${within}`,
    failed > 0 ? html`<b class="dnb-usage-bad">${count(failed)} failed</b>` : "",
    stopped > 0 ? `${count(stopped)} stopped` : "",
    retried > 0 ? `${count(retried)} tried again` : "",
    running > 0 ? html`<b class="dnb-usage-running">${plural(running, "turn")} running</b>` : "",
  ];
  return meter({ name: "Steps", value: count(steps), lines: lines.filter(isThere) });
}

function isThere(line: string | TemplateResult): boolean {
  return line !== "";
}
