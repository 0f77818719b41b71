/**
 * What turns cost and how long they took: from live events, and as the store has it.
 *
 * Source: the Dispatch transcript contract, Part C. Live, a step's usage comes with `usage`
 * events that name the step, its timing with `step-complete`, the turn's own numbers with
 * `done`. Every other event is no part of the metrics: the very same state comes back.
 */

import type {
  DoneEvent,
  LiveEvent,
  StepCompleteEvent,
  StepMetrics,
  TurnMetrics,
  Usage,
  UsageEvent,
} from "../wire/types";
import { Log } from "./log";
import { addUsage, NO_USAGE } from "./usage";

type MetricsEvent = UsageEvent | StepCompleteEvent | DoneEvent;

/**
 * What is known of a conversation's turns; an immutable value, O(1) to extend.
 *
 * `live` holds what events told of turns that are not in `durable`, oldest first; `durable`
 * holds sealed turns in the order in which they first arrived.
 */
export interface MetricsState {
  readonly live: Log<MetricsEvent>;
  readonly durable: Log<TurnMetrics>;
}

/** The numbers of a whole turn; null where nobody told. */
export interface TurnTotal {
  readonly usage: Usage;
  readonly durationMs: number | null;
  readonly contextSize: number | null;
}

/** One turn's completed steps; `total` is null while it runs. */
export interface OrderedTurnMetrics {
  readonly turnId: string;
  readonly steps: readonly StepMetrics[];
  readonly total: TurnTotal | null;
}

/** Return the metrics before any event. */
export function initialMetrics(): MetricsState {
  return { live: Log.of(), durable: Log.of() };
}

/** Return the metrics after `event`; the very same object if it tells none. */
export function foldMetrics(state: MetricsState, event: LiveEvent): MetricsState {
  switch (event.type) {
    case "usage":
      return event.stepId === undefined ? state : { ...state, live: state.live.append(event) };
    case "step-complete":
    case "done":
      return { ...state, live: state.live.append(event) };
    default:
      return state;
  }
}

/**
 * Return the metrics with sealed turns as the store has them.
 *
 * They replace what is known of those turns, and leave every turn at its place.
 */
export function applyDurableMetrics(
  state: MetricsState,
  turns: Iterable<TurnMetrics>,
): MetricsState {
  const incoming = byTurn(turns);
  if (incoming.size === 0) return state;
  const known = byTurn(state.durable);
  const added = [...incoming.values()].filter(({ turnId }) => !known.has(turnId));
  const kept =
    added.length === incoming.size
      ? state.durable
      : Log.of([...state.durable].map((turn) => incoming.get(turn.turnId) ?? turn));
  const live = Log.of([...state.live].filter(({ turnId }) => !incoming.has(turnId)));
  return { live, durable: kept.extend(added) };
}

function byTurn(turns: Iterable<TurnMetrics>): Map<string, TurnMetrics> {
  const found = new Map<string, TurnMetrics>();
  for (const turn of turns) found.set(turn.turnId, turn);
  return found;
}

/**
 * Return every turn: sealed ones first, then live ones in the order they were first seen.
 *
 * Of a live turn only completed steps show, and the total once it is done; a turn with
 * neither is left out. A step without usage counts as zeros.
 */
export function selectOrderedTurnMetrics(state: MetricsState): OrderedTurnMetrics[] {
  const sealed = byTurn(state.durable);
  const live = new Map<string, Turn>();
  for (const event of state.live) {
    if (sealed.has(event.turnId)) continue;
    const turn = live.get(event.turnId) ?? { steps: new Map(), done: null };
    live.set(event.turnId, turn);
    take(turn, event);
  }
  const shown = [...live].map(([turnId, turn]) => {
    return { turnId, steps: completed(turn), total: totalOf(turn) };
  });
  return [
    ...[...state.durable].map(durableTurn),
    ...shown.filter(({ steps, total }) => steps.length > 0 || total !== null),
  ];
}

/**
 * Return how many tokens the conversation fills, by its newest turn that tells.
 *
 * Null when nobody told. A size of 0 means that the provider reported nothing, never that the
 * context is empty, so it does not count.
 */
export function selectCurrentContextSize(state: MetricsState): number | null {
  const sizes = selectOrderedTurnMetrics(state).map(({ total }) => total?.contextSize ?? 0);
  return sizes.filter((size) => size !== 0).at(-1) ?? null;
}

interface Step {
  usage: Usage;
  completed: StepCompleteEvent | null;
}

interface Turn {
  readonly steps: Map<string, Step>;
  /** Everything that its `done` events told. */
  done: Partial<DoneEvent> | null;
}

function take(turn: Turn, event: MetricsEvent): void {
  if (event.type === "done") {
    turn.done = { ...turn.done, ...event };
  } else if (event.stepId !== undefined) {
    const step = turn.steps.get(event.stepId) ?? { usage: NO_USAGE, completed: null };
    turn.steps.set(event.stepId, step);
    if (event.type === "usage") step.usage = event.usage;
    else step.completed = event;
  }
}

function completed({ steps }: Turn): StepMetrics[] {
  return [...steps].flatMap(([stepId, { usage, completed }]) => {
    if (completed === null) return [];
    const { type: _type, conversationId: _conversation, turnId: _turn, ...timing } = completed;
    return [{ ...timing, stepId, usage }];
  });
}

function totalOf({ steps, done }: Turn): TurnTotal | null {
  if (done === null) return null;
  const usages = [...steps.values()].map(({ usage }) => usage);
  return {
    usage: done.usage ?? usages.reduce(addUsage, NO_USAGE),
    durationMs: done.durationMs ?? null,
    contextSize: done.contextSize ?? null,
  };
}

function durableTurn({ turnId, steps, ...total }: TurnMetrics): OrderedTurnMetrics {
  const { usage, durationMs = null, contextSize = null } = total;
  return { turnId, steps, total: { usage, durationMs, contextSize } };
}
