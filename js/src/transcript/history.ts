/**
 * Stored chunks joined into the transcript.
 *
 * Source: the Dispatch transcript contract, A.3 and B.3.
 */

import type { StoredChunk } from "../wire/types";
import { Log, positionAfter } from "./log";
import type { TranscriptState } from "./state";
import { isEqual } from "./sync-state";

/**
 * Return the state with `chunks` among its committed ones, ascending by `seq`.
 *
 * Of two chunks with one `seq` the incoming one wins, and inside `chunks` the later one.
 * After a seal everything provisional goes and the seal is cleared; without a seal nothing
 * provisional is touched. That is the seed's rule; `syncHistory` of `sync.ts` is right at any moment. Chunks
 * that were unloaded stay unloaded: only `restoreEarlier` brings them back.
 */
export function applyHistory(
  state: TranscriptState,
  chunks: Iterable<StoredChunk>,
): TranscriptState {
  const committed = mergeLoaded(state, chunks);
  if (state.sealedTurnId === null) return { ...state, committed };
  return { ...state, committed, provisional: Log.of(), accumulating: null, sealedTurnId: null };
}

/** Return the committed chunks with `chunks`, except those below the unload watermark. */
export function mergeLoaded(
  { committed, hiddenBeforeSeq }: TranscriptState,
  chunks: Iterable<StoredChunk>,
): Log<StoredChunk> {
  if (hiddenBeforeSeq === 0) return mergeBySeq(committed, chunks);
  return mergeBySeq(
    committed,
    [...chunks].filter(({ seq }) => seq >= hiddenBeforeSeq),
  );
}

/**
 * Return the union by `seq`, ascending, where `chunks` win.
 *
 * It costs what `chunks` are, not what is there, as long as those that are new are a tail.
 */
export function mergeBySeq(
  committed: Log<StoredChunk>,
  chunks: Iterable<StoredChunk>,
): Log<StoredChunk> {
  const incoming = ascending(bySeq(chunks));
  const first = incoming[0];
  if (first === undefined) return committed;
  const last = committed.at(-1);
  if (last === undefined || last.seq < first.seq) return committed.extend(incoming);
  const added = incoming.filter((stored) => !isThere(committed, stored));
  if (added.every(({ seq }) => seq > last.seq)) return committed.extend(added);
  const union = bySeq(committed);
  for (const stored of incoming) union.set(stored.seq, stored);
  return Log.of(ascending(union));
}

/** Tell whether the very same chunk is among the committed ones. */
export function isThere(committed: Log<StoredChunk>, stored: StoredChunk): boolean {
  const found = committed.at(Math.max(positionAfter(committed, stored.seq, seqOf) - 1, 0));
  return found !== undefined && isEqual(found, stored);
}

function seqOf({ seq }: StoredChunk): number {
  return seq;
}

function bySeq(chunks: Iterable<StoredChunk>): Map<number, StoredChunk> {
  const found = new Map<number, StoredChunk>();
  for (const stored of chunks) found.set(stored.seq, stored);
  return found;
}

function ascending(chunks: Map<number, StoredChunk>): StoredChunk[] {
  return [...chunks.values()].sort((a, b) => a.seq - b.seq);
}
