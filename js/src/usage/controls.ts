/** What narrows the figures, and what the bars tell apart. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { UsageHead, UsageLook } from "../wire/types";
import { longPeriod } from "./labels";
import { EVERYTHING, type UsageStore } from "./usage-store";

const DAY_MS = 86_400_000;
const OUTCOMES = [
  ["", "Any outcome"],
  ["ok", "Done"],
  ["error", "Failed"],
  ["aborted", "Stopped"],
] as const;
const SPANS = [
  ["", "Any time"],
  ["1", "Last 24 hours"],
  ["7", "Last 7 days"],
  ["30", "Last 30 days"],
  ["90", "Last 90 days"],
] as const;

/** Return the filters of a store; `span` is the chosen number of days, which a look cannot tell. */
export function filters(
  look: UsageLook,
  head: UsageHead | null,
  span: string,
  store: UsageStore,
  chooseSpan: (days: string) => void,
): TemplateResult {
  const names = [...new Set([...(head?.models ?? []), ...look.models])];
  const models = [["", "All models"], ...names.map((name) => [name, name])] as [string, string][];
  const model = look.models[0] ?? "";
  const outcome = look.statuses[0] ?? "";
  const isRange = look.untilMs !== null && look.sinceMs !== null;
  const isNarrow =
    isRange || model !== "" || outcome !== "" || look.sinceMs !== null || look.words !== "";
  const clear = () => {
    chooseSpan("");
    store.look({ ...EVERYTHING });
  };
  return html`<div class="dnb-usage-filters">
    <input type="search" aria-label="Search titles" placeholder="Search titles" autocomplete="off"
      .value=${look.words} @input=${(event: Event) => store.search((event.target as HTMLInputElement).value)} />
    ${choice("Model", models, model, (value) => store.look({ models: value === "" ? [] : [value] }))}
    ${choice("Outcome", OUTCOMES, outcome, (value) =>
      store.look({ statuses: value === "" ? [] : [value as "ok" | "error" | "aborted"] }),
    )}
    ${choice("Time", SPANS, isRange ? "" : span, (value) => {
      chooseSpan(value);
      const sinceMs = value === "" ? null : Date.now() - Number(value) * DAY_MS;
      store.look({ sinceMs, untilMs: null });
    })}
    ${
      isRange
        ? html`<button type="button" class="dnb-usage-chip" aria-label="Show any time again"
            @click=${() => store.look({ sinceMs: null, untilMs: null })}>
            ${rangeName(look.sinceMs ?? 0, look.untilMs ?? 0)}<span aria-hidden="true">×</span></button>`
        : nothing
    }
    ${isNarrow ? html`<button type="button" class="dnb-quiet" @click=${clear}>Clear</button>` : nothing}
  </div>`;
}

function rangeName(sinceMs: number, untilMs: number): string {
  const days = (untilMs - sinceMs) / DAY_MS;
  return longPeriod(sinceMs, days < 1 ? "hour" : days < 2 ? "day" : days < 8 ? "week" : "month");
}

function choice(
  label: string,
  options: readonly (readonly [string, string])[],
  chosen: string,
  change: (value: string) => void,
): TemplateResult {
  return html`<select aria-label=${label} ?data-chosen=${chosen !== ""}
    @change=${(event: Event) => change((event.target as HTMLSelectElement).value)}>
    ${options.map(
      ([value, name]) =>
        html`<option value=${value} .selected=${value === chosen}>${name}</option>`,
    )}
  </select>`;
}

/** Return a row of buttons of which one is pressed. */
export function switches<T extends string>(
  label: string,
  options: readonly (readonly [T, string])[],
  chosen: T,
  change: (value: T) => void,
): TemplateResult {
  return html`<div class="dnb-usage-switch" role="group" aria-label=${label}>${options.map(
    ([value, name]) =>
      html`<button type="button" aria-pressed=${value === chosen} @click=${() => change(value)}>${name}</button>`,
  )}</div>`;
}
