/** A conversation as every reader of its event log sees it: transcript and side data. */

import type { LiveEvent, SnapshotMessage, StoredChunk } from "../wire/types";
import { addImages, endBlock } from "./additions";
import { type ExtensionState, foldExtension, initialExtensions, SettledTools } from "./extensions";
import { Log } from "./log";
import { foldEvent } from "./reducer";
import { initialState, type TranscriptState } from "./state";
import { syncHistory, toldState } from "./sync";
import { announcePrompt, commitTold, foldTold, isTold, newTold } from "./told";
import { workingTools } from "./working";

/** The states of all reducers after the same events. */
export interface LiveState {
  readonly transcript: TranscriptState;
  readonly extensions: ExtensionState;
}

/** Return the state before any event. */
export function initialLive(): LiveState {
  return { transcript: toldState(), extensions: initialExtensions() };
}

/** Return the state of a conversation of which only stored chunks are known. */
export function liveFromHistory(chunks: Iterable<StoredChunk>): LiveState {
  return { transcript: syncHistory(toldState(), chunks), extensions: initialExtensions() };
}

/** Return the state after `event`; the very same object if it changes nothing. */
export function foldLive(live: LiveState, event: LiveEvent): LiveState {
  let { transcript, extensions } = live;
  switch (event.type) {
    case "nb.chunks-committed":
      transcript = commitTold(transcript, event);
      break;
    case "nb.prompt-sent":
      transcript = announcePrompt(transcript, event);
      break;
    case "nb.prompt-images":
      transcript = foldAddition(transcript, event, addImages);
      break;
    case "nb.chunk-detail":
      transcript = foldAddition(transcript, event, endBlock);
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

function foldAddition<E extends LiveEvent>(
  state: TranscriptState,
  event: E,
  fold: (state: TranscriptState, event: E) => TranscriptState,
): TranscriptState {
  return isTold(state.sync) ? foldTold(state, state.sync, event, fold) : fold(state, event);
}

/**
 * Return the state that a snapshot describes; events from `snapshot.next` on continue it.
 *
 * `before` is what was shown until now: its older pages stay, and its own prompts, until they
 * are claimed.
 */
export function fromSnapshot(snapshot: SnapshotMessage, before = initialLive()): LiveState {
  const { transcript, settledTools, workingTools: working = [], claimed = [] } = snapshot;
  const committed = Log.of(transcript.committed);
  const first = committed.at(0)?.seq ?? 0;
  const known = before.transcript;
  const echoes = (known.sync?.echoes ?? []).filter(
    ({ clientMessageId }) => !claimed.includes(clientMessageId ?? ""),
  );
  const state: TranscriptState = {
    ...initialState(),
    ...transcript,
    committed,
    provisional: Log.of(transcript.provisional),
    hiddenBeforeSeq: first > 1 ? first : 0,
    sync: newTold({ upto: committed.at(-1)?.seq ?? 0, claimed, echoes }),
  };
  const older = [...known.committed].filter(({ seq }) => seq < first);
  return {
    transcript: syncHistory(state, older, { isPage: true }),
    extensions: {
      settledTools: SettledTools.of(settledTools),
      workingTools: workingTools(working),
    },
  };
}
