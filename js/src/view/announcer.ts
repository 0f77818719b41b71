/** What a screen reader is told: beginnings and ends, never every token. */
import type { ChatState } from "../chat-state";

interface Known {
  readonly isGenerating: boolean;
  readonly isStopping: boolean;
  readonly place: number;
  readonly waiting: number;
  readonly refused: string | null;
  readonly notice: string | null;
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
      notice: state.notice ?? (state.kernelNotice || null),
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
  if (now.place > before.place && last?.type === "tool-call")
    return `Running tool ${last.toolName}`;
  return null;
}
