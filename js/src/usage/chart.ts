/** Bars that stand (steps, periods) or lie (models, conversations), and the table of the same. */
import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { count, duration } from "../view/words";
import type { UsageBar, UsageHead, UsageSums } from "../wire/types";
import { labelled, nameOf, periodLabel } from "./labels";
import {
  amount,
  costOf,
  height,
  type Measure,
  notes,
  type Part,
  parts,
  scale,
  tokensOf,
} from "./stacks";

/** What a chart needs of the view it stands in. */
export interface ChartContext {
  readonly measure: Measure;
  readonly head: UsageHead;
  /** The bar that the Tab key goes to, and whose details are shown. */
  readonly current: string | null;
  /** What a click does, in words; null where a bar cannot be opened. */
  readonly act: string | null;
  choose(key: string): void;
  open(bar: UsageBar): void;
}

/** Return bars that stand side by side over a common ground. */
export function standing(bars: readonly UsageBar[], context: ChartContext): TemplateResult {
  const { measure, head } = context;
  const heights = bars.map(({ sums }) => height(sums, measure));
  const { top, ticks } = scale(Math.max(0, ...heights));
  const labels = bars[0]?.step
    ? turnStarts(bars)
    : labelled(bars.length, Math.ceil(bars.length / 7));
  return html`<div class="dnb-usage-chart">
    <div class="dnb-usage-grid" aria-hidden="true">
      ${ticks.map(
        (tick) =>
          html`<div class="dnb-usage-tick" style=${`bottom:${(100 * tick) / top}%`}>
            <span>${amount(tick, measure)}</span></div>`,
      )}
    </div>
    <div class="dnb-usage-bars" role="group" aria-label=${chartName(bars, context)}
      @keydown=${(event: KeyboardEvent) => move(event, "ArrowRight", "ArrowLeft")}>
      ${repeat(
        bars,
        ({ key }) => key,
        (bar, index) => column(bar, index, { bars, top, labels, context, period: head.period }),
      )}
    </div>
  </div>`;
}

interface Column {
  readonly bars: readonly UsageBar[];
  readonly top: number;
  readonly labels: ReadonlySet<number>;
  readonly period: UsageHead["period"];
  readonly context: ChartContext;
}

function column(bar: UsageBar, index: number, all: Column): TemplateResult {
  const { bars, top, labels, period, context } = all;
  const { measure, current, act } = context;
  const isTurn =
    index > 0 && bar.step !== undefined && bars[index - 1]?.step?.turn !== bar.step.turn;
  const isUnknown = measure === "cost" && bar.sums.costUsd === null && bar.sums.steps > 0;
  const label = bar.step
    ? `${bars.length > 30 ? "" : "Turn "}${bar.step.turn}`
    : periodLabel(bar.fromMs ?? 0, period ?? "day");
  return html`<div class="dnb-usage-column" ?data-turn=${isTurn} data-side=${index > bars.length / 2 ? "end" : "start"}>
    <button type="button" class="dnb-usage-bar" data-key=${bar.key} data-status=${statusOf(bar)}
      tabindex=${bar.key === current ? 0 : -1} ?data-unknown=${isUnknown}
      ?data-current=${bar.key === current && bar.step !== undefined}
      aria-label=${spoken(bar, context)} aria-disabled=${act === null || bar.sums.steps === 0}
      @focus=${() => context.choose(bar.key)} @pointerenter=${() => context.choose(bar.key)}
      @click=${() => context.open(bar)}>
      <span class="dnb-usage-stack">${segments(parts(bar.sums, measure), top)}</span>
    </button>
    ${labels.has(index) ? html`<span class="dnb-usage-label" ?data-start=${bar.step !== undefined} aria-hidden="true">${label}</span>` : nothing}
    ${bar.sums.steps === 0 ? nothing : tip(bar, context)}
  </div>`;
}

