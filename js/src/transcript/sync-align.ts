/**
 * Which stored chunk each chunk of the turns at hand has become.
 *
 * Within a turn the order of both is the same (`sync-advance.ts`); where a turn begins among the stored chunks is decided for all turns together, by the least cost.
 *
 * Source: the Dispatch transcript contract, D.4 and D.6.
 */

import type { AccumulatingChunk, ProvisionalChunk } from "../wire/types";
import type { Log } from "./log";
import { type Advance, advance, CONTRADICTION, isMissing } from "./sync-advance";
import {
  indexAfter,
  isDoubtful,
  isSilent,
  isTwin,
  isWindowed,
  MOST_LOOKED_AT,
  namesItsStep,
  type Row,
  type SyncState,
  stepOf,
  type Track,
  unplaced,
} from "./sync-state";

// Costs of a reading; only the order of their sums matters. A stored prompt that two turns may
// own goes to the earlier one, as its prompt or steering, unless a call names the later one:
// that loses nothing.
const IMPOSSIBLE = 1000;
const FAILED_TURN_IS_STORED = 100;
const UNKNOWN_TURN_BETWEEN = 5;
const UNEXPLAINED_ROWS = 4;
const DIED_UNSTORED = 1.1;
const NOT_STORED_YET = 1;
const UNSTORED_PROMPT = 1.05;
const ALL_ABOVE = 3;
const OLDER_THAN_ITS_ECHO = 0.4;
const UNPROVEN = 0.1;
const LATER_CHOICE = 0.05;
const DOUBTFUL_PROMPT = 0.9;
const UNSTORED_STEERING = 0.95;

/** Return the tracks where all of them together fit the rows best. */
export function align(sync: SyncState, growing: AccumulatingChunk | null): readonly Track[] {
  const [none, placed] = new Aligner(sync, growing).readings(0, 0, sync.exact);
  const best = placed !== undefined && placed.cost < (none?.cost ?? 0) ? placed : none;
  return best?.tracks ?? [];
}

interface Reading {
  readonly cost: number;
  readonly lateness: number;
  readonly tracks: readonly Track[];
  readonly matched: boolean;
}

class Aligner {
  private readonly found = new Map<string, readonly Reading[]>();
  private readonly ends = new Map<string, ReadonlyMap<string, number>>();
  private readonly rows: Log<Row>;
  private readonly tracks: readonly Track[];
  private readonly isWindowed: boolean;
  private steps: ReadonlySet<string | undefined> | null = null;

  constructor(
    sync: SyncState,
    private readonly growing: AccumulatingChunk | null,
  ) {
    this.rows = sync.rows;
    this.tracks = sync.tracks;
    this.isWindowed = isWindowed(sync);
  }

  /**
   * Return the best readings of the tracks from `number` on, in the rows from `at` on.
   *
   * The first places none of them. A second one, if there is any, places at least one: which
   * of the two is better, what comes before decides. `anchored` says that the row at `at`
   * follows the last chunk of a known turn.
   */
  readings(number: number, at: number, anchored: boolean): readonly Reading[] {
    const key = `${number} ${at} ${anchored}`;
    const known = this.found.get(key);
    if (known !== undefined) return known;
    const readings = this.compute(number, at, anchored);
    this.found.set(key, readings);
    return readings;
  }

  private compute(number: number, at: number, anchored: boolean): readonly Reading[] {
    const track = this.tracks[number];
    if (track === undefined) return [{ cost: 0, lateness: 0, tracks: [], matched: false }];
    const beginnings = [...this.beginnings(track, at, anchored)];
    if (at === 0 && this.isWindowed) {
      // Of equal readings the last wins: its prompt.
      beginnings.unshift(...this.inside(track, this.tracks.slice(number + 1)));
    }
    const rests = this.readings(number + 1, at, anchored && !track.replayed);
    const hasRivals = beginnings.length > 1;
    const found: Reading[] = rests.map((rest) => ({
      cost:
        rest.cost +
        this.costOfNone(track, at, anchored, rest) +
        (beginnings.length === 0 && takesPromptOf(track, rest, this.rows) ? DOUBTFUL_PROMPT : 0),
      lateness: -1,
      tracks: [{ ...unplaced(track), hasRivals }, ...rest.tracks],
      matched: rest.matched,
    }));
    const prefersLate = track.replayed || !anchored;
    for (const [begun, gap] of beginnings) {
      for (const reading of this.continued(number, begun, gap, hasRivals)) {
        const best = found[1];
        const isLater = best === undefined || (prefersLate && reading.lateness >= best.lateness);
        const { cost } = best ?? { cost: Number.POSITIVE_INFINITY };
        if (reading.cost < cost || (reading.cost === cost && isLater)) found[1] = reading;
      }
    }
    return found;
  }

  private *continued(
    number: number,
    begun: Advance,
    gap: number,
    isContested: boolean,
  ): Iterable<Reading> {
    const hasRivals = isContested && !(begun.proof && begun.track.above === 0);
    const unproven = begun.proof ? 0 : UNPROVEN;
    const endings: [Track, number][] = [[begun.track, begun.cost]];
    if (begun.other !== null) endings.push([begun.other, begun.cost + UNSTORED_STEERING]);
    const failed = begun.track.failed ? FAILED_TURN_IS_STORED : 0;
    for (const [track, cost] of endings) {
      for (const rest of this.readings(number + 1, indexAfter(this.rows, track.cursor), true)) {
        if (track !== begun.track && !rest.matched) continue;
        const isLost = rest.matched && track.ended && isMissing(track);
        const lost = isLost || this.isPastItsRows(track) ? CONTRADICTION : 0;
        const total = cost + gap + failed + unproven + lost + rest.cost;
        const tracks = [{ ...track, hasRivals }, ...rest.tracks];
        yield { cost: total, lateness: track.start ?? 0, tracks, matched: true };
      }
    }
  }

