/**
 * One live event folded into the transcript.
 *
 * Source: the Dispatch transcript contract, A.2 with the later additions of B.2;
 * `dispatch_nb/transcript/reducer.py` has the table.
 */

import type {
  AccumulatingChunk,
  Chunk,
  LiveEvent,
  Role,
  SteeringEvent,
  UserMessageEvent,
} from "../wire/types";
import { flushed, type TranscriptState, withChunks } from "./state";
import { foldTracked } from "./sync-fold";
import { foldTold, isTold } from "./told";

/**
 * Return the state after `event`; `state` stays as it is.
 *
 * An event that is no part of the transcript, or of a kind nobody knows, returns the very
 * same object. Events are not told apart by conversation: that is the caller's part. A state
 * that got its stored chunks from `syncHistory` does not show again what an event brings and a
 * history read brought before.
 */
export function foldEvent(state: TranscriptState, event: LiveEvent): TranscriptState {
  const { sync } = state;
  if (sync === null) return fold(state, event);
  if (!isTold(sync)) return foldTracked(state, sync, event, fold);
  const isPlain = sync.ahead === 0 && event.type !== "user-message";
  return isPlain ? fold(state, event) : foldTold(state, sync, event, fold);
}

function fold(state: TranscriptState, event: LiveEvent): TranscriptState {
  switch (event.type) {
    case "text-delta":
      return extend(state, "text", event.turnId, event.delta);
    case "reasoning-delta":
      return extend(state, "thinking", event.turnId, event.delta);
    case "tool-call": {
      const { type, toolCallId, toolName, input, stepId } = event;
      const call =
        stepId === undefined
          ? { type, toolCallId, toolName, input }
          : { type, toolCallId, toolName, input, stepId };
      return append(state, event.turnId, "assistant", call, true);
    }
    case "tool-result": {
      const { type, toolCallId, toolName, content, isError, stepId } = event;
      const result =
        stepId === undefined
          ? { type, toolCallId, toolName, content, isError }
          : { type, toolCallId, toolName, content, isError, stepId };
      return append(state, event.turnId, "tool", result, true);
    }
    case "error": {
      const { type, message, code } = event;
      const error = code === undefined ? { type, message } : { type, message, code };
      return append(state, event.turnId, "assistant", error, false);
    }
    case "user-message":
    case "steering":
      return appendUserText(state, event);
    case "turn-start":
      return { ...state, currentTurnId: event.turnId, generating: true, providerRetry: null };
    case "usage":
      return { ...state, latestUsage: event.usage };
    case "done":
      return flush(state);
    case "turn-sealed":
      return { ...flush(state), sealedTurnId: event.turnId };
    case "provider-retry":
      return { ...state, providerRetry: event };
    default:
      return state;
  }
}

function extend(
  state: TranscriptState,
  kind: AccumulatingChunk["kind"],
  turnId: string,
  delta: string,
): TranscriptState {
  const growing = state.accumulating;
  if (growing !== null && growing.kind === kind) {
    const longer = { kind, text: growing.text + delta, turnId: growing.turnId };
    return withChunks(state, state.committed, state.provisional, longer, true, null);
  }
  return {
    ...state,
    provisional: flushed(state),
    accumulating: { kind, text: delta, turnId },
    generating: true,
    providerRetry: null,
  };
}

function append(
  state: TranscriptState,
  turnId: string,
  role: Role,
  chunk: Chunk,
  generating: boolean,
): TranscriptState {
  const provisional = flushed(state).append({ role, chunk, turnId });
  return withChunks(state, state.committed, provisional, null, generating, null);
}

function appendUserText(
  state: TranscriptState,
  { text, turnId }: UserMessageEvent | SteeringEvent,
): TranscriptState {
  if (text === "") return state;
  return {
    ...state,
    provisional: flushed(state).append({ role: "user", chunk: { type: "text", text }, turnId }),
    accumulating: null,
    generating: true,
  };
}

function flush(state: TranscriptState): TranscriptState {
  return {
    ...state,
    provisional: flushed(state),
    accumulating: null,
    generating: false,
    providerRetry: null,
  };
}
