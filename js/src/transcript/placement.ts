/**
 * Where the metrics of steps and turns stand among the groups of the transcript.
 *
 * Source: the Dispatch transcript contract, Part C, placement.
 */

import type { StepMetrics, Usage } from "../wire/types";
import { type RenderedGroup, stepOf } from "./grouping";
import type { OrderedTurnMetrics, TurnTotal } from "./metrics";
import { addUsage, NO_USAGE } from "./usage";

/** A group of the transcript. */
export interface GroupRow {
  readonly kind: "group";
  readonly group: RenderedGroup;
}

/** The metrics of a step, behind its last group. */
export interface StepRow {
  readonly kind: "step";
  readonly turnId: string;
  readonly step: StepMetrics;
}

/**
 * The metrics of a turn, behind its last segment.
 *
 * `number` counts the conversation's turns from 1, `running` sums the usage up to this turn,
 * `previous` is the usage of the turn before; null for the first.
 */
export interface TurnRow {
  readonly kind: "turn";
  readonly turnId: string;
  readonly number: number;
  readonly total: TurnTotal;
  readonly running: Usage;
  readonly previous: Usage | null;
}

export type TranscriptRow = GroupRow | StepRow | TurnRow;

/** Groups from one user chunk to before the next, and the turn they belong to. */
interface Segment {
  readonly start: number;
  readonly stop: number;
  turn: number | null;
}

type Groups = readonly RenderedGroup[];
type Turns = readonly OrderedTurnMetrics[];

/**
 * Return the groups with the rows of steps and turns between them.
 *
 * Every user chunk begins a segment. A segment belongs to the turn with which it shares most
 * steps; a turn that steering has split owns several. Segments that share none are counted
 * off against the turns that are left, newest to newest where older ones are unloaded, and
 * never past a segment whose turn is known. Turns without a segment come before everything.
 */
export function interleaveTurnMetrics(groups: Groups, turns: Turns): TranscriptRow[] {
  const segments = segmentsOf(groups);
  matchBySteps(segments, groups, turns);
  matchByOrder(segments, turns.length);
  const turnRows = turnRowsOf(turns);
  const ends = new Map<number, number>();
  for (const { turn, stop } of segments) if (turn !== null) ends.set(turn, stop);
  const closing = new Map([...ends].map(([turn, stop]) => [stop, turnRows.get(turn)]));
  const rows: TranscriptRow[] = [...turnRows].flatMap(([turn, row]) => (ends.has(turn) ? [] : row));
  const steps = stepRowsOf(segments, groups, turns);
  for (const [index, group] of groups.entries()) {
    rows.push({ kind: "group", group });
    for (const row of [steps.get(index), closing.get(index + 1)]) if (row) rows.push(row);
  }
  return rows;
}

function segmentsOf(groups: Groups): Segment[] {
  const roles = groups.map((group) => (group.kind === "single" ? group.chunk.role : null));
  const starts = [...roles.keys()].filter((index) => roles[index] === "user");
  // A window may begin inside a turn; what the system put before the first prompt is none.
  const before = roles.slice(0, starts[0] ?? groups.length);
  if (before.some((role) => role !== "system")) starts.unshift(0);
  return starts.map((start, index) => {
    return { start, stop: starts[index + 1] ?? groups.length, turn: null };
  });
}

function stepOfGroup(group: RenderedGroup): string | null {
  return group.kind === "single" ? stepOf(group.chunk.chunk) : group.stepId;
}

function matchBySteps(segments: readonly Segment[], groups: Groups, turns: Turns): void {
  const turnOf = new Map<string, number>();
  for (const [index, { steps }] of turns.entries()) {
    for (const { stepId } of steps) turnOf.set(stepId, index);
  }
  for (const segment of segments) {
    const shared = new Map<number, number>();
    const steps = new Set(groups.slice(segment.start, segment.stop).map(stepOfGroup));
    for (const step of steps) {
      const turn = step === null ? undefined : turnOf.get(step);
      if (turn !== undefined) shared.set(turn, (shared.get(turn) ?? 0) + 1);
    }
    const byMost = [...shared].sort(([a, most], [b, others]) => others - most || a - b);
    segment.turn = byMost[0]?.[0] ?? null;
  }
}

function matchByOrder(segments: readonly Segment[], turns: number): void {
  let before = -1;
  let gap: Segment[] = [];
  for (const segment of segments) {
    if (segment.turn === null) {
      gap.push(segment);
      continue;
    }
    countOff(gap, before, segment.turn);
    before = segment.turn;
    gap = [];
  }
  countOff(gap, before, turns);
}

/** Give the segments of a gap the turns between the two that are known. */
function countOff(gap: readonly Segment[], before: number, after: number): void {
  const spare = after - before - 1 - gap.length;
  const first = before + 1 + (before < 0 ? Math.max(spare, 0) : 0);
  for (const [index, segment] of gap.entries()) {
    if (first + index < after) segment.turn = first + index;
  }
}

function turnRowsOf(turns: Turns): Map<number, TurnRow> {
  const rows = new Map<number, TurnRow>();
  let running = NO_USAGE;
  let previous: Usage | null = null;
  for (const [index, { turnId, total }] of turns.entries()) {
    if (total === null) continue;
    running = addUsage(running, total.usage);
    rows.set(index, { kind: "turn", turnId, number: index + 1, total, running, previous });
    previous = total.usage;
  }
  return rows;
}

function stepRowsOf(
  segments: readonly Segment[],
  groups: Groups,
  turns: Turns,
): Map<number, StepRow> {
  const lastGroups = new Map<number, Map<string, number>>();
  for (const { start, stop, turn } of segments) {
    if (turn === null) continue;
    const last = lastGroups.get(turn) ?? new Map<string, number>();
    lastGroups.set(turn, last);
    for (let index = start; index < stop; index += 1) {
      const group = groups[index];
      const stepId = group && stepOfGroup(group);
      if (stepId !== null && stepId !== undefined) last.set(stepId, index);
    }
  }
  const rows = new Map<number, StepRow>();
  for (const [turn, { turnId, steps }] of turns.entries()) {
    for (const step of steps) {
      const index = lastGroups.get(turn)?.get(step.stepId);
      if (index !== undefined) rows.set(index, { kind: "step", turnId, step });
    }
  }
  return rows;
}
