/** A conversation as every reader of its event log sees it: transcript and side data. */

import type { LiveEvent, SnapshotMessage, StoredChunk } from "../wire/types";
import { addImages, endBlock } from "./additions";
import { commitChunks } from "./commit";
import { type ExtensionState, foldExtension, initialExtensions, SettledTools } from "./extensions";
import { mergeLoaded } from "./history";
import { Log } from "./log";
import { foldEvent } from "./reducer";
import { initialState, type TranscriptState } from "./state";
import { workingTools } from "./working";

/** The states of all reducers after the same events. */
export interface LiveState {
  readonly transcript: TranscriptState;
  readonly extensions: ExtensionState;
}

/** Return the state before any event. */
export function initialLive(): LiveState {
  return { transcript: initialState(), extensions: initialExtensions() };
}

/** Return the state of a conversation of which only stored chunks are known. */
export function liveFromHistory(chunks: Iterable<StoredChunk>): LiveState {
  return mergeHistory(initialLive(), chunks);
}

/** Return the state after `event`; the very same object if it changes nothing. */
export function foldLive(live: LiveState, event: LiveEvent): LiveState {
  let { transcript, extensions } = live;
  switch (event.type) {
    case "nb.chunks-committed":
      transcript = commitChunks(transcript, event);
      break;
    case "nb.prompt-images":
      transcript = addImages(transcript, event);
      break;
    case "nb.chunk-detail":
      transcript = endBlock(transcript, event);
      break;
    case "nb.request-told":
      break; // for the books
    case "nb.tool-settled":
    case "nb.tool-input-delta":
      extensions = foldExtension(extensions, event);
      break;
    case "text-delta":
    case "reasoning-delta":
      transcript = foldEvent(transcript, event);
      break;
    default:
      transcript = foldEvent(transcript, event);
      // Some events of the contract say something of calls at work besides.
      extensions = foldExtension(extensions, event);
  }
  const isSame = transcript === live.transcript && extensions === live.extensions;
  return isSame ? live : { transcript, extensions };
}

/**
 * Return the state with stored chunks, an older page for example, among the committed.
 *
 * Unlike `applyHistory` it drops nothing after a seal: here an event says of each chunk when
 * it is stored, and a page may arrive while the next turn streams.
 */
export function mergeHistory(live: LiveState, chunks: Iterable<StoredChunk>): LiveState {
  const committed = mergeLoaded(live.transcript, chunks);
  if (committed === live.transcript.committed) return live;
  return { ...live, transcript: { ...live.transcript, committed } };
}

/** Return the state that a snapshot describes; events from `snapshot.next` on continue it. */
export function fromSnapshot(snapshot: SnapshotMessage): LiveState {
  const { transcript, settledTools, workingTools: working = [] } = snapshot;
  return {
    transcript: {
      ...initialState(),
      ...transcript,
      committed: Log.of(transcript.committed),
      provisional: Log.of(transcript.provisional),
    },
    extensions: {
      settledTools: SettledTools.of(settledTools),
      workingTools: workingTools(working),
    },
  };
}
