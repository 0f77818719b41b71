/**
 * Where chunks without a stored twin stand among the stored ones.
 *
 * A backend does not store everything that it streams. What it left out stays where it was
 * said, and goes with its own turn alone.
 *
 * Source: the Dispatch transcript contract, D.3.8, D.3.10, D.3.11 and D.6.5.
 */

import type { ProvisionalChunk, StoredChunk } from "../wire/types";
import { type Log, positionAfter } from "./log";
import type { TranscriptState } from "./state";
import {
  isWindowed,
  lastSeq,
  MOST_LOOKED_AT,
  namesItsStep,
  type Row,
  type SyncState,
  type Track,
} from "./sync-state";
import { isTold } from "./told";

/**
 * Return for each turn the `seq` of the row that its unstored end follows; null for the last.
 *
 * `dispatch_nb/transcript/sync_places.py` has the rule.
 */
export function placesOf(sync: SyncState): (number | null)[] {
  const places: (number | null)[] = [];
  let bound: number | null = null;
  for (const [number, track] of [...sync.tracks.entries()].reverse()) {
    if (track.start !== null) {
      places.push(track.cursor);
      bound = hidesOlder(sync, track, track.start) ? track.start - 1 : null;
    } else {
      if (isAbove(sync, track)) bound = (sync.rows.at(0) as Row).stored.seq - 1;
      else {
        const known = knownPlace(sync, track, sync.tracks.slice(0, number));
        if (bound === null || (known !== null && known < bound)) bound = known;
      }
      places.push(bound);
    }
  }
  return places.reverse();
}

/**
 * Tell whether turns without rows are older than this one for certain.
 *
 * They would stand before all that was read, and not be seen.
 */
function hidesOlder(sync: SyncState, track: Track, start: number): boolean {
  const first = sync.rows.at(0) as Row;
  if (!isWindowed(sync) || start > first.stored.seq || track.required) return true;
  const { entries, above, taken } = track;
  const proofs = entries.slice(above, Math.min(above + MOST_LOOKED_AT, taken));
  return first.turnId !== null || proofs.some(namesItsStep);
}

/** Return the last row that was read when a turn began that failed at once. */
function knownPlace(sync: SyncState, track: Track, older: readonly Track[]): number | null {
  if (!track.failed || track.replayed || track.known === null) return null;
  if (isWindowed(sync) && track.known < (sync.rows.at(0) as Row).stored.seq) return null;
  return Math.max(track.known, sync.base, ...older.map(({ cursor }) => cursor));
}

/** Tell whether the turn, of which no entry has a row, begins before all that was read. */
function isAbove(sync: SyncState, track: Track): boolean {
  return isWindowed(sync) && (track.required || sync.rows.at(0)?.turnId === track.turnId);
}

/**
 * Return the logs of chunks as they follow on screen; null stands for the text that grows.
 *
 * What stands before the oldest chunk that is loaded is on a page above, and not shown.
 */
export function inOrder(
  state: TranscriptState,
): readonly (Log<StoredChunk> | Log<ProvisionalChunk> | null)[] {
  const { sync, committed, provisional } = state;
  if (sync === null || isTold(sync)) return [committed, provisional, null];
  const first = committed.at(0)?.seq ?? state.hiddenBeforeSeq;
  const last = lastSeq(sync);
  const parts: (Log<StoredChunk> | Log<ProvisionalChunk> | null)[] = [];
  let shown = 0;
  const add = (after: number, ...logs: typeof parts) => {
    if (first > 1 && after < Math.min(first, last)) return;
    const stop = after < last ? positionAfter(committed, after, seqOf) : committed.length;
    parts.push(committed.view(shown, stop), ...logs);
    shown = stop;
  };
  const place = sync.place ?? last;
  for (const [after, entries] of sync.asides) if (after <= place) add(after, entries);
  add(place, provisional, null);
  // An older turn of which nothing is known stands last, even behind the newest one.
  for (const [after, entries] of sync.asides) if (after > place) add(after, entries);
  return [...parts, committed.view(shown, committed.length)];
}

function seqOf({ seq }: StoredChunk): number {
  return seq;
}
