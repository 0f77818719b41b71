/**
 * Events folded into a transcript that remembers which chunks are stored.
 *
 * A history answer may be ahead of the events, so an event may bring what is shown already.
 */

import type { LiveEvent, ProvisionalChunk, UserMessageEvent } from "../wire/types";
import type { TranscriptState } from "./state";
import { realigned, shown, withNewRows } from "./sync-shown";
import {
  type Hidden,
  isOfTool,
  isSilent,
  isTwin,
  isWindowed,
  knownSeq,
  lastSeq,
  MOST_LOOKED_AT,
  newTrack,
  type SyncState,
  type Track,
  tracked,
  withEntry,
  withOpenText,
} from "./sync-state";

const BORDERS = new Set(["user-message", "turn-start", "error", "done", "turn-sealed"]);

/**
 * Return the state after `event`, without what is among the committed chunks already.
 *
 * `fold` folds an event into a state that remembers nothing.
 */
export function foldTracked(
  before: TranscriptState,
  memory: SyncState,
  event: LiveEvent,
  fold: (state: TranscriptState, event: LiveEvent) => TranscriptState,
): TranscriptState {
  let state = before;
  let sync = memory;
  if (event.type === "text-delta" || event.type === "reasoning-delta") {
    if (sync.hidden !== null) {
      const goingOn = hiddenExtended(state, sync, sync.hidden, event.type, event.delta);
      if (goingOn !== null) return goingOn;
    } else if (state.accumulating !== null) {
      const longer = fold(state, event);
      if (longer.provisional === state.provisional) return longer;
      return withEvent(state, longer, sync, event);
    }
  }
  if (event.type === "user-message" && event.text !== "") {
    const { turnId } = event;
    if (sync.tracks.some((track) => track.turnId === turnId && track.entries.length > 0)) {
      state = restarted(state, sync, turnId);
      sync = tracked(state);
    }
    sync = withTurn(sync, event);
  }
  const shown = revealed(state, sync);
  const after = fold(shown, event);
  return after === shown ? state : withEvent(shown, after, sync, event);
}

/** Return the state with hidden text that goes on as its twin does; null if it does not. */
function hiddenExtended(
  state: TranscriptState,
  sync: SyncState,
  { growing, twin, offset }: Hidden,
  kind: string,
  delta: string,
): TranscriptState | null {
  const isSameKind = (kind === "text-delta") === (growing.kind === "text");
  if (!isSameKind || !twin.startsWith(delta, offset)) return null;
  const hidden = {
    growing: { ...growing, text: growing.text + delta },
    twin,
    offset: offset + delta.length,
  };
  return { ...state, generating: true, providerRetry: null, sync: { ...sync, hidden } };
}

/** Return the state with the text that streams, shown by its twin or not. */
export function revealed(state: TranscriptState, sync: SyncState): TranscriptState {
  return sync.hidden === null ? state : { ...state, accumulating: sync.hidden.growing };
}

/**
 * Return the memory with the turn that `event` begins, still empty.
 *
 * The oldest echo of its text is claimed.
 */
function withTurn(memory: SyncState, { turnId, text }: UserMessageEvent): SyncState {
  let sync = memory;
  let known = sync.tracks.find((track) => track.turnId === turnId);
  if (known === undefined) {
    known = newTrack(turnId, { after: sync.base, known: knownSeq(sync) });
    sync = { ...sync, tracks: [...sync.tracks, known] };
  }
  if (known.seenBefore) return sync;
  const claimed = sync.echoes.find((echo) => echo.text === text && echo.clientMessageId === null);
  if (claimed === undefined) return sync;
  known = { ...known, after: Math.max(claimed.after, sync.base), known: claimed.known };
  const echoes = sync.echoes.filter((echo) => echo !== claimed);
  return { ...sync, echoes, tracks: withTrack(sync.tracks, known) };
}

/** Return the state without what events of the turn built; they are expected anew. */
export function restarted(
  state: TranscriptState,
  sync: SyncState,
  turnId: string,
): TranscriptState {
  const memory = withRestarted(sync, turnId);
  if (revealed(state, sync).accumulating?.turnId !== turnId) return shown(state, memory, null);
  return shown({ ...state, accumulating: null }, { ...memory, hidden: null }, null);
}

