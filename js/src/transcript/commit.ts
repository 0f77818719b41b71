/** Provisional chunks that the store has taken: they get their `seq` where they stand. */

import type { ChunksCommittedEvent, ProvisionalChunk, StoredChunk } from "../wire/types";
import { mergeBySeq } from "./history";
import { Log } from "./log";
import { flushed, type TranscriptState } from "./state";

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
  const first = event.firstSeq + event.count - mine.length;
  const stored = mine.map(({ entry }, index) => ({
    seq: first + index,
    role: entry.role,
    chunk: entry.chunk,
  }));
  return {
    ...state,
    committed: withNew(state.committed, stored),
    provisional: without(provisional, mine),
    accumulating,
  };
}

interface Placed {
  readonly position: number;
  readonly entry: ProvisionalChunk;
}

function oldestOfTurn(provisional: Log<ProvisionalChunk>, event: ChunksCommittedEvent): Placed[] {
  const mine: Placed[] = [];
  let position = 0;
  for (const entry of provisional) {
    if (mine.length >= event.count) break;
    if (entry.turnId === event.turnId) mine.push({ position, entry });
    position += 1;
  }
  return mine;
}

function without(
  provisional: Log<ProvisionalChunk>,
  mine: readonly Placed[],
): Log<ProvisionalChunk> {
  if (mine.at(-1)?.position === mine.length - 1) return provisional.drop(mine.length);
  const gone = new Set(mine.map(({ position }) => position));
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
