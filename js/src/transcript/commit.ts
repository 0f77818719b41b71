/** Provisional chunks that the store has taken: they get their `seq` where they stand. */

import type { ChunksCommittedEvent, ProvisionalChunk, StoredChunk } from "../wire/types";
import { mergeBySeq } from "./history";
import { Log } from "./log";
import { flushed, type TranscriptState, withChunks } from "./state";

/**
 * Return the state with the oldest `event.count` provisional chunks of the turn committed.
 *
 * The chunk that still accumulates is among them when the turn has too few others. A
 * reader that joined late may have fewer than `count`: it holds the last ones of the range.
 * A `seq` that is already there stays as it is, because it came from the store and is
 * whole, while a late reader's chunk may lack its beginning. Other turns' chunks are never
 * touched.
 */
export function commitChunks(state: TranscriptState, event: ChunksCommittedEvent): TranscriptState {
  let { provisional, accumulating } = state;
  let mine = oldestOfTurn(provisional, event);
  if (mine.length < event.count && accumulating?.turnId === event.turnId) {
    provisional = flushed(state);
    accumulating = null;
    mine = oldestOfTurn(provisional, event);
  }
  if (mine.length === 0) return state;
  let seq = event.firstSeq + event.count - mine.length;
  const stored: StoredChunk[] = [];
  for (const position of mine) {
    const { role, chunk } = provisional.at(position) as ProvisionalChunk;
    stored.push({ seq, role, chunk });
    seq += 1;
  }
  return withChunks(
    state,
    withNew(state.committed, stored),
    without(provisional, mine),
    accumulating,
  );
}

/** Return the positions of the oldest chunks of the turn, at most `event.count`. */
function oldestOfTurn(provisional: Log<ProvisionalChunk>, event: ChunksCommittedEvent): number[] {
  const mine: number[] = [];
  for (let position = 0; position < provisional.length; position += 1) {
    if (mine.length >= event.count) break;
    if (provisional.at(position)?.turnId === event.turnId) mine.push(position);
  }
  return mine;
}

function without(
  provisional: Log<ProvisionalChunk>,
  mine: readonly number[],
): Log<ProvisionalChunk> {
  if (mine.at(-1) === mine.length - 1) return provisional.drop(mine.length);
  const gone = new Set(mine);
  return Log.of([...provisional].filter((_, position) => !gone.has(position)));
}

function withNew(committed: Log<StoredChunk>, stored: readonly StoredChunk[]): Log<StoredChunk> {
  const last = committed.at(-1);
  const first = stored[0];
  if (last === undefined || first === undefined || last.seq < first.seq) {
    return committed.extend(stored);
  }
  return mergeBySeq(Log.of(stored), committed);
}
