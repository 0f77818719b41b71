/**
 * How far one turn agrees with the stored chunks from a place on, and what disagrees.
 *
 * Source: the Dispatch transcript contract, D.4.
 */

import type { AccumulatingChunk, ProvisionalChunk } from "../wire/types";
import type { Log } from "./log";
import { accumulatedChunk } from "./state";
import {
  type Aside,
  indexAfter,
  isError,
  isOfTool,
  isSilent,
  isTwin,
  namesItsStep,
  type Row,
  type Track,
} from "./sync-state";

// Costs of a disagreement, on the scale of `sync-align.ts`.
export const CONTRADICTION = 2000;
const LATE_CHUNK = 20;
export const CUT_OFF = 0.2;
const UNSTORED_CALL = 0.02;
const UNSTORED_REMARK = 0.01;

/**
 * How far a track could be compared with the rows.
 *
 * `openTwin` is the text of the row that begins with the text still streaming; `proof` says
 * that a tool call or result of this very step was among the twins. `other` is the track if
 * the last steering text that has a twin was not stored after all: the twin is the next
 * prompt then.
 */
export interface Advance {
  readonly track: Track;
  readonly cost: number;
  readonly openTwin: string | null;
  readonly proof: boolean;
  readonly other: Track | null;
}

interface Steered {
  readonly taken: number;
  readonly at: number;
  readonly cursor: number;
  readonly skipped: readonly Aside[];
}

/** Compare the rest of the track with the rows behind its cursor. */
export function advance(
  track: Track,
  rows: Log<Row>,
  accumulating: AccumulatingChunk | null,
): Advance {
  const growing = accumulating?.turnId === track.turnId ? accumulating : null;
  const { entries } = track;
  let { taken, cursor } = track;
  let at = indexAfter(rows, cursor);
  let skipped: readonly Aside[] = track.skipped;
  let cost = 0;
  let proof = false;
  let openTwin: string | null = null;
  let steered: Steered | null = null;
  for (; at < rows.length; ) {
    const row = rows.at(at) as Row;
    if (row.turnId !== null && row.turnId !== track.turnId) break;
    const { stored } = row;
    if (isSilent(row)) {
      const passed = cursor;
      skipped = skipped.map((aside) =>
        aside.after === passed ? { ...aside, after: stored.seq } : aside,
      );
      cursor = stored.seq;
      at += 1;
      continue;
    }
    const unlike = stored.role === "user" ? CUT_OFF : CONTRADICTION;
    const entry = entries.at(taken);
    if (taken < entries.length && entry !== undefined) {
      const mayGrow = taken === entries.length - 1 && growing === null && !track.ended;
      if (isTwin(entry, stored, mayGrow)) {
        proof ||= namesItsStep(entry);
        if (entry.role === "user") steered = { taken, at, cursor, skipped };
        cursor = stored.seq;
        at += 1;
      } else if (mayBeUnstored(track, taken, entry)) {
        cost += isOfTool(entry.chunk) ? UNSTORED_CALL : UNSTORED_REMARK;
        skipped = [...skipped, { after: cursor, entry }];
      } else if (steered !== null && stored.role !== "user") {
        // It was the next prompt of the same text: the steering is not stored.
        ({ taken, at, cursor, skipped } = steered);
        steered = null;
        skipped = [...skipped, { after: cursor, entry: entries.at(taken) as ProvisionalChunk }];
      } else {
        cost += unlike;
        break;
      }
      taken += 1;
    } else if (growing !== null) {
      const chunk = accumulatedChunk(growing);
      const isOpenTwin = isTwin({ role: "assistant", chunk, turnId: growing.turnId }, stored, true);
      if (isOpenTwin && "text" in stored.chunk) openTwin = stored.chunk.text;
      else cost += unlike;
      break;
    } else {
      if (track.ended && stored.role !== "user") cost += LATE_CHUNK;
      break;
    }
  }
  const moved = { ...track, taken, cursor, skipped };
  if (at >= rows.length && track.complete && isMissing(moved)) cost += CONTRADICTION;
  const other = steered === null ? null : withoutSteering(track, steered);
  return { track: moved, cost, openTwin, proof, other };
}

function withoutSteering(track: Track, { taken, cursor, skipped }: Steered): Track {
  const entry = track.entries.at(taken) as ProvisionalChunk;
  return { ...track, taken: taken + 1, cursor, skipped: [...skipped, { after: cursor, entry }] };
}

/**
 * Compare the entries above what was read with a page before it, from its end on.
 *
 * Null if the page is not all of the turn's own, or reaches its prompt.
 */
export function retreat(track: Track, page: readonly Row[]): Track | null {
  const { entries } = track;
  let { above, start } = track;
  const unstored: Aside[] = [];
  for (const { stored, turnId } of [...page].reverse()) {
    for (; above > 1; above -= 1) {
      const entry = entries.at(above - 1) as ProvisionalChunk;
      if (isTwin(entry, stored)) break;
      if (!mayBeUnstored(track, above - 1, entry)) return null;
      unstored.unshift({ after: stored.seq, entry });
    }
    above -= 1;
    start = stored.seq;
    if (above < 1 || (turnId !== null && turnId !== track.turnId)) return null;
  }
  return { ...track, above, start, skipped: [...unstored, ...track.skipped] };
}

/** Tell whether something of the track has no twin although it must be stored in the end. */
export function isMissing(track: Track): boolean {
  const { entries, taken } = track;
  return entries.slice(taken).some((entry, index) => !mayBeUnstored(track, taken + index, entry));
}

/** Tell whether a backend may leave the entry out: D.4.3. */
function mayBeUnstored(track: Track, number: number, entry: ProvisionalChunk): boolean {
  if (entry.role === "user") return number > 0;
  if (isOfTool(entry.chunk)) return number >= track.proven;
  return isError(entry);
}