/** Return bars that lie below each other, each with its name and what it comes to. */
export function lying(bars: readonly UsageBar[], context: ChartContext): TemplateResult {
  const { measure, current, act, head } = context;
  const top = Math.max(1e-12, ...bars.map(({ sums }) => height(sums, measure)));
  const hidden = head.barCount - bars.length;
  return html`<div class="dnb-usage-rows" role="group" aria-label=${chartName(bars, context)}
    @keydown=${(event: KeyboardEvent) => move(event, "ArrowDown", "ArrowUp")}>
    ${repeat(
      bars,
      ({ key }) => key,
      (bar) => html`<div class="dnb-usage-column" data-side="start">
        <button type="button" class="dnb-usage-row" data-key=${bar.key} data-status=${statusOf(bar)}
          tabindex=${bar.key === current ? 0 : -1} aria-label=${spoken(bar, context)}
          aria-disabled=${act === null} @focus=${() => context.choose(bar.key)}
          @pointerenter=${() => context.choose(bar.key)} @click=${() => context.open(bar)}>
          <bdi class="dnb-usage-name">${bar.label}</bdi>
          <span class="dnb-usage-track"
            ?data-unknown=${measure === "cost" && bar.sums.costUsd === null}>
            ${segments(parts(bar.sums, measure), top, "width")}</span>
          <span class="dnb-usage-sum">${inShort(bar.sums, measure)}</span>
        </button>
        ${tip(bar, context)}
      </div>`,
    )}
    ${
      head.others === null || hidden <= 0
        ? nothing
        : html`<div class="dnb-usage-others">${count(hidden)} more: ${inShort(head.others, measure)}</div>`
    }
  </div>`;
}

/** Return the same as a table: for screen readers, and for who wants the numbers. */
export function table(bars: readonly UsageBar[], context: ChartContext): TemplateResult {
  const { head, act } = context;
  const shown = bars.filter(({ sums }) => sums.steps > 0);
  const isStep = bars[0]?.step !== undefined;
  const name = isStep ? "Step" : bars[0]?.fromMs === undefined ? "Name" : "Time (UTC)";
  const columns = ["Steps", "In", "Cached", "Out", "Thought", "Cost"].slice(isStep ? 1 : 0);
  return html`<div class="dnb-usage-table" tabindex="0" role="region" aria-label="Usage as a table"><table>
    <thead><tr><th scope="col">${name}</th>${columns.map((each) => html`<th scope="col">${each}</th>`)}
      <th scope="col">Remarks</th></tr></thead>
    <tbody>${shown.map(
      (bar) => html`<tr><th scope="row">${
        act === null
          ? nameOf(bar, head.period)
          : html`<button type="button" class="dnb-usage-link" data-key=${bar.key}
              @click=${() => context.open(bar)}>${nameOf(bar, head.period)}</button>`
      }</th>${numbers(bar.sums)
        .slice(isStep ? 1 : 0)
        .map((each) => html`<td>${each}</td>`)}
      <td>${remarks(bar).join(", ")}</td></tr>`,
    )}</tbody>
  </table></div>`;
}

function numbers(sums: UsageSums): string[] {
  const { steps, inputTokens, cacheReadTokens, outputTokens, reasoningTokens } = sums;
  const counts = [steps, inputTokens, cacheReadTokens, outputTokens, reasoningTokens];
  return [...counts.map(count), costOf(sums)];
}

/** Return the legend of the parts that any bar has. */
export function legend(bars: readonly UsageBar[], measure: Measure): TemplateResult {
  const found = new Map<string, Part>();
  for (const { sums } of bars) {
    for (const part of parts(sums, measure)) if (part.value > 0) found.set(part.kind, part);
  }
  const order = ["cached", "fresh", "written", "said", "thought", "request"];
  const shown = [...found.values()].sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
  return html`<ul class="dnb-usage-legend" aria-label="Legend">${shown.map(
    ({ kind, name }) =>
      html`<li><span class="dnb-usage-swatch" data-kind=${kind}></span>${name}</li>`,
  )}</ul>`;
}

