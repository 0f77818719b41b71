/** What our own events add to a transcript: the borders of blocks, and the images of a prompt. */

import type { ChunkDetailEvent, PromptImagesEvent, ProvisionalChunk } from "../wire/types";
import { flushed, type TranscriptState } from "./state";

/** Return the state with the images of a prompt behind its text. */
export function addImages(state: TranscriptState, event: PromptImagesEvent): TranscriptState {
  if (event.images.length === 0) return state;
  const entries = event.images.map(
    (chunk): ProvisionalChunk => ({ role: "user", chunk, turnId: event.turnId }),
  );
  return {
    ...state,
    provisional: flushed(state).extend(entries),
    accumulating: null,
    generating: true,
  };
}

/**
 * Return the state in which what streams next is a chunk of its own.
 *
 * Where no chunk of the event's kind streams, and where the event says so, an empty one
 * comes first.
 */
export function endBlock(state: TranscriptState, event: ChunkDetailEvent): TranscriptState {
  let provisional = flushed(state);
  if (event.alone || state.accumulating?.kind !== event.kind) {
    const chunk = { type: event.kind, text: "" };
    provisional = provisional.append({ role: "assistant", chunk, turnId: event.turnId });
  }
  return { ...state, provisional, accumulating: null, generating: true, providerRetry: null };
}
