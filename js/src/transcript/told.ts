/**
 * What a reader of our own log remembers, which is told by events what is stored.
 *
 * Nothing is compared there: chunks get their `seq` in the order in which events built them,
 * without gaps, so the place of a chunk says which stored one it is. Where stored chunks were
 * read that events have not told of yet, what events build there is not shown again.
 */

import type {
  AccumulatingChunk,
  ChunksCommittedEvent,
  LiveEvent,
  PromptSentEvent,
  StoredChunk,
  UserMessageEvent,
} from "../wire/types";
import { commitChunks } from "./commit";
import { mergeLoaded } from "./history";
import { Log } from "./log";
import { type TranscriptState, withSync } from "./state";
import type { Echo, SyncState } from "./sync-state";

/** How many newest prompts' ids are remembered for views that missed their events. */
const MOST_CLAIMED = 32;

/**
 * What is known beside the transcript where events say what is stored.
 *
 * Events have told of every chunk up to the `seq` `upto`; null before anything is known.
 * Chunks were read up to `ahead`, if that is not 0: of what events built since, the first
 * `hidden` chunks are shown by these, and the text `growing` that still streams. `turn` is the
 * newest turn and the `seq` of its prompt. `sent` announces whose prompt the next
 * `user-message` of a turn is, as turn id and client message id; `claimed` are the newest such
 * ids whose prompts came.
 */
export interface Told {
  readonly kind: "told";
  readonly upto: number | null;
  readonly ahead: number;
  readonly hidden: number;
  readonly growing: AccumulatingChunk | null;
  readonly turn: readonly [turnId: string, firstSeq: number] | null;
  readonly sent: readonly [turnId: string, clientMessageId: string] | null;
  readonly claimed: readonly string[];
  readonly echoes: readonly Echo[];
}

/** Return what is remembered before anything is known. */
export function newTold(known: Partial<Told> = {}): Told {
  return {
    kind: "told",
    upto: null,
    ahead: 0,
    hidden: 0,
    growing: null,
    turn: null,
    sent: null,
    claimed: [],
    echoes: [],
    ...known,
  };
}

/** Tell whether events say what is stored. */
export function isTold(sync: SyncState | Told | null): sync is Told {
  return sync?.kind === "told";
}

/** Return what `fold` makes of `event`, without what is among the committed already. */
export function foldTold<E extends LiveEvent>(
  before: TranscriptState,
  memory: Told,
  event: E,
  fold: (state: TranscriptState, event: E) => TranscriptState,
): TranscriptState {
  let [state, told] = [before, memory];
  if (event.type === "user-message" && event.text !== "") {
    told = withPrompt(state, told, event);
    state = { ...state, sync: told };
  }
  if (told.ahead === 0) return fold(state, event);
  const revealed = told.growing === null ? state : { ...state, accumulating: told.growing };
  const after = fold(revealed, event);
  return after === revealed ? state : hidden(after, { ...told, growing: null });
}

/** Return the state that knows whose prompt the next `user-message` of the turn is. */
export function announcePrompt(state: TranscriptState, event: PromptSentEvent): TranscriptState {
  if (!isTold(state.sync)) return state;
  return { ...state, sync: { ...state.sync, sent: [event.turnId, event.clientMessageId] } };
}

/** Return the state with the oldest `event.count` chunks of the turn committed. */
export function commitTold(state: TranscriptState, event: ChunksCommittedEvent): TranscriptState {
  const told = state.sync;
  // What is found out by comparison needs no telling.
  if (!isTold(told)) return told === null ? commitChunks(state, event) : state;
  const { firstSeq, count } = event;
  const gone = Math.min(told.hidden, count);
  const isOver = told.growing !== null && gone < count;
  const known = gone + (isOver ? 1 : 0);
  const rest = known === 0 ? event : { ...event, firstSeq: firstSeq + known, count: count - known };
  const after = known < count ? commitChunks(state, rest) : state;
  if (after === state && known === 0) return state;
  const upto = Math.max(told.upto ?? 0, firstSeq + count - 1);
  return withSync(after, {
    kind: "told",
    upto,
    ahead: told.ahead > upto ? told.ahead : 0,
    hidden: told.hidden - gone,
    growing: isOver ? null : told.growing,
    turn: told.turn,
    sent: told.sent,
    claimed: told.claimed,
    echoes: told.echoes,
  });
}

