/**
 * Prompts that their sender sees at once, before any event confirms them.
 *
 * Source: the Dispatch transcript contract, B.2 and D.6.4.
 */

import type { ImageChunk } from "../wire/types";
import type { TranscriptState } from "./state";
import { type Echo, knownSeq, tracked } from "./sync-state";
import { isTold } from "./told";

/** What is known of an own prompt beside its text. */
export interface PromptOptions {
  readonly clientMessageId?: string | undefined;
  readonly images?: readonly ImageChunk[];
}

/**
 * Return the state with a prompt shown to its sender before any event confirms it.
 *
 * It stays last until its `user-message` claims it. With a client message id the id alone
 * decides; where events say whose prompt is whose there must be one.
 */
export function appendUserMessage(
  state: TranscriptState,
  text: string,
  { clientMessageId, images = [] }: PromptOptions = {},
): TranscriptState {
  if (isTold(state.sync)) {
    if (clientMessageId === undefined) {
      throw new Error("A prompt of our own log needs the client message id it is sent with.");
    }
    const echo = { text, after: 0, known: null, clientMessageId, images, row: null };
    return { ...state, sync: { ...state.sync, echoes: [...state.sync.echoes, echo] } };
  }
  const sync = tracked(state);
  const known = knownSeq(sync);
  const rest = { clientMessageId: clientMessageId ?? null, images, row: null };
  const echo = { text, after: known ?? 0, known, ...rest };
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
  const meant = sync?.echoes.filter(isMeant).at(-1);
  if (sync === null || meant === undefined) return state;
  const echoes = sync.echoes.filter((echo) => echo !== meant);
  return { ...state, sync: { ...sync, echoes } };
}
