/**
 * What a client of a foreign backend remembers, so that stored and live chunks can be told
 * apart.
 *
 * Source: the Dispatch transcript contract, D.4 and D.6.
 */

import type {
  AccumulatingChunk,
  Chunk,
  ImageChunk,
  ProvisionalChunk,
  StoredChunk,
} from "../wire/types";
import { Log, positionAfter } from "./log";
import type { TranscriptState } from "./state";

/** How many chunks are looked at for a proof of where what was read first begins. */
export const MOST_LOOKED_AT = 8;

/** A stored chunk that a turn at hand may own, and its turn where the backend says so. */
export interface Row {
  readonly stored: StoredChunk;
  readonly turnId: string | null;
}

/** A chunk without a stored twin that stands behind the row of this `seq`. */
export interface Aside {
  readonly after: number;
  readonly entry: ProvisionalChunk;
}

/**
 * A prompt that its sender sees at once and that no turn has claimed yet.
 *
 * Its stored twin, if there is one already, has a `seq` above `after`; up to `known` it is
 * doubtful. `row` is the `seq` of that twin: such an echo is not shown. `images` are shown
 * behind the text.
 */
export interface Echo {
  readonly text: string;
  readonly after: number;
  readonly known: number | null;
  readonly clientMessageId: string | null;
  readonly images: readonly ImageChunk[];
  readonly row: number | null;
}

/**
 * A turn whose events were seen and which is not settled yet.
 *
 * `entries` is everything its events built, stored or not. The first `taken` of them have
 * been compared with rows up to the `seq` `cursor`; `skipped` are those among them that the
 * backend did not store. The twins of the first `above` entries are older than all that was
 * read: what was read first began inside the turn. `start` is the `seq` of the twin of the
 * entry after these, `pin` what it was before a replay began, and the prompt's own is below
 * `before`; `hasRivals` says that it could be another one. Entries before number `proven` are
 * stored for certain, steering and errors apart; the prompt is when the turn is `required`,
 * and everything that ever will be when it is `complete`. What a `settled` turn did not
 * store is shown no more, although which rows it owns is in doubt.
 */
export interface Track {
  readonly turnId: string;
  readonly entries: Log<ProvisionalChunk>;
  readonly after: number;
  readonly known: number | null;
  readonly replayed: boolean;
  readonly seenBefore: boolean;
  readonly started: boolean;
  readonly failed: boolean;
  readonly ended: boolean;
  readonly called: boolean;
  readonly required: boolean;
  readonly complete: boolean;
  readonly settled: boolean;
  readonly hasRivals: boolean;
  readonly proven: number;
  readonly pin: number | null;
  readonly before: number | null;
  readonly start: number | null;
  readonly above: number;
  readonly taken: number;
  readonly cursor: number;
  readonly skipped: readonly Aside[];
}

/**
 * Text that still streams although its stored twin is shown already.
 *
 * The first `offset` UTF-16 units of the `twin` have streamed.
 */
export interface Hidden {
  readonly growing: AccumulatingChunk;
  readonly twin: string;
  readonly offset: number;
}

/** Chunks without a stored twin that stand together behind the row of this `seq`. */
export type Stretch = readonly [after: number, entries: Log<ProvisionalChunk>];

/**
 * Turns that are not settled, echoes, and the stored chunks that may belong to them.
 *
 * `rows` ascend by `seq`. When they are `exact` the first of them follows the last chunk of
 * a settled turn, so nothing unknown can be among them. `frozen` are chunks of turns that
 * ended without a seal, long ago. `asides` are all chunks that stand between rows, by the row
 * they follow; provisional chunks stand behind the row `place`, or last.
 */
export interface SyncState {
  readonly kind: "compared";
  readonly rows: Log<Row>;
  readonly base: number;
  readonly exact: boolean;
  readonly loaded: boolean;
  readonly tracks: readonly Track[];
  readonly frozen: readonly Aside[];
  readonly asides: readonly Stretch[];
  readonly place: number | null;
  readonly echoes: readonly Echo[];
  readonly hidden: Hidden | null;
}

const UNPLACED = {
  start: null,
  above: 0,
  taken: 0,
  cursor: 0,
  skipped: [],
  hasRivals: false,
} satisfies Partial<Track>;

/** Return the track of a turn of which no event was folded yet. */
export function newTrack(turnId: string, known: Partial<Track> = {}): Track {
  return {
    turnId,
    entries: Log.of(),
    after: 0,
    known: null,
    replayed: false,
    seenBefore: false,
    started: false,
    failed: false,
    ended: false,
    called: false,
    required: false,
    complete: false,
    settled: false,
    proven: 0,
    pin: null,
    before: null,
    ...UNPLACED,
    ...known,
  };
}

/** Return the track as if it had not been compared with any row. */
export function unplaced(track: Track): Track {
  return { ...track, ...UNPLACED };
}

/** Tell whether there are stored chunks before the rows that nobody has read. */
export function isWindowed({ rows, base }: SyncState): boolean {
  return (rows.at(0)?.stored.seq ?? 0) > base + 1;
}

/** Return the highest `seq` that was ever read. */
export function lastSeq({ rows, base }: SyncState): number {
  return rows.at(-1)?.stored.seq ?? base;
}

