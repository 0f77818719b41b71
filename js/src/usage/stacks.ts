/** What a bar is stacked of, by tokens or by cost; the parts do not overlap. */
import { money } from "../view/words";
import type { UsageBar, UsageLook, UsageSums } from "../wire/types";

const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/** Return a count with three digits that count: 812, 3.42k, 128k, 1.2M. */
export function compact(value: number): string {
  return SHORT.format(value).replace("K", "k");
}

export type Measure = UsageLook["measure"];

export interface Part {
  readonly name: string;
  /** The class that gives it its colour. */
  readonly kind: "fresh" | "written" | "cached" | "said" | "thought" | "request";
  readonly value: number;
}

/** Return the parts of some sums, from the bottom to the top. */
export function parts(sums: UsageSums, measure: Measure): Part[] {
  return measure === "cost" ? costParts(sums) : tokenParts(sums);
}

function tokenParts(sums: UsageSums): Part[] {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, reasoningTokens } = sums;
  return [
    part("Read from cache", "cached", cacheReadTokens),
    part("Input, not cached", "fresh", inputTokens - cacheReadTokens - cacheWriteTokens),
    part("Written to cache", "written", cacheWriteTokens),
    part("Output, said", "said", outputTokens - reasoningTokens),
    part("Output, thought", "thought", reasoningTokens),
  ];
}

function costParts(sums: UsageSums): Part[] {
  const { inputUsd, outputUsd, cacheReadUsd, cacheWriteUsd, reasoningUsd, costUsd } = sums;
  return [
    part("Read from cache", "cached", cacheReadUsd),
    part("Input, not cached", "fresh", inputUsd - cacheReadUsd - cacheWriteUsd),
    part("Written to cache", "written", cacheWriteUsd),
    part("Output, said", "said", outputUsd - reasoningUsd),
    part("Output, thought", "thought", reasoningUsd),
    part("The request itself", "request", (costUsd ?? 0) - inputUsd - outputUsd),
  ];
}

function part(name: string, kind: Part["kind"], value: number): Part {
  // Less than this is left of a difference of amounts by rounding alone.
  return { name, kind, value: value > 1e-12 ? value : 0 };
}

/** Return how high a bar is. */
export function height(sums: UsageSums, measure: Measure): number {
  return parts(sums, measure).reduce((sum, { value }) => sum + value, 0);
}

/** Return an amount of a measure in words. */
export function amount(value: number, measure: Measure): string {
  return measure === "cost" ? money(value) : compact(value);
}

/** Return tokens, estimated and lower bounds marked. */
export function tokensOf(sums: UsageSums): string {
  const { inputTokens, outputTokens, steps, uncounted, partial, estimated } = sums;
  const all = inputTokens + outputTokens;
  if (uncounted === steps && all === 0) return "unknown";
  const mark = estimated > 0 ? "≈ " : partial > 0 || uncounted > 0 ? "≥ " : "";
  return mark + compact(all);
}

/** Return a cost; what has no price is never nothing. */
export function costOf({ costUsd, unpriced, uncounted, steps }: UsageSums): string {
  if (steps === 0) return "$0";
  if (costUsd === null) return "price unknown";
  return unpriced + uncounted > 0 ? `≥ ${money(costUsd)}` : money(costUsd);
}

/** Return the top of an axis that holds `value`, and the ticks on the way there. */
export function scale(value: number): { top: number; ticks: number[] } {
  if (value <= 0) return { top: 1, ticks: [] };
  const rough = value / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((each) => each * power >= rough) ?? 10) * power;
  const count = Math.ceil(value / step - 1e-9);
  const ticks = Array.from({ length: count }, (_, at) => (at + 1) * step);
  return { top: count * step, ticks };
}

/** Return what else is to be said of a bar: what failed, was stopped, tried again, counted how. */
export function notes({ sums, step }: UsageBar): string[] {
  const { failed, stopped, retried, unpriced, estimated, partial } = sums;
  const told: [number, string][] = [
    [failed, "failed"],
    [stopped, "stopped"],
    [retried, "tried again"],
    [unpriced, step === undefined ? "without a price" : "price unknown"],
    [estimated, "estimated"],
    [partial, "counted in part"],
  ];
  return told
    .filter(([value]) => value > 0)
    .map(([value, word]) => (step === undefined ? `${value} ${word}` : word));
}
