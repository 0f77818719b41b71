/** What this page does with queued texts: takes them back, drops them, sends what was kept. */
import type {
  CancelQueuedMessage,
  QueuedText,
  ReplyMessage,
  SendQueuedMessage,
} from "./wire/types";

type Act = CancelQueuedMessage | SendQueuedMessage;
type Purpose = "rewrite" | "cancel" | "kept";

interface Asked {
  readonly purpose: Purpose | "send";
  readonly id: string;
  readonly text: string;
}

/** What came of an act: a text that is the draft's again, or why there is none. */
export type Outcome =
  | { readonly kind: "draft"; readonly text: string; readonly purpose: Purpose }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "done" };

/**
 * A text is the page's again only when the kernel says that it has left the queue: so it is
 * never in two places, however many pages ask for it.
 */
export class QueueActs {
  readonly #typed = new Set<string>();
  readonly #asked = new Map<string, Asked>();
  readonly #send: (act: Act) => void;
  readonly #requestId: () => string;

  constructor(send: (act: Act) => void, requestId: () => string) {
    this.#send = send;
    this.#requestId = requestId;
  }

  /** Note that a text was typed on this page: if it is kept, it comes back here. */
  typed(id: string): void {
    this.#typed.add(id);
  }

  /** Look at the queue: ask for what is kept and was typed here, the newest first. */
  update(queue: readonly QueuedText[]): void {
    for (const [requestId, asked] of this.#asked) {
      const text = queue.find(({ id }) => id === asked.id)?.text;
      if (text !== undefined) this.#asked.set(requestId, { ...asked, text });
    }
    for (const entry of [...queue].reverse()) {
      if (entry.kept && this.#typed.delete(entry.id)) this.take(entry, "kept");
    }
  }

  take({ id, text }: QueuedText, purpose: Purpose): void {
    if ([...this.#asked.values()].some((asked) => asked.id === id)) return;
    const requestId = this.#requestId();
    this.#asked.set(requestId, { purpose, id, text });
    this.#send({ type: "cancel-queued", requestId, id });
  }

  sendKept(): void {
    if ([...this.#asked.values()].some(({ purpose }) => purpose === "send")) return;
    const requestId = this.#requestId();
    this.#asked.set(requestId, { purpose: "send", id: "", text: "" });
    this.#send({ type: "send-queued", requestId });
  }

  /** Return what a reply means for the queue; null if it answers something else. */
  answer({ requestId, accepted, reason }: ReplyMessage): Outcome | null {
    const asked = this.#asked.get(requestId);
    if (!asked) return null;
    this.#asked.delete(requestId);
    const { purpose, text } = asked;
    if (!accepted) {
      // What another page has taken before this one asked for it by itself is no news.
      if (purpose === "kept") return { kind: "done" };
      return { kind: "refused", reason: reason ?? "This message is not waiting any more." };
    }
    return purpose === "rewrite" || purpose === "kept"
      ? { kind: "draft", text, purpose }
      : { kind: "done" };
  }
}
