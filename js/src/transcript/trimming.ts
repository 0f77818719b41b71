/**
 * Committed chunks unloaded, and older ones loaded again.
 *
 * Source: the Dispatch transcript contract, B.4.
 */

import type { StoredChunk } from "../wire/types";
import { mergeBySeq } from "./history";
import { Log } from "./log";
import type { TranscriptState } from "./state";

export const DEFAULT_LIMIT = 256;
export const MIN_LIMIT = 10;
export const MAX_LIMIT = 100_000;

/**
 * Return how many chunks may stay loaded: `value` as a whole number within the bounds.
 *
 * What is no finite number gives the default.
 */
export function chunkLimit(value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value)) return DEFAULT_LIMIT;
  return Math.min(Math.max(Math.floor(value), MIN_LIMIT), MAX_LIMIT);
}

/** Return in which portions chunks are unloaded: a quarter of the limit. */
export function unloadUnit(limit: number): number {
  return Math.ceil(limit / 4);
}

/** Return how many chunks a first load asks for: three quarters of the limit. */
export function freshWindow(limit: number): number {
  return Math.max(1, Math.floor(limit * 0.75));
}

/**
 * Return the state without its oldest committed chunks when more than `limit` are loaded.
 *
 * Whole unload units go, never anything provisional. A limit that is not positive and finite
 * means none.
 */
export function trimTranscript(state: TranscriptState, limit: number): TranscriptState {
  if (!Number.isFinite(limit) || limit <= 0) return state;
  const { committed, provisional, accumulating } = state;
  const loaded = committed.length + provisional.length + (accumulating === null ? 0 : 1);
  if (loaded <= limit) return state;
  const unit = unloadUnit(limit);
  return withoutOldest(state, Math.ceil((loaded - limit) / unit) * unit);
}

/** Return the state with its `newest` committed chunks only, at most. */
export function windowTranscript(state: TranscriptState, newest: number): TranscriptState {
  return withoutOldest(state, state.committed.length - Math.max(newest, 0));
}

/** Return the `seq` of the oldest committed chunk here, else the unload watermark. */
export function oldestLoaded({ committed, hiddenBeforeSeq }: TranscriptState): number {
  return committed.at(0)?.seq ?? hiddenBeforeSeq;
}

/** Return whether the conversation has stored chunks before those loaded. */
export function selectHasEarlier(state: TranscriptState): boolean {
  return oldestLoaded(state) > 1;
}

/**
 * Return the state with the newest `count` (at least one) of `earlier` in front.
 *
 * Only chunks older than those loaded count; without any, the very same state comes back.
 */
export function restoreEarlier(
  state: TranscriptState,
  earlier: Iterable<StoredChunk>,
  count: number,
): TranscriptState {
  const oldest = oldestLoaded(state);
  const older = mergeBySeq(
    Log.of(),
    [...earlier].filter(({ seq }) => seq < oldest),
  );
  const restored = older.slice(Math.max(older.length - Math.max(count, 1), 0));
  const first = restored[0];
  if (oldest <= 1 || first === undefined) return state;
  return {
    ...state,
    committed: Log.of([...restored, ...state.committed]),
    hiddenBeforeSeq: first.seq,
    hiddenThinkingCount: Math.max(state.hiddenThinkingCount - thinkingIn(restored), 0),
  };
}

/** Return the state with an older page in front; the very same if it does not reach it. */
export function withPage(state: TranscriptState, page: Iterable<StoredChunk>): TranscriptState {
  const older = mergeBySeq(Log.of(), page);
  if (older.at(-1)?.seq !== oldestLoaded(state) - 1) return state;
  return restoreEarlier(state, older, older.length);
}

function withoutOldest(state: TranscriptState, count: number): TranscriptState {
  const dropped = state.committed.slice(0, Math.max(count, 0));
  const last = dropped.at(-1);
  if (last === undefined) return state;
  const committed = state.committed.drop(dropped.length);
  return {
    ...state,
    committed,
    hiddenBeforeSeq: committed.at(0)?.seq ?? last.seq + 1,
    hiddenThinkingCount: state.hiddenThinkingCount + thinkingIn(dropped),
  };
}

function thinkingIn(chunks: readonly StoredChunk[]): number {
  return chunks.filter(({ chunk }) => chunk.type === "thinking").length;
}
