/** What is known of a conversation after some events and some history: an immutable value. */

import type {
  AccumulatingChunk,
  Chunk,
  ProviderRetryEvent,
  ProvisionalChunk,
  StoredChunk,
  Usage,
} from "../wire/types";
import { Log } from "./log";
import type { SyncState } from "./sync-state";
import type { Told } from "./told";

/**
 * The transcript of one conversation: stored chunks, then what still has no `seq`.
 *
 * Source: the Dispatch transcript contract, A.1 and B.1. `committed` ascends by `seq`;
 * `generating` says that a turn runs; `providerRetry` is the announced retry that has not
 * begun yet. Stored chunks below `hiddenBeforeSeq` were unloaded (0: none were), and
 * `hiddenThinkingCount` of them hold thinking. `sync` is what tells stored and live chunks
 * apart: `Told` where events say what is stored, what was compared where they do not, and null
 * before either is known.
 */
export interface TranscriptState {
  readonly committed: Log<StoredChunk>;
  readonly provisional: Log<ProvisionalChunk>;
  /** Its text grows by concatenation, which JavaScript engines do without copying. */
  readonly accumulating: AccumulatingChunk | null;
  readonly currentTurnId: string | null;
  readonly latestUsage: Usage | null;
  readonly sealedTurnId: string | null;
  readonly generating: boolean;
  readonly providerRetry: ProviderRetryEvent | null;
  readonly hiddenBeforeSeq: number;
  readonly hiddenThinkingCount: number;
  readonly sync: SyncState | Told | null;
}

/** Return the state before any event. */
export function initialState(): TranscriptState {
  return {
    committed: Log.of(),
    provisional: Log.of(),
    accumulating: null,
    currentTurnId: null,
    latestUsage: null,
    sealedTurnId: null,
    generating: false,
    providerRetry: null,
    hiddenBeforeSeq: 0,
    hiddenThinkingCount: 0,
    sync: null,
  };
}

/** Return the chunk that the accumulating one is so far. */
export function accumulatedChunk({ kind, text }: AccumulatingChunk): Chunk {
  return { type: kind, text };
}

/** Return the provisional chunks with the accumulating one, if any, behind them. */
export function flushed({ provisional, accumulating }: TranscriptState): Log<ProvisionalChunk> {
  if (accumulating === null) return provisional;
  const chunk = accumulatedChunk(accumulating);
  return provisional.append({ role: "assistant", chunk, turnId: accumulating.turnId });
}

/** Return the state with another memory of what is stored, and else the same. */
export function withSync(state: TranscriptState, sync: Told): TranscriptState {
  // As below, without spreading.
  return {
    committed: state.committed,
    provisional: state.provisional,
    accumulating: state.accumulating,
    currentTurnId: state.currentTurnId,
    latestUsage: state.latestUsage,
    sealedTurnId: state.sealedTurnId,
    generating: state.generating,
    providerRetry: state.providerRetry,
    hiddenBeforeSeq: state.hiddenBeforeSeq,
    hiddenThinkingCount: state.hiddenThinkingCount,
    sync,
  };
}

/** Return the state with other chunks, and else the same. */
export function withChunks(
  state: TranscriptState,
  committed: TranscriptState["committed"],
  provisional: TranscriptState["provisional"],
  accumulating: AccumulatingChunk | null,
  generating = state.generating,
  providerRetry = state.providerRetry,
): TranscriptState {
  // Most events come this way, and spreading the state takes thirty times as long.
  return {
    committed,
    provisional,
    accumulating,
    currentTurnId: state.currentTurnId,
    latestUsage: state.latestUsage,
    sealedTurnId: state.sealedTurnId,
    generating,
    providerRetry,
    hiddenBeforeSeq: state.hiddenBeforeSeq,
    hiddenThinkingCount: state.hiddenThinkingCount,
    sync: state.sync,
  };
}