function segments(all: readonly Part[], top: number, side = "height"): unknown {
  return all
    .filter(({ value }) => value > 0)
    .map(
      ({ kind, value }) =>
        html`<span data-kind=${kind} style=${`${side}:${((100 * value) / top).toFixed(3)}%`}></span>`,
    );
}

/** The card beside a bar that is pointed at; a screen reader hears the bar's own name. */
function tip(bar: UsageBar, { measure, head, act }: ChartContext): TemplateResult {
  const shown = parts(bar.sums, measure).filter(({ value }) => value > 0);
  const said = remarks(bar);
  return html`<div class="dnb-usage-tip" aria-hidden="true">
    <div class="dnb-usage-tip-head"><b>${nameOf(bar, head.period)}</b><span>${inShort(
      bar.sums,
      measure,
    )}</span></div>
    ${shown.map(
      ({ kind, name, value }) => html`<div class="dnb-usage-tip-part">
        <span class="dnb-usage-swatch" data-kind=${kind}></span><span>${name}</span>
        <span>${amount(value, measure)}</span></div>`,
    )}
    ${said.length === 0 ? nothing : html`<div class="dnb-usage-tip-note">${said.join(" · ")}</div>`}
    ${act === null ? nothing : html`<div class="dnb-usage-tip-note">${act}</div>`}
  </div>`;
}

function remarks(bar: UsageBar): string[] {
  const { step, sums } = bar;
  if (step?.status === "running") return ["running", "estimated so far"];
  const timed =
    step?.ttftS === undefined ? [] : [`first token after ${duration(step.ttftS * 1000)}`];
  const of =
    step === undefined ? [`${count(sums.steps)} ${sums.steps === 1 ? "step" : "steps"}`] : [];
  return [...of, ...notes(bar), ...timed];
}

function spoken(bar: UsageBar, { measure, head }: ChartContext): string {
  const name = nameOf(bar, head.period);
  if (bar.sums.steps === 0) return `${name}: nothing`;
  const both = [costOf(bar.sums), `${tokensOf(bar.sums)} tokens`];
  const ordered = measure === "cost" ? both : both.reverse();
  return `${name}: ${[...ordered, ...remarks(bar)].join(", ")}`;
}

function chartName(bars: readonly UsageBar[], { measure, head, act }: ChartContext): string {
  const what = measure === "cost" ? "Cost" : "Tokens";
  const by = bars[0]?.step ? "step" : (head.period ?? "name");
  return `${what} by ${by}. Arrow keys go from bar to bar${act === null ? "" : `; Enter: ${act.toLowerCase()}`}.`;
}

function inShort(sums: UsageSums, measure: Measure): string {
  return measure === "cost" ? costOf(sums) : tokensOf(sums);
}

function statusOf({ sums, step }: UsageBar): string {
  if (step?.status === "running") return "running";
  // Of many steps some always fail: their number is told, not marked.
  if (step === undefined) return "ok";
  if (sums.failed > 0) return "error";
  return sums.stopped > 0 ? "aborted" : "ok";
}

function turnStarts(bars: readonly UsageBar[]): Set<number> {
  const apart = Math.ceil(bars.length / 16);
  const places = new Set<number>();
  let last = -apart;
  for (const [index, { step }] of bars.entries()) {
    const isStart = index === 0 || bars[index - 1]?.step?.turn !== step?.turn;
    if (isStart && index - last >= apart) {
      places.add(index);
      last = index;
    }
  }
  return places;
}

/** Arrow keys go from bar to bar, Home and End to the ends. */
function move(event: KeyboardEvent, forward: string, backward: string): void {
  const group = event.currentTarget as HTMLElement;
  const bars = [...group.querySelectorAll<HTMLElement>("button[data-key]")];
  const at = bars.indexOf(event.target as HTMLElement);
  const goal = { [forward]: at + 1, [backward]: at - 1, Home: 0, End: bars.length - 1 }[event.key];
  const bar = goal === undefined || at < 0 ? undefined : bars[goal];
  if (bar === undefined) return;
  event.preventDefault();
  bar.focus();
}
