/** Acts whose answer only the place that asked is interested in. */
import { Timers } from "./timers";
import type { ConfigureMessage, RenameMessage, ReplyMessage } from "./wire/types";

type Question = Omit<ConfigureMessage, "requestId"> | Omit<RenameMessage, "requestId">;

const ANSWER_MS = 4000;
const NO_KERNEL = "The kernel is not running: nothing was changed.";
const NO_ANSWER = "No answer from the kernel yet: it is busy, or was restarted.";

export class Questions {
  readonly #waiting = new Map<string, (refusal: string | null) => void>();
  readonly #timers = new Timers();
  readonly #send: (message: ConfigureMessage | RenameMessage) => boolean;
  readonly #requestId: () => string;

  constructor(
    send: (message: ConfigureMessage | RenameMessage) => boolean,
    requestId: () => string,
  ) {
    this.#send = send;
    this.#requestId = requestId;
  }

  /** Ask the kernel; resolves to why it refused, or to null when it did what was asked. */
  ask(question: Question): Promise<string | null> {
    const requestId = this.#requestId();
    return new Promise((resolve) => {
      this.#waiting.set(requestId, resolve);
      this.#timers.after(requestId, ANSWER_MS, () => this.#settle(requestId, NO_ANSWER));
      if (!this.#send({ ...question, requestId })) this.#settle(requestId, NO_KERNEL);
    });
  }

  /** Take a reply; false if it answers something else. */
  answer({ requestId, accepted, reason }: ReplyMessage): boolean {
    return this.#settle(requestId, accepted ? null : (reason ?? "It was not taken."));
  }

  close(): void {
    this.#timers.close();
  }

  #settle(requestId: string, refusal: string | null): boolean {
    const resolve = this.#waiting.get(requestId);
    if (!resolve) return false;
    this.#waiting.delete(requestId);
    this.#timers.cancel(requestId);
    resolve(refusal);
    return true;
  }
}