/** Return the `seq` up to which a new turn's chunks are doubtful; null before any read. */
export function knownSeq(sync: SyncState): number | null {
  return sync.loaded ? lastSeq(sync) : null;
}

/** Return what `state` remembers, derived from its seed fields when that is nothing yet. */
export function tracked(state: TranscriptState): SyncState {
  if (state.sync?.kind === "compared") return state.sync;
  const { committed, provisional, accumulating, currentTurnId, generating } = state;
  const tracks: Track[] = [];
  for (const entry of provisional) {
    const last = tracks.at(-1);
    if (last?.turnId === entry.turnId) tracks[tracks.length - 1] = withEntry(last, entry);
    else tracks.push(withEntry(newTrack(entry.turnId, { replayed: true }), entry));
  }
  if (accumulating !== null && tracks.at(-1)?.turnId !== accumulating.turnId) {
    tracks.push(newTrack(accumulating.turnId, { replayed: true }));
  }
  return {
    kind: "compared",
    rows: Log.of(Array.from(committed, (stored) => ({ stored, turnId: null }))),
    base: 0,
    exact: false,
    loaded: committed.length > 0,
    tracks: tracks.map((track, index) => ({
      ...track,
      started: track.turnId === currentTurnId || track.entries.length > 1,
      ended: index < tracks.length - 1 || !generating,
    })),
    frozen: [],
    asides: [],
    place: null,
    echoes: [],
    hidden: null,
  };
}

/**
 * Return the track with one more entry, and with what it proves of the earlier ones.
 *
 * Whatever follows a tool result, other than a result, begins a new step: every earlier
 * step is stored by then (D.4.1, D.6.6).
 */
export function withEntry(track: Track, entry: ProvisionalChunk): Track {
  const before = entry.role === "tool" || isError(entry) ? track : withOpenText(track);
  return {
    ...before,
    entries: track.entries.append(entry),
    called: track.called || entry.chunk.type === "tool-call",
  };
}

/** Return the track with what text that begins to stream proves of its entries. */
export function withOpenText(track: Track): Track {
  const { entries } = track;
  return entries.at(-1)?.role === "tool" ? { ...track, proven: entries.length } : track;
}

/** Tell whether the entry is an error, which need not be part of a step. */
export function isError({ chunk }: ProvisionalChunk): boolean {
  return chunk.type === "error";
}

/** Tell whether the chunk is a tool call or result. */
export function isOfTool(chunk: Chunk): chunk is Extract<Chunk, { toolCallId: string }> {
  return chunk.type === "tool-call" || chunk.type === "tool-result";
}

/** Tell whether the entry is a call or result that says of which step it is. */
export function namesItsStep({ chunk }: ProvisionalChunk): boolean {
  return stepOf(chunk) !== undefined;
}

/** Return the step that a call or result says it is of. */
export function stepOf(chunk: Chunk): string | undefined {
  return isOfTool(chunk) ? chunk.stepId : undefined;
}

/** Tell whether the row is of a kind that no event announces. */
export function isSilent({ stored }: Row): boolean {
  return stored.chunk.type === "image" || stored.chunk.type === "system";
}

/** Tell whether `stored` is what became of `entry`; `prefix` if its text may still grow. */
export function isTwin(entry: ProvisionalChunk, stored: StoredChunk, prefix = false): boolean {
  const mine = entry.chunk;
  const theirs = stored.chunk;
  if (entry.role !== stored.role || mine.type !== theirs.type) return false;
  if ("text" in mine && "text" in theirs) {
    return prefix ? theirs.text.startsWith(mine.text) : theirs.text === mine.text;
  }
  if (isOfTool(mine) && isOfTool(theirs)) {
    const { stepId: myStep, ...rest } = mine;
    const { stepId: theirStep, ...others } = theirs;
    const isSameStep = myStep === undefined || theirStep === undefined || myStep === theirStep;
    return isSameStep && isEqual(rest, others);
  }
  return isEqual(mine, theirs);
}

/** Tell whether two JSON values are the same. */
export function isEqual(some: unknown, other: unknown): boolean {
  if (some === other) return true;
  if (typeof some !== "object" || typeof other !== "object") return false;
  if (some === null || other === null || Array.isArray(some) !== Array.isArray(other)) return false;
  const mine = Object.entries(some);
  const theirs = new Map(Object.entries(other));
  if (mine.length !== theirs.size) return false;
  return mine.every(([key, value]) => theirs.has(key) && isEqual(value, theirs.get(key)));
}

/** Return the position of the first row with a higher `seq`. */
export function indexAfter(rows: Log<Row>, seq: number): number {
  return positionAfter(rows, seq, seqOf);
}

function seqOf({ stored }: Row): number {
  return stored.seq;
}

/**
 * Tell whether the prompt at `index` may be an older one with the same text.
 *
 * It was read before the turn's prompt was seen, and has been answered already.
 */
export function isDoubtful(rows: Log<Row>, known: number | null, index: number): boolean {
  const limit = known ?? rows.at(-1)?.stored.seq ?? 0;
  if ((rows.at(index) as Row).stored.seq > limit) return false;
  for (let later = index + 1; later < rows.length; later += 1) {
    const row = rows.at(later) as Row;
    if (row.stored.seq <= limit && !isSilent(row)) return true;
  }
  return false;
}
