/**
 * Stored and live chunks joined, at any moment and exactly.
 *
 * Source: the Dispatch transcript contract, Part D; `dispatch_nb/transcript/sync.py` says
 * how a client feeds these functions, and which readings they prefer where the wire alone
 * cannot tell.
 */

import type { StoredChunk } from "../wire/types";
import { mergeLoaded } from "./history";
import { Log } from "./log";
import { claimEcho } from "./own-prompts";
import { initialState, type TranscriptState } from "./state";
import { restarted, revealed } from "./sync-fold";
import { frozen, realigned, withNewRows, withOlderRows } from "./sync-shown";
import {
  indexAfter,
  isEqual,
  lastSeq,
  type Row,
  type SyncState,
  type Track,
  tracked,
} from "./sync-state";
import { isTold, joined, newTold, replayed } from "./told";
import { withPage } from "./trimming";

export { appendUserMessage, claimEcho, rejectEcho } from "./own-prompts";

/** What is known of an answer beside its chunks. */
export interface SyncOptions {
  /** The turns whose `turn-sealed` had been folded when the answer was requested. */
  readonly requestedAfterSeal?: Iterable<string>;
  /** The turns whose `turn-start` had been folded then: their prompts are certainly in. */
  readonly requestedAfterStart?: Iterable<string>;
  /** The turn of each stored chunk by `seq`, where the backend tells it. */
  readonly turnIds?: ReadonlyMap<number, string>;
  /** The ids of stored prompts by `seq`: own prompts among them are claimed. */
  readonly clientMessageIds?: ReadonlyMap<number, string>;
  /** Whether the chunks are an older page that the reader asked for. */
  readonly isPage?: boolean;
}

/** Return the state before anything is known of a log whose events say what is stored. */
export function toldState(): TranscriptState {
  return { ...initialState(), sync: newTold() };
}

/**
 * Return the state in which the turn's events are expected from its first one on.
 *
 * What its events built so far is dropped, unless it is stored; no other turn's chunks are.
 * `firstSeq` is the `seq` of its prompt where events say what is stored.
 */
export function beginReplay(
  state: TranscriptState,
  turnId: string,
  firstSeq: number | null = null,
): TranscriptState {
  if (isTold(state.sync)) return replayed(state, state.sync, turnId, firstSeq);
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
  state: TranscriptState,
  chunks: Iterable<StoredChunk>,
  options: SyncOptions = {},
): TranscriptState {
  const answer = [...chunks];
  const older = options.isPage ? withPage(state, answer) : state;
  if (options.isPage && (older === state || isTold(state.sync))) return older;
  const sent = options.clientMessageIds ?? new Map<number, string>();
  if (isTold(older.sync)) return joined(older, older.sync, answer, sent);
  return compared([...sent.values()].reduce(claimEcho, older), answer, options);
}

function compared(
  before: TranscriptState,
  answer: readonly StoredChunk[],
  { requestedAfterSeal = [], requestedAfterStart = [], turnIds = new Map() }: SyncOptions,
): TranscriptState {
  const sealed = new Set(requestedAfterSeal);
  const memory = tracked(before);
  const isSettled = before.sealedTurnId !== null && sealed.has(before.sealedTurnId);
  const state = {
    ...revealed(before, memory),
    committed: mergeLoaded(before, answer),
    sealedTurnId: isSettled ? null : before.sealedTurnId,
  };
  const proven = withProofs({ ...memory, hidden: null }, sealed, new Set(requestedAfterStart));
  const fresh = freshRows(memory, answer, turnIds);
  const sync = withRows(proven, fresh);
  const isSettling = sync.tracks.some(({ turnId }) => sealed.has(turnId));
  const newest = sync.tracks.at(-1);
  const isPlaced = newest !== undefined && newest.start !== null && !newest.hasRivals;
  const isToldMore = proven.tracks.some(
    ({ required, start }, index) => required && start === null && !memory.tracks[index]?.required,
  );
  if (isPlaced && !isSettling && !isToldMore) {
    const first = fresh[0]?.stored.seq ?? Number.POSITIVE_INFINITY;
    if (first > lastSeq(memory)) return withNewRows(state, sync);
    const turned = withOlderRows(state, sync, fresh);
    if (turned !== null) return turned;
  }
  const aligned = realigned(state, sync);
  if (!isSettling) return aligned;
  const remembered = tracked(aligned);
  return realigned(revealed(aligned, remembered), settled(remembered, sealed));
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

/** Return the rows of the answer that are not there yet, ascending. */
function freshRows(
  { rows, base }: SyncState,
  answer: readonly StoredChunk[],
  turnIds: ReadonlyMap<number, string>,
): Row[] {
  const found = new Map<number, Row>();
  for (const stored of answer) {
    const row = { stored, turnId: turnIds.get(stored.seq) ?? null };
    if (stored.seq > base) found.set(stored.seq, row);
  }
  return ascending(found).filter(({ stored, turnId }) => {
    const known = rows.at(Math.max(indexAfter(rows, stored.seq) - 1, 0));
    const isTold = turnId !== null && turnId !== known?.turnId;
    return known === undefined || isTold || !isEqual(known.stored, stored);
  });
}

function withRows(sync: SyncState, fresh: readonly Row[]): SyncState {
  const isTail = (fresh[0]?.stored.seq ?? Number.POSITIVE_INFINITY) > lastSeq(sync);
  const rows = isTail ? sync.rows.extend(fresh) : united(sync.rows, fresh);
  const merged = { ...sync, rows };
  if (sync.loaded) return merged;
  const known = lastSeq(merged);
  return {
    ...merged,
    loaded: true,
    tracks: merged.tracks.map((track) => ({ ...track, known: track.known ?? known })),
    echoes: merged.echoes.map((echo) => ({ ...echo, known: echo.known ?? known })),
  };
}

function united(rows: Log<Row>, fresh: readonly Row[]): Log<Row> {
  const found = new Map<number, Row>();
  for (const row of [...rows, ...fresh]) found.set(row.stored.seq, row);
  return Log.of(ascending(found));
}

function ascending(rows: ReadonlyMap<number, Row>): Row[] {
  return [...rows.values()].sort((a, b) => a.stored.seq - b.stored.seq);
}

/**
 * Return the memory without the sealed turns, and without what they did not store.
 *
 * They are remembered where an older turn, which may have failed, took a prompt that can be
 * theirs: the rows that come later tell.
 */
function settled(before: SyncState, sealed: ReadonlySet<string>): SyncState {
  const tracks = before.tracks.map((track) => ({
    ...track,
    settled: track.settled || sealed.has(track.turnId),
  }));
  const count = tracks.map((track) => track.settled).lastIndexOf(true) + 1;
  const old = tracks.slice(0, count);
  if (old.some((_, number) => mayBeOfAnother(tracks, number))) return { ...before, tracks };
  const isPlaced = (old.at(-1)?.start ?? null) !== null;
  const sync = frozen({ ...before, tracks }, old);
  return {
    ...sync,
    rows: sync.rows.drop(indexAfter(sync.rows, sync.base)),
    exact: isPlaced,
    echoes: sync.echoes.filter(({ row }) => row === null || row > sync.base),
  };
}

/** Tell whether the prompt that this turn took may be a later one's that is settled. */
function mayBeOfAnother(tracks: readonly Track[], number: number): boolean {
  const track = tracks[number];
  if (track === undefined || track.settled || track.start === null || !track.hasRivals) {
    return false;
  }
  const prompt = track.entries.at(0)?.chunk;
  return tracks
    .slice(number + 1)
    .some((later) => later.settled && isEqual(later.entries.at(0)?.chunk, prompt));
}
