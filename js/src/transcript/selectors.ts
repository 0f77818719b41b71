/**
 * What is shown: chunks in order, and messages.
 *
 * Source: the Dispatch transcript contract, A.4 and A.5. What has not changed between two
 * states comes back as the very same objects, so that a view can compare by identity.
 */

import type { ChatMessage, Chunk, ProvisionalChunk, Role, StoredChunk } from "../wire/types";
import { accumulatedChunk, type TranscriptState } from "./state";

/** A chunk in its place; `seq` is null while it is provisional, `streaming` while it grows. */
export interface RenderedChunk {
  readonly seq: number | null;
  readonly role: Role;
  readonly chunk: Chunk;
  readonly provisional: boolean;
  readonly streaming: boolean;
}

const rendered = new WeakMap<StoredChunk | ProvisionalChunk, RenderedChunk>();
const messageOfFirst = new WeakMap<Chunk, ChatMessage>();

/** Return committed chunks, then provisional ones, then the one that still grows. */
export function selectChunks(state: TranscriptState): readonly RenderedChunk[] {
  const chunks: RenderedChunk[] = [];
  for (const stored of state.committed) chunks.push(render(stored));
  for (const entry of state.provisional) chunks.push(render(entry));
  if (state.accumulating !== null) {
    chunks.push({
      seq: null,
      role: "assistant",
      chunk: accumulatedChunk(state.accumulating),
      provisional: true,
      streaming: true,
    });
  }
  return chunks;
}

function render(source: StoredChunk | ProvisionalChunk): RenderedChunk {
  const known = rendered.get(source);
  if (known !== undefined) return known;
  const { role, chunk } = source;
  const seq = "seq" in source ? source.seq : null;
  const made = { seq, role, chunk, provisional: seq === null, streaming: false };
  rendered.set(source, made);
  return made;
}

/**
 * Return the shown chunks with neighbours of one role joined into one message.
 *
 * Original message borders cannot be told from chunks: two user messages in a row are one
 * here, and so are the results of a step's calls.
 */
export function selectMessages(state: TranscriptState): readonly ChatMessage[] {
  const messages: ChatMessage[] = [];
  let run: Chunk[] = [];
  let runRole: Role | null = null;
  for (const { role, chunk } of selectChunks(state)) {
    if (runRole !== null && role !== runRole) {
      messages.push(message(runRole, run));
      run = [];
    }
    runRole = role;
    run.push(chunk);
  }
  if (runRole !== null) messages.push(message(runRole, run));
  return messages;
}

function message(role: Role, chunks: readonly Chunk[]): ChatMessage {
  const first = chunks[0];
  const known = first && messageOfFirst.get(first);
  if (known && known.role === role && isSame(known.chunks, chunks)) return known;
  const made = { role, chunks };
  if (first) messageOfFirst.set(first, made);
  return made;
}

function isSame(some: readonly Chunk[], others: readonly Chunk[]): boolean {
  return some.length === others.length && some.every((chunk, index) => chunk === others[index]);
}