  /**
   * Tell whether a row behind the cursor is of a step that ended before it.
   *
   * Then what was taken for the rows before is not what they are.
   */
  private isPastItsRows(track: Track): boolean {
    const past = Math.min(track.proven, track.taken);
    const at = indexAfter(this.rows, track.cursor);
    return this.rows.slice(at, at + MOST_LOOKED_AT).some(({ stored }) => {
      const step = stepOf(stored.chunk);
      return step !== undefined && (this.endsOf(track).get(step) ?? past) < past;
    });
  }

  /** Tell whether a row is of a step of the turn, which is stored for certain then. */
  private namesRows(track: Track): boolean {
    if (!track.called) return false;
    this.steps ??= new Set(this.rows.slice(0).map(({ stored }) => stepOf(stored.chunk)));
    const { steps } = this;
    return [...this.endsOf(track).keys()].some((step) => steps.has(step));
  }

  /** Return the number of the last entry of each step that the track names. */
  private endsOf({ turnId, entries }: Track): ReadonlyMap<string, number> {
    const known = this.ends.get(turnId);
    if (known !== undefined) return known;
    const ends = new Map<string, number>();
    for (let number = 0; number < entries.length; number += 1) {
      const step = stepOf((entries.at(number) as ProvisionalChunk).chunk);
      if (step !== undefined) ends.set(step, number);
    }
    this.ends.set(turnId, ends);
    return ends;
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
      const isPinned = track.pin === null || track.pin === seq;
      const isTooLate = track.before !== null && seq >= track.before;
      const mayBe = row.turnId === null && isPinned && !isTooLate;
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

  /**
   * Yield the track advanced from each entry that the first row may be, but its prompt.
   *
   * What was read first begins inside the turn then. Without proof only a turn whose prompt
   * is stored for certain is read so, or one that may own a later turn's prompt as its
   * steering. The earliest entry wins: that loses nothing.
   */
  private *inside(track: Track, later: readonly Track[]): Iterable<[Advance, number]> {
    const { stored, turnId } = this.rows.at(0) as Row;
    const isMine = turnId === track.turnId;
    if (track.entries.length === 0 || (turnId !== null && !isMine)) return;
    for (const [above, entry] of this.firstRead(track)) {
      const { seq } = stored;
      const taken = entry === null ? above : above + 1;
      const begun = { ...unplaced(track), start: seq, above, taken, cursor: seq };
      const done = advance(begun, this.rows, this.growing);
      const proof = done.proof || (entry !== null && namesItsStep(entry));
      const isContested = later.some((other) => {
        const prompt = other.entries.at(0)?.chunk;
        const mine = entry?.chunk;
        return prompt?.type === "text" && mine?.type === "text" && prompt.text === mine.text;
      });
      if (isMine || proof || track.required || (track.started && isContested)) {
        yield [{ ...done, proof }, 0];
      }
    }
  }

  /** Yield how many entries may be above the first row, and the entry that is this row. */
  private *firstRead(track: Track): Iterable<[number, ProvisionalChunk | null]> {
    const row = this.rows.at(0) as Row;
    const { entries, ended } = track;
    if (isSilent(row)) {
      yield [1, null]; // An image follows its prompt.
      return;
    }
    for (let number = entries.length - 1; number > 0; number -= 1) {
      const entry = entries.at(number) as ProvisionalChunk;
      const mayGrow = !ended && this.growing === null && number === entries.length - 1;
      if (isTwin(entry, row.stored, mayGrow)) yield [number, entry];
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
    if (this.namesRows(track)) return IMPOSSIBLE;
    const mayBeAbove = this.isWindowed && at === 0;
    if (track.required) {
      if (!mayBeAbove) return IMPOSSIBLE;
      const beginsInside = rest.tracks.some(({ above }) => above > 0); // so this one is above
      return beginsInside ? UNSTORED_PROMPT : ALL_ABOVE;
    }
    if (rest.matched) return track.started && !mayBeAbove ? IMPOSSIBLE : UNSTORED_PROMPT;
    const isNext = anchored && !track.replayed;
    if (!isNext || this.rows.slice(at).every(isSilent)) return NOT_STORED_YET;
    return track.started ? UNEXPLAINED_ROWS : DIED_UNSTORED;
  }
}

/** Tell whether a later turn is where this one's prompt may be, doubtful as it is. */
function takesPromptOf(track: Track, rest: Reading, rows: Log<Row>): boolean {
  const first = track.entries.at(0)?.chunk;
  if (track.failed || first?.type !== "text") return false;
  return rest.tracks.some(({ start, above, entries }) => {
    if (start === null || above > 0 || rows.at(indexAfter(rows, start - 1))?.turnId !== null)
      return false;
    const other = entries.at(0)?.chunk;
    return other?.type === "text" && other.text === first.text;
  });
}