function withRestarted(sync: SyncState, turnId: string): SyncState {
  const old = sync.tracks.find((track) => track.turnId === turnId);
  if (old === undefined) {
    return { ...sync, tracks: [...sync.tracks, unknownTrack(sync, turnId)] };
  }
  const isInside = old.above > 0 && !old.hasRivals;
  const again = newTrack(turnId, {
    after: old.after,
    known: old.known,
    replayed: true,
    seenBefore: old.seenBefore || old.entries.length > 0,
    required: old.required || isInside,
    pin: old.start === null || old.hasRivals || old.above > 0 ? old.pin : old.start,
    before: isInside ? old.start : old.before,
  });
  return { ...sync, tracks: withTrack(sync.tracks, again) };
}

function unknownTrack(sync: SyncState, turnId: string): Track {
  return newTrack(turnId, { after: sync.base, known: knownSeq(sync), replayed: true });
}

/** Return `after` with what the event built given to its turn, and compared with the rows. */
function withEvent(
  before: TranscriptState,
  after: TranscriptState,
  sync: SyncState,
  event: LiveEvent,
): TranscriptState {
  const old = sync.tracks.at(-1);
  let { tracks } = sync;
  for (const entry of after.provisional.slice(before.provisional.length)) {
    tracks = withOwnedEntry(tracks, sync, entry);
  }
  const growing = after.accumulating;
  if (growing !== null && growing !== before.accumulating) {
    tracks = withGrowing(tracks, sync, growing.turnId);
  }
  tracks = withBorder(tracks, event);
  const changed = { ...sync, tracks, hidden: null };
  const newest = tracks.at(-1);
  if (newest === undefined || sync.rows.length === 0) return { ...after, sync: changed };
  const isOpen = newest.start === null || newest.hasRivals;
  const isNamed = isOpen && newest.called && !old?.called;
  const isProven = newest.skipped.length > 0 && old !== undefined && newest.proven > old.proven;
  const isReached = isOpen && isWindowed(changed) && mayReach(changed, newest, old);
  if (BORDERS.has(event.type) || isNamed || isProven || isReached) {
    return realigned(after, changed);
  }
  if (newest.start === null || lastSeq(changed) <= newest.cursor) {
    return { ...after, sync: changed };
  }
  return withNewRows(after, changed);
}

/** Tell whether a new entry may be where what was read first begins, or prove it. */
function mayReach({ rows }: SyncState, newest: Track, old: Track | undefined): boolean {
  const known = old?.turnId === newest.turnId ? old.entries.length : 0;
  const added = newest.entries.slice(known);
  let looked = 0;
  for (const row of rows) {
    if (isSilent(row)) continue;
    const isTelling = looked === 0 || isOfTool(row.stored.chunk);
    if (isTelling && added.some((entry) => isTwin(entry, row.stored))) return true;
    looked += 1;
    if (looked === MOST_LOOKED_AT) return false;
  }
  return false;
}

function withOwnedEntry(
  tracks: readonly Track[],
  sync: SyncState,
  entry: ProvisionalChunk,
): readonly Track[] {
  const owned = withOwner(tracks, sync, entry.turnId);
  const track = owned.find(({ turnId }) => turnId === entry.turnId);
  return track === undefined ? owned : withTrack(owned, withEntry(track, entry));
}

function withGrowing(tracks: readonly Track[], sync: SyncState, turnId: string): readonly Track[] {
  const owned = withOwner(tracks, sync, turnId);
  return owned.map((track) => (track.turnId === turnId ? withOpenText(track) : track));
}

/** Return the tracks with one for the turn, whose beginning was never seen if it is new. */
function withOwner(tracks: readonly Track[], sync: SyncState, turnId: string): readonly Track[] {
  if (tracks.some((track) => track.turnId === turnId)) return tracks;
  return [...tracks, unknownTrack(sync, turnId)];
}

function withTrack(tracks: readonly Track[], changed: Track): readonly Track[] {
  return tracks.map((track) => (track.turnId === changed.turnId ? changed : track));
}

function withBorder(tracks: readonly Track[], event: LiveEvent): readonly Track[] {
  if (!("turnId" in event)) return tracks;
  const track = tracks.find(({ turnId }) => turnId === event.turnId);
  if (track === undefined) return tracks;
  switch (event.type) {
    case "turn-start":
      return withTrack(tracks, { ...track, started: true, failed: false });
    case "error":
      return withTrack(tracks, { ...track, failed: !track.started });
    case "done":
    case "turn-sealed":
      return withTrack(tracks, { ...track, started: true, ended: true });
    default:
      return tracks;
  }
}
