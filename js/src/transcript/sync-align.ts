/**
 * Which stored chunk each chunk of the turns at hand has become.
 *
 * Within a turn the order of both is the same, so turns are compared step by step; where a
 * turn begins among the stored chunks is decided for all turns together, by the least cost.
 *
 * Source: the Dispatch transcript contract, D.4 and D.6.
 */

import type { AccumulatingChunk, ProvisionalChunk } from "../wire/types";
import type { Log } from "./log";
import { accumulatedChunk } from "./state";
import {
  type Echo,
  indexAfter,
  isError,
  isOfTool,
  isSilent,
  isTwin,
  lastSeq,
  type Row,
  type SyncState,
  type Track,
  unplaced,
} from "./sync-state";

// Costs of a reading; only their order matters.
const CONTRADICTION = 2000;
const IMPOSSIBLE = 1000;
const FAILED_TURN_IS_STORED = 100;
const LATE_CHUNK = 20;
const UNKNOWN_TURN_BETWEEN = 5;
const UNEXPLAINED_ROWS = 4;
const DIED_UNSTORED = 1.1;
const NOT_STORED_YET = 1;
const UNSTORED_PROMPT = 0.5;
export const CUT_OFF = 0.2;
const OLDER_THAN_ITS_ECHO = 0.4;
const UNPROVEN = 0.1;
const LATER_CHOICE = 0.05;
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
  readonly skipped: readonly ProvisionalChunk[];
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
  let skipped = track.skipped;
  let cost = 0;
  let proof = false;
  let openTwin: string | null = null;
  let steered: Steered | null = null;
  for (; at < rows.length; ) {
    const row = rows.at(at) as Row;
    if (row.turnId !== null && row.turnId !== track.turnId) break;
    if (isSilent(row)) {
      at += 1;
      continue;
    }
    const { stored } = row;
    const unlike = stored.role === "user" ? CUT_OFF : CONTRADICTION;
    const entry = entries.at(taken);
    if (taken < entries.length && entry !== undefined) {
      const mayGrow = taken === entries.length - 1 && growing === null && !track.ended;
      if (isTwin(entry, stored, mayGrow)) {
        proof ||= isOfTool(entry.chunk) && entry.chunk.stepId !== undefined;
        if (entry.role === "user") steered = { taken, at, cursor, skipped };
        cursor = stored.seq;
        at += 1;
      } else if (mayBeUnstored(track, taken, entry)) {
        cost += isOfTool(entry.chunk) ? UNSTORED_CALL : UNSTORED_REMARK;
        skipped = [...skipped, entry];
      } else if (steered !== null && stored.role !== "user") {
        // It was the next prompt of the same text: the steering is not stored.
        ({ taken, at, cursor, skipped } = steered);
        steered = null;
        skipped = [...skipped, entries.at(taken) as ProvisionalChunk];
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
  const steering = track.entries.at(taken) as ProvisionalChunk;
  return { ...track, taken: taken + 1, cursor, skipped: [...skipped, steering] };
}

/** Tell whether something of the track has no twin although it must be stored in the end. */
function isMissing(track: Track): boolean {
  const { entries, taken } = track;
  return entries.slice(taken).some((entry, index) => !mayBeUnstored(track, taken + index, entry));
}

/** Tell whether a backend may leave the entry out: D.4.3. */
function mayBeUnstored(track: Track, number: number, entry: ProvisionalChunk): boolean {
  if (entry.role === "user") return number > 0;
  if (isOfTool(entry.chunk)) return number >= track.proven;
  return isError(entry);
}

/** Return the tracks where all of them together fit the rows best. */
export function align(sync: SyncState, growing: AccumulatingChunk | null): readonly Track[] {
  return new Aligner(sync.rows, sync.tracks, growing).best(0, 0, sync.exact).tracks;
}

interface Reading {
  readonly cost: number;
  readonly lateness: number;
  readonly tracks: readonly Track[];
  readonly matched: boolean;
}

class Aligner {
  private readonly found = new Map<string, Reading>();

  constructor(
    private readonly rows: Log<Row>,
    private readonly tracks: readonly Track[],
    private readonly growing: AccumulatingChunk | null,
  ) {}

  /**
   * Return the best reading of the tracks from `number` on, in the rows from `at` on.
   *
   * `anchored` says that the row at `at` follows the last chunk of a known turn.
   */
  best(number: number, at: number, anchored: boolean): Reading {
    const key = `${number} ${at} ${anchored}`;
    const known = this.found.get(key);
    if (known !== undefined) return known;
    const reading = this.compute(number, at, anchored);
    this.found.set(key, reading);
    return reading;
  }

  private compute(number: number, at: number, anchored: boolean): Reading {
    const track = this.tracks[number];
    if (track === undefined) return { cost: 0, lateness: 0, tracks: [], matched: false };
    const rest = this.best(number + 1, at, anchored && !track.replayed);
    const cost = this.costOfNone(track, at, anchored, rest) + rest.cost;
    const tracks = [unplaced(track), ...rest.tracks];
    let best: Reading = { cost, lateness: -1, tracks, matched: rest.matched };
    const beginnings = [...this.beginnings(track, at, anchored)];
    for (const [begun, gap] of beginnings) {
      for (const reading of this.continued(number, begun, gap)) {
        const prefersLate = track.replayed || !anchored;
        const isLater = prefersLate && reading.lateness >= best.lateness;
        if (reading.cost < best.cost || (reading.cost === best.cost && isLater)) best = reading;
      }
    }
    const [mine, ...others] = best.tracks;
    if (mine === undefined || beginnings.length < 2) return best;
    return { ...best, tracks: [{ ...mine, hasRivals: true }, ...others] };
  }

  private *continued(number: number, begun: Advance, gap: number): Iterable<Reading> {
    const unproven = begun.proof ? 0 : UNPROVEN;
    const endings: [Track, number][] = [[begun.track, begun.cost]];
    if (begun.other !== null) endings.push([begun.other, begun.cost + UNSTORED_REMARK]);
    for (const [track, cost] of endings) {
      const rest = this.best(number + 1, indexAfter(this.rows, track.cursor), true);
      if (track !== begun.track && !rest.matched) continue;
      const failed = track.failed ? FAILED_TURN_IS_STORED : 0;
      const lost = rest.matched && track.ended && isMissing(track) ? CONTRADICTION : 0;
      const total = cost + gap + failed + unproven + lost + rest.cost;
      const tracks = [track, ...rest.tracks];
      yield { cost: total, lateness: track.start ?? 0, tracks, matched: true };
    }
  }

  /** Yield the track advanced from each row where it may begin, with the gap's cost. */
  private *beginnings(track: Track, at: number, anchored: boolean): Iterable<[Advance, number]> {
    const first = track.entries.at(0);
    if (first === undefined) return;
    const mayGrow = track.entries.length === 1 && first.role !== "user" && !track.ended;
    let gap = 0;
    for (let index = at; index < this.rows.length; index += 1) {
      const row = this.rows.at(index) as Row;
      const { seq } = row.stored;
      const isMine = row.turnId === track.turnId;
      const mayBe = row.turnId === null && (track.pin === null || track.pin === seq);
      if ((mayBe || isMine) && isTwin(first, row.stored, mayGrow)) {
        const begun = { ...unplaced(track), start: seq, taken: 1, cursor: seq };
        const done = advance(begun, this.rows, this.growing);
        if (isMine || done.proof || this.isCredible(track, index, anchored)) {
          const older = seq <= track.after ? OLDER_THAN_ITS_ECHO : 0;
          yield [done, done.proof || isMine ? 0 : gap + older];
        }
      }
      if (isMine) return;
      if (!isSilent(row) && !track.replayed) {
        const isOld = track.known === null || seq <= track.known;
        if (anchored) gap = UNKNOWN_TURN_BETWEEN;
        else if (!isOld) gap = LATER_CHOICE;
      }
    }
  }

  /** Tell whether the prompt may be the one at `index`, as far as nothing proves it. */
  private isCredible(track: Track, index: number, anchored: boolean): boolean {
    if ((this.rows.at(index) as Row).stored.seq <= track.after) return track.required;
    const isKnownToBeIn = anchored || track.replayed || track.required;
    return isKnownToBeIn || !isDoubtful(this.rows, track.known, index);
  }

  private costOfNone(track: Track, at: number, anchored: boolean, rest: Reading): number {
    if (track.failed || track.entries.length === 0) return 0;
    if (track.required) return IMPOSSIBLE;
    if (rest.matched) return track.started ? IMPOSSIBLE : UNSTORED_PROMPT;
    const isNext = anchored && !track.replayed;
    if (!isNext || this.rows.slice(at).every(isSilent)) return NOT_STORED_YET;
    return track.started ? UNEXPLAINED_ROWS : DIED_UNSTORED;
  }
}

/**
 * Tell whether the prompt at `index` may be an older one with the same text.
 *
 * It was read before the turn's prompt was seen, and has been answered already.
 */
function isDoubtful(rows: Log<Row>, known: number | null, index: number): boolean {
  const limit = known ?? rows.at(-1)?.stored.seq ?? 0;
  if ((rows.at(index) as Row).stored.seq > limit) return false;
  for (let later = index + 1; later < rows.length; later += 1) {
    const row = rows.at(later) as Row;
    if (row.stored.seq <= limit && !isSilent(row)) return true;
  }
  return false;
}

/** Return the echoes, each with the row that is its stored twin, if it has one. */
export function alignEchoes(sync: SyncState): readonly Echo[] {
  if (sync.echoes.length === 0) return sync.echoes;
  const { rows, tracks } = sync;
  const owners = new Set(tracks.map(({ turnId }) => turnId));
  const isTaken = (seq: number) =>
    tracks.some(({ start, cursor }) => start !== null && start <= seq && seq <= cursor);
  let at = 0;
  return sync.echoes.map((echo) => {
    if (echo.after >= lastSeq(sync)) return { ...echo, row: null };
    for (let index = Math.max(at, indexAfter(rows, echo.after)); index < rows.length; index += 1) {
      const { stored, turnId } = rows.at(index) as Row;
      const { chunk, role, seq } = stored;
      const isSame = role === "user" && chunk.type === "text" && chunk.text === echo.text;
      const isFree = (turnId === null || !owners.has(turnId)) && !isTaken(seq);
      if (isSame && isFree && !isDoubtful(rows, echo.known, index)) {
        at = index + 1;
        return { ...echo, row: seq };
      }
    }
    return { ...echo, row: null };
  });
}
