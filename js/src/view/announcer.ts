/** What a screen reader is told: beginnings and ends, never every token. */
import type { ChatState } from "../chat-state";
import type { Chunk, ProviderRetryEvent } from "../wire/types";
import { connectionWord } from "./connection";
import { short } from "./words";

interface Known {
  readonly isGenerating: boolean;
  readonly isStopping: boolean;
  readonly place: number;
  readonly waiting: number;
  readonly refused: string | null;
  readonly notice: string | null;
  readonly retry: ProviderRetryEvent | null;
}

/** One polite status region. */
export class Announcer {
  readonly element = document.createElement("div");
  #known: Known | null = null;

  constructor() {
    this.element.className = "dnb-hidden dnb-status";
    this.element.setAttribute("role", "status");
    this.element.setAttribute("aria-live", "polite");
  }

  /** Say what changed since the state before; the first state says nothing. */
  update(state: ChatState): void {
    const { transcript } = state.live;
    const place = (transcript.committed.at(-1)?.seq ?? 0) + transcript.provisional.length;
    const known: Known = {
      isGenerating: transcript.generating,
      isStopping:
        state.status === "stopping" || (transcript.generating && wasStopping(this.#known)),
      place,
      waiting: state.queue.filter(({ kept }) => !kept).length,
      refused: state.refused?.reason ?? null,
      notice: connectionWord(state) ?? state.notice ?? (state.kernelNotice || null),
      retry: transcript.providerRetry,
    };
    const before = this.#known;
    this.#known = known;
    const word = before && news(state, before, known);
    if (word) this.element.textContent = word;
    else if (before && isOver(before.notice, known.notice, this.element.textContent)) {
      this.element.textContent = "";
    }
  }
}

/** Whether the region still says a notice that does not hold any more. */
function isOver(before: string | null, now: string | null, said: string | null): boolean {
  return before !== null && now === null && said === before;
}

function wasStopping(known: Known | null): boolean {
  return known?.isStopping === true;
}

function news(state: ChatState, before: Known, now: Known): string | null {
  if (now.refused !== null && now.refused !== before.refused) return now.refused;
  if (now.notice !== null && now.notice !== before.notice) return now.notice;
  if (now.waiting > before.waiting) return "The message waits for the next step";
  const { provisional, committed } = state.live.transcript;
  const last = provisional.at(-1)?.chunk ?? committed.at(-1)?.chunk;
  if (now.isGenerating && !before.isGenerating) return "Answering";
  if (!now.isGenerating && before.isGenerating) {
    if (last?.type === "error") return `Error: ${last.message}`;
    return before.isStopping || now.isStopping ? "Stopped" : "Answer finished";
  }
  if (now.retry !== null && now.retry !== before.retry) return `Trying again: ${now.retry.message}`;
  return toolNews(newest(state, now.place - before.place));
}

/** Return the last `count` chunks of the log, as far as a few sentences can tell of them. */
function newest(state: ChatState, count: number): Chunk[] {
  const { provisional, committed } = state.live.transcript;
  const from = (log: typeof provisional | typeof committed, most: number): Chunk[] =>
    log.slice(Math.max(log.length - most, 0)).map(({ chunk }) => chunk);
  const most = Math.min(Math.max(count, 0), 32);
  const late = from(provisional, most);
  return [...from(committed, most - late.length), ...late];
}

function toolNews(chunks: readonly Chunk[]): string | null {
  const names = (kind: "tool-call" | "tool-result", isError: boolean) =>
    chunks.flatMap((chunk) => {
      if (chunk.type !== kind) return [];
      return chunk.type === "tool-result" && chunk.isError !== isError
        ? []
        : [short(chunk.toolName, 60)];
    });
  const [running, failed] = [names("tool-call", false), names("tool-result", true)];
  const done = names("tool-result", false);
  const sentences = [
    done.length > 0 ? `${tools(done)} finished` : null,
    failed.length > 0 ? `${tools(failed)} failed` : null,
    running.length > 0 ? `Running t${tools(running).slice(1)}` : null,
  ].filter((sentence) => sentence !== null);
  return sentences.length > 0 ? sentences.join(". ") : null;
}

function tools(names: readonly string[]): string {
  return `${names.length === 1 ? "Tool" : "Tools"} ${names.join(", ")}`;
}