/**
 * Return the state with `chunks` among the committed ones, and none of them twice.
 *
 * What is read first, before any event, is where the events go on.
 */
export function joined(
  before: TranscriptState,
  told: Told,
  chunks: readonly StoredChunk[],
  clientMessageIds: ReadonlyMap<number, string>,
): TranscriptState {
  const committed = mergeLoaded(before, chunks);
  const known = new Set(clientMessageIds.values());
  const echoes = told.echoes.filter(({ clientMessageId }) => !known.has(clientMessageId ?? ""));
  const state = committed === before.committed ? before : { ...before, committed };
  const last = lastRead(state);
  if (told.upto === null && state.provisional.length === 0 && state.accumulating === null) {
    return { ...state, sync: { ...told, upto: last, echoes } };
  }
  const upto = told.upto ?? 0;
  if (last <= Math.max(upto, told.ahead)) {
    const isSame = echoes.length === told.echoes.length;
    return isSame ? state : { ...state, sync: { ...told, echoes } };
  }
  return hidden(state, { ...told, upto, ahead: last, echoes });
}

/** Return the state in which the turn's events are expected from its first one on. */
export function replayed(
  state: TranscriptState,
  told: Told,
  turnId: string,
  firstSeq: number | null,
): TranscriptState {
  const next = (told.upto ?? 0) + 1;
  const first = firstSeq ?? (told.turn?.[0] === turnId ? told.turn[1] : next);
  const last = lastRead(state);
  const { accumulating, provisional } = state;
  return {
    ...state,
    provisional: Log.of([...provisional].filter((entry) => entry.turnId !== turnId)),
    accumulating: accumulating?.turnId === turnId ? null : accumulating,
    sync: { ...told, upto: first - 1, ahead: last >= first ? last : 0, hidden: 0, growing: null },
  };
}

/** Return the `seq` of the newest chunk that was read, unloaded since or not. */
export function lastRead({ committed, hiddenBeforeSeq }: TranscriptState): number {
  return committed.at(-1)?.seq ?? Math.max(hiddenBeforeSeq - 1, 0);
}

/** Return the state without provisional chunks that are among the committed ones. */
function hidden(state: TranscriptState, told: Told): TranscriptState {
  const { provisional, accumulating } = state;
  const read = told.ahead - (told.upto ?? 0) - told.hidden;
  const gone = Math.min(read, provisional.length);
  const growing = gone < read ? accumulating : null;
  return {
    ...state,
    provisional: gone > 0 ? provisional.drop(gone) : provisional,
    accumulating: growing === null ? accumulating : null,
    sync: { ...told, hidden: told.hidden + gone, growing },
  };
}

/** Return the memory with the turn that `event` begins; the echo of its prompt is claimed. */
function withPrompt(state: TranscriptState, before: Told, event: UserMessageEvent): Told {
  const shown = state.provisional.length + (state.accumulating === null ? 0 : 1);
  const upto = before.upto ?? 0;
  const place = upto + before.hidden + (before.growing === null ? 0 : 1) + shown + 1;
  const told: Told = { ...before, upto, turn: [event.turnId, place] };
  if (told.sent?.[0] !== event.turnId) return told;
  const id = told.sent[1];
  return {
    ...told,
    sent: null,
    claimed: [...told.claimed.slice(1 - MOST_CLAIMED), id],
    echoes: told.echoes.filter(({ clientMessageId }) => clientMessageId !== id),
  };
}
