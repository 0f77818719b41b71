/** How much of a long conversation is loaded, and how pages join what is there. */
import type { LiveState } from "./transcript/live";
import type { TranscriptState } from "./transcript/state";
import { syncHistory } from "./transcript/sync";
import { trimTranscript } from "./transcript/trimming";
import type { StoredChunk } from "./wire/types";

/** Chunks that stay loaded while every view follows the end; six pages of the kernel's. */
const LOADED_CHUNKS = 768;

/** Unload what is far above; it can be paged in again. */
export function trimmed(live: LiveState): LiveState {
  return withTranscript(live, trimTranscript(live.transcript, LOADED_CHUNKS));
}

/** Put an older page before what is there; one that does not reach it came too late. */
export function withPage(live: LiveState, page: readonly StoredChunk[]): LiveState {
  return withTranscript(live, syncHistory(live.transcript, page, { isPage: true }));
}

function withTranscript(live: LiveState, transcript: TranscriptState): LiveState {
  return transcript === live.transcript ? live : { ...live, transcript };
}
