/**
 * What is on screen after stored chunks and events were compared.
 *
 * Source: the Dispatch transcript contract, D.4.10.
 */

import type { ProvisionalChunk } from "../wire/types";
import { Log } from "./log";
import type { TranscriptState } from "./state";
import { advance, CUT_OFF, retreat } from "./sync-advance";
import { align } from "./sync-align";
import { alignEchoes } from "./sync-echoes";
import { placesOf } from "./sync-places";
import {
  type Aside,
  lastSeq,
  type Row,
  type Stretch,
  type SyncState,
  type Track,
} from "./sync-state";

const MOST_TRACKS = 8;

/**
 * Return the state after the newest turn was compared with the rows behind its cursor.
 *
 * When that does not come out even, all turns are aligned anew.
 */
export function withNewRows(state: TranscriptState, sync: SyncState): TranscriptState {
  const newest = sync.tracks.at(-1);
  if (newest === undefined) return shown(state, sync, null);
  const { track, cost, openTwin } = advance(newest, sync.rows, state.accumulating);
  if (cost >= CUT_OFF) return realigned(state, sync);
  const passed = track.taken - newest.taken;
  return shown(state, { ...sync, tracks: [...sync.tracks.slice(0, -1), track] }, openTwin, passed);
}

/** Return the state after a page before the rows was compared; null if that needs them all. */
export function withOlderRows(
  state: TranscriptState,
  sync: SyncState,
  fresh: readonly Row[],
): TranscriptState | null {
  const [first, ...others] = sync.tracks;
  const isPage = fresh.every((row, index) => sync.rows.at(index) === row);
  if (first === undefined || first.start === null || first.hasRivals || !isPage) return null;
  const longer = first.above > 0 ? retreat(first, fresh) : first;
  if (longer === null) return null;
  const tracks = [longer, ...others];
  const { openTwin } = advance(tracks.at(-1) ?? longer, sync.rows, state.accumulating);
  return shown(state, { ...sync, tracks }, openTwin, 0);
}

/** Return the state after all turns were aligned with the rows. */
export function realigned(state: TranscriptState, memory: SyncState): TranscriptState {
  const excess = memory.tracks.length - MOST_TRACKS;
  const sync = excess > 0 ? frozen(memory, memory.tracks.slice(0, excess)) : memory;
  const growing = state.accumulating;
  const tracks = align(sync, growing);
  const newest = tracks.at(-1);
  const isPlaced = newest !== undefined && newest.start !== null && growing !== null;
  const openTwin = isPlaced ? advance(newest, sync.rows, growing).openTwin : null;
  return shown(state, { ...sync, tracks }, openTwin);
}

/** Return the memory with the oldest turns as they are now, never to be aligned again. */
export function frozen(sync: SyncState, old: readonly Track[]): SyncState {
  const places = placesOf(sync);
  const kept = old.flatMap((track, index) => asidesOf(track, places[index] ?? lastSeq(sync)));
  return {
    ...sync,
    frozen: [...sync.frozen, ...kept],
    tracks: sync.tracks.slice(old.length),
    base: Math.max(sync.base, ...old.map(({ cursor }) => cursor)),
  };
}

function asidesOf({ skipped, entries, taken, settled }: Track, place: number): Aside[] {
  if (settled) return [];
  return [...skipped, ...entries.slice(taken).map((entry) => ({ after: place, entry }))];
}

/**
 * Return the state in which exactly what has no stored twin is provisional.
 *
 * `passed` says that of the newest turn's provisional chunks only so many first ones go.
 */
export function shown(
  state: TranscriptState,
  sync: SyncState,
  openTwin: string | null,
  passed: number | null = null,
): TranscriptState {
  const growing = state.accumulating;
  let hidden = growing === null ? sync.hidden : null;
  let accumulating = growing;
  if (growing !== null && openTwin !== null) {
    hidden = { growing, twin: openTwin, offset: growing.text.length };
    accumulating = null;
  }
  const last = lastSeq(sync);
  const places = placesOf(sync);
  const place = places.at(-1) ?? null;
  const older = sync.tracks.slice(0, -1);
  const newest = sync.tracks.at(-1);
  const asides = [
    ...sync.frozen,
    ...older.flatMap((track, index) => asidesOf(track, places[index] ?? last)),
    ...(newest === undefined || newest.settled ? [] : newest.skipped),
  ];
  return {
    ...state,
    provisional: restOf(state.provisional, newest, passed),
    accumulating,
    sync: {
      ...sync,
      hidden,
      echoes: alignEchoes(sync),
      asides: grouped(asides),
      place: place === null || place >= last ? null : place,
    },
  };
}

function restOf(
  provisional: Log<ProvisionalChunk>,
  newest: Track | undefined,
  passed: number | null,
): Log<ProvisionalChunk> {
  if (newest === undefined || newest.settled) return Log.of();
  const { entries, taken } = newest;
  const isCut = passed !== null && passed + entries.length - taken === provisional.length;
  return isCut ? provisional.drop(passed) : Log.of(entries.slice(taken));
}

function grouped(asides: Aside[]): Stretch[] {
  asides.sort((a, b) => a.after - b.after);
  const groups: [number, ProvisionalChunk[]][] = [];
  for (const { after, entry } of asides) {
    const last = groups.at(-1);
    if (last?.[0] === after) last[1].push(entry);
    else groups.push([after, [entry]]);
  }
  return groups.map(([after, entries]) => [after, Log.of(entries)]);
}
