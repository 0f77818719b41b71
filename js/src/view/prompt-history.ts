/** The prompts of a conversation, recalled with the arrow keys as in a shell. */
import { selectChunks } from "../transcript/selectors";
import type { TranscriptState } from "../transcript/state";

/** Where one composer stands among the prompts that were sent. */
export class PromptHistory {
  #prompts: readonly string[] = [];
  /** The place of what is recalled; the prompts' end stands for the draft itself. */
  #place: number | null = null;
  #draft = "";

  /** Return the prompt before the one that stands in the composer, or null at the oldest. */
  older(transcript: TranscriptState, text: string): string | null {
    if (this.#place === null || this.#prompts[this.#place] !== text) {
      this.#prompts = promptsOf(transcript);
      this.#place = this.#prompts.length;
      this.#draft = text;
    }
    if (this.#place === 0) return null;
    this.#place -= 1;
    return this.#prompts[this.#place] ?? null;
  }

  /** Return the prompt after the one that stands in the composer, at last the draft; or null. */
  newer(text: string): string | null {
    if (this.#place === null || this.#prompts[this.#place] !== text) return null;
    this.#place += 1;
    if (this.#place < this.#prompts.length) return this.#prompts[this.#place] ?? null;
    this.#place = null;
    return this.#draft;
  }
}

/** Return what the person said, oldest first; the same said again at once counts once. */
function promptsOf(transcript: TranscriptState): readonly string[] {
  const prompts: string[] = [];
  for (const { role, chunk } of selectChunks(transcript)) {
    if (role === "user" && chunk.type === "text" && chunk.text !== prompts.at(-1)) {
      prompts.push(chunk.text);
    }
  }
  return prompts;
}
