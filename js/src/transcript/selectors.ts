/**
 * What is shown: chunks in order, and messages.
 *
 * Source: the Dispatch transcript contract, A.4 and A.5. Selecting again after an event costs
 * what the event changed, not what is shown; whatever did not change comes back as the very
 * same objects, so that a view can compare by identity.
 */

import type { ChatMessage, Chunk, Role } from "../wire/types";
import {
  Joined,
  type RenderedChunk,
  type Run,
  type Runs,
  renderedChunks,
  runsOf,
} from "./rendering";
import { accumulatedChunk, type TranscriptState } from "./state";
import { inOrder } from "./sync-places";

export { Joined, type RenderedChunk } from "./rendering";

/**
 * Return committed chunks, then provisional ones, then the one that still grows.
 *
 * Chunks that a foreign backend did not store stand where they were said, between committed
 * ones. Own prompts that no turn has claimed yet come last.
 */
export function selectChunks(state: TranscriptState): Joined<RenderedChunk> {
  const parts = inOrder(state).map((part) =>
    part === null ? growing(state) : renderedChunks(part),
  );
  return new Joined([...parts, echoes(state)]);
}

/**
 * Return the shown chunks with neighbours of one role joined into one message.
 *
 * Original message borders cannot be told from chunks: two user messages in a row are one
 * here, and so are the results of a step's calls. After a delta all but the last are the same
 * objects as before.
 */
export function selectMessages(state: TranscriptState): Joined<ChatMessage> {
  const joining = new Joining();
  for (const part of inOrder(state)) {
    if (part === null) joining.addLoose(growing(state));
    else joining.add(runsOf(part));
  }
  joining.addLoose(echoes(state));
  return joining.messages();
}

/** Chunks of one role that are in no log. */
interface Loose {
  readonly role: Role;
  readonly chunks: readonly Chunk[];
}

/** Messages that are complete, and the pieces of the one that is not. */
class Joining {
  readonly #complete: (readonly ChatMessage[] | Runs["between"])[] = [];
  #pieces: (Run | Loose)[] = [];

  add(runs: Runs | null): void {
    if (runs === null) return;
    this.addPiece(runs.first);
    if (runs.last === null) return;
    this.#close();
    this.#complete.push(runs.between);
    this.#pieces.push(runs.last);
  }

  addLoose(chunks: readonly RenderedChunk[]): void {
    for (const { role, chunk } of chunks) this.addPiece({ role, chunks: [chunk] });
  }

  addPiece(piece: Run | Loose): void {
    if (this.#pieces.at(-1)?.role !== piece.role) this.#close();
    this.#pieces.push(piece);
  }

  messages(): Joined<ChatMessage> {
    this.#close();
    return new Joined(this.#complete);
  }

  #close(): void {
    const [first, ...others] = this.#pieces;
    if (first) this.#complete.push([message([first, ...others])]);
    this.#pieces = [];
  }
}

function message(pieces: readonly [Run | Loose, ...(Run | Loose)[]]): ChatMessage {
  const [first, ...others] = pieces.filter(isRun);
  if (first && others.length === pieces.length - 1) {
    return (others.at(-1) ?? first).rendering.message([first, ...others]);
  }
  const chunks = pieces.flatMap((piece) =>
    isRun(piece) ? piece.rendering.chunksOf(piece) : piece.chunks,
  );
  return { role: pieces[0].role, chunks };
}

function isRun(piece: Run | Loose): piece is Run {
  return "rendering" in piece;
}

function growing({ accumulating }: TranscriptState): readonly RenderedChunk[] {
  if (accumulating === null) return [];
  const chunk = accumulatedChunk(accumulating);
  return [{ seq: null, role: "assistant", chunk, provisional: true, streaming: true }];
}

function echoes({ sync }: TranscriptState): readonly RenderedChunk[] {
  const open = sync?.echoes.filter(({ row }) => row === null) ?? [];
  const chunks = open.flatMap(({ text, images }): Chunk[] => [{ type: "text", text }, ...images]);
  const rest = { provisional: true, streaming: false, sending: true } as const;
  return chunks.map((chunk) => ({ seq: null, role: "user", chunk, ...rest }));
}
