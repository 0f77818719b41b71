/**
 * Stored and live chunks of a foreign backend joined, at any moment and exactly.
 *
 * Source: the Dispatch transcript contract, Part D; `dispatch_nb/transcript/sync.py` says
 * how a client feeds these functions, and which readings they prefer where the wire alone
 * cannot tell.
 */

import type { StoredChunk } from "../wire/types";
import { mergeLoaded } from "./history";
import { Log } from "./log";
import type { TranscriptState } from "./state";
import { frozen, realigned, restarted, revealed, withNewRows } from "./sync-fold";
import {
  type Echo,
  indexAfter,
  knownSeq,
  lastSeq,
  newTrack,
  type Row,
  type SyncState,
  tracked,
} from "./sync-state";

/** What is known of an answer beside its chunks. */
export interface SyncOptions {
  /** The turns whose `turn-sealed` had been folded when the answer was requested. */
  readonly requestedAfterSeal?: Iterable<string>;
  /** The turns whose `turn-start` had been folded then: their prompts are certainly in. */
  readonly requestedAfterStart?: Iterable<string>;
  /** The turn of each stored chunk by `seq`, where the backend tells it. */
  readonly turnIds?: ReadonlyMap<number, string>;
}

/**
 * Return the state in which the turn's events are expected from its first one on.
 *
 * What its events built so far is dropped, unless it is stored; no other turn's chunks are.
 */
export function beginReplay(state: TranscriptState, turnId: string): TranscriptState {
  return restarted(state, tracked(state), turnId);
}

/**
 * Return the state with `chunks` among the committed ones, and no chunk twice.
 *
 * `chunks` are all stored chunks behind those known when the answer was requested. Exactly
 * those provisional chunks go whose stored twins are in, and what a turn of
 * `requestedAfterSeal` never stored.
 */
export function syncHistory(
  before: TranscriptState,
  chunks: Iterable<StoredChunk>,
  { requestedAfterSeal = [], requestedAfterStart = [], turnIds = new Map() }: SyncOptions = {},
): TranscriptState {
  const answer = [...chunks];
  const sealed = new Set(requestedAfterSeal);
  const memory = tracked(before);
  const isSettled = before.sealedTurnId !== null && sealed.has(before.sealedTurnId);
  const state = {
    ...revealed(before, memory),
    committed: mergeLoaded(before, answer),
    sealedTurnId: isSettled ? null : before.sealedTurnId,
  };
  const proven = withProofs({ ...memory, hidden: null }, sealed, new Set(requestedAfterStart));
  const sync = withRows(proven, answer, turnIds);
  const isTail = answer.every(({ seq }) => seq > lastSeq(memory));
  const isSettling = sync.tracks.some(({ turnId }) => sealed.has(turnId));
  const newest = sync.tracks.at(-1);
  const isPlaced = newest !== undefined && newest.start !== null && !newest.hasRivals;
  if (isTail && isPlaced && !isSettling) return withNewRows(state, sync);
  const aligned = realigned(state, sync);
  if (!isSettling || aligned.sync === undefined) return aligned;
  return realigned(revealed(aligned, aligned.sync), settled(aligned.sync, sealed));
}

/** Return the memory with what is certainly among the rows of the answer. */
function withProofs(
  sync: SyncState,
  sealed: ReadonlySet<string>,
  started: ReadonlySet<string>,
): SyncState {
  const tracks = sync.tracks.map((track) => ({
    ...track,
    required: track.required || sealed.has(track.turnId) || started.has(track.turnId),
    complete: track.complete || sealed.has(track.turnId),
  }));
  return { ...sync, tracks };
}

function withRows(
  sync: SyncState,
  answer: readonly StoredChunk[],
  turnIds: ReadonlyMap<number, string>,
): SyncState {
  const merged = withAnswer(sync, answer, turnIds);
  if (sync.loaded) return merged;
  const known = lastSeq(merged);
  return {
    ...merged,
    loaded: true,
    tracks: merged.tracks.map((track) => ({ ...track, known: track.known ?? known })),
    echoes: merged.echoes.map((echo) => ({ ...echo, known: echo.known ?? known })),
  };
}

function withAnswer(
  sync: SyncState,
  answer: readonly StoredChunk[],
  turnIds: ReadonlyMap<number, string>,
): SyncState {
  const found = new Map<number, Row>();
  for (const stored of answer) {
    const row = { stored, turnId: turnIds.get(stored.seq) ?? null };
    if (stored.seq > sync.base) found.set(stored.seq, row);
  }
  const last = lastSeq(sync);
  const isTail = [...found.keys()].every((seq) => seq > last);
  const known: [number, Row][] = isTail ? [] : rowsBySeq(sync);
  const rows = [...new Map([...known, ...found]).values()];
  rows.sort((a, b) => a.stored.seq - b.stored.seq);
  return { ...sync, rows: (isTail ? sync.rows : Log.of<Row>()).extend(rows) };
}

function rowsBySeq({ rows }: SyncState): [number, Row][] {
  return Array.from(rows, (row) => [row.stored.seq, row]);
}

/** Return the memory without the sealed turns, and without what they did not store. */
function settled(before: SyncState, sealed: ReadonlySet<string>): SyncState {
  const count = before.tracks.map(({ turnId }) => sealed.has(turnId)).lastIndexOf(true) + 1;
  const isPlaced = (before.tracks[count - 1]?.start ?? null) !== null;
  const old = before.tracks.slice(0, count).map((track) => {
    const { turnId, cursor } = track;
    return sealed.has(turnId) ? newTrack(turnId, { cursor }) : track;
  });
  const sync = frozen(before, old);
  return {
    ...sync,
    rows: sync.rows.drop(indexAfter(sync.rows, sync.base)),
    exact: isPlaced,
    echoes: sync.echoes.filter(({ row }) => row === null || row > sync.base),
  };
}

/**
 * Return the state with a prompt shown to its sender before any event confirms it.
 *
 * It stays last until the `user-message` of its text claims it; with a client message id,
 * until `claimEcho` does.
 */
export function appendUserMessage(
  state: TranscriptState,
  text: string,
  clientMessageId: string | null = null,
): TranscriptState {
  const sync = tracked(state);
  const known = knownSeq(sync);
  const echo = { text, after: known ?? 0, known, clientMessageId, row: null };
  return { ...state, sync: { ...sync, echoes: [...sync.echoes, echo] } };
}

/** Return the state without the prompt of this id, whose `user-message` comes next or came. */
export function claimEcho(state: TranscriptState, clientMessageId: string): TranscriptState {
  return withoutEcho(state, (echo) => echo.clientMessageId === clientMessageId);
}

/**
 * Return the state without a prompt that the backend refused; the same object if it has none.
 *
 * Without an id the newest unclaimed prompt of that text goes.
 */
export function rejectEcho(
  state: TranscriptState,
  text: string,
  clientMessageId: string | null = null,
): TranscriptState {
  return withoutEcho(
    state,
    (echo) => echo.text === text && echo.clientMessageId === clientMessageId,
  );
}

function withoutEcho(state: TranscriptState, isMeant: (echo: Echo) => boolean): TranscriptState {
  const { sync } = state;
  if (sync === undefined) return state;
  const meant = sync.echoes.filter(isMeant).at(-1);
  if (meant === undefined) return state;
  const echoes = sync.echoes.filter((echo) => echo !== meant);
  return { ...state, sync: { ...sync, echoes } };
}
