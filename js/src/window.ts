/** How much of a long conversation is loaded, and how pages join what is there. */
import { type LiveState, mergeHistory } from "./transcript/live";
import { oldestLoaded, restoreEarlier, trimTranscript } from "./transcript/trimming";
import type { StoredChunk } from "./wire/types";

/** Chunks that stay loaded while every view follows the end; six pages of the kernel's. */
const LOADED_CHUNKS = 768;

/** Unload what is far above; it can be paged in again. */
export function trimmed(live: LiveState): LiveState {
  const transcript = trimTranscript(live.transcript, LOADED_CHUNKS);
  return transcript === live.transcript ? live : { ...live, transcript };
}

/** Put an older page before what is there; one that does not reach it came too late. */
export function withPage(live: LiveState, page: readonly StoredChunk[]): LiveState {
  const { transcript } = live;
  if (page.at(-1)?.seq !== oldestLoaded(transcript) - 1) return live;
  return { ...live, transcript: restoreEarlier(transcript, page, page.length) };
}

/** Keep the older pages that the person asked for when a snapshot brings the newest ones only. */
export function withOlder(live: LiveState, before: LiveState): LiveState {
  const first = live.transcript.committed.at(0)?.seq ?? 0;
  const known = before.transcript.committed;
  const isJoined = (known.at(-1)?.seq ?? 0) >= first - 1;
  return isJoined
    ? mergeHistory(
        live,
        [...known].filter(({ seq }) => seq < first),
      )
    : live;
}
