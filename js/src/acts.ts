/** What the person does, and what comes of it: each act is taken, or refused with a reason. */
import type { Attachment } from "./attachments";
import type { ChatCell } from "./chat-cell";
import { isOnline } from "./chat-state";
import type { Outgoing } from "./outgoing";
import { Questions } from "./questions";
import { type Outcome, QueueActs } from "./queue-acts";
import { Timers } from "./timers";
import type { AnswerSettings, KernelMessage, QueuedText, ReplyMessage } from "./wire/types";

const STOP_MS = 1000;

const TOO_LATE = "The turn ended before the model could read this; it is not sent.";

export const BUSY = "The kernel is busy: use the notebook's interrupt button";

export class Acts {
  readonly #cell: ChatCell;
  readonly #send: (message: KernelMessage) => boolean;
  readonly #outgoing: Outgoing;
  readonly #newId: () => string;
  readonly #queue: QueueActs;
  readonly #questions: Questions;
  readonly #timers = new Timers();
  #stopRequest: string | null = null;

  constructor(
    cell: ChatCell,
    send: (message: KernelMessage) => boolean,
    outgoing: Outgoing,
    newId: () => string,
  ) {
    this.#cell = cell;
    this.#send = send;
    this.#outgoing = outgoing;
    this.#newId = newId;
    this.#queue = new QueueActs(send, newId);
    this.#questions = new Questions(send, newId);
  }

  /** Send a text as a prompt; while a turn runs let it wait. */
  say(text: string, attachments: readonly Attachment[]): void {
    const isPrompt = this.#cell.state.status === "idle" || attachments.length > 0;
    const requestId = this.#newId();
    if (!isPrompt) this.#queue.typed(requestId);
    this.#outgoing.say(requestId, isPrompt ? "send" : "steer", text, attachments);
  }

  stop(): void {
    if (this.#cell.state.status !== "running") return;
    this.#stopRequest = this.#newId();
    this.#send({ type: "stop", requestId: this.#stopRequest });
    this.#timers.after("stop", STOP_MS, () => this.#cell.set({ notice: BUSY }));
    this.#cell.set({ status: "stopping" });
  }

  /** Take a queued text out of the queue. */
  take(id: string, purpose: "rewrite" | "cancel"): void {
    const entry = this.#cell.state.queue.find((each) => each.id === id);
    if (entry && isOnline(this.#cell.state)) this.#queue.take(entry, purpose);
  }

  sendQueued(): void {
    if (isOnline(this.#cell.state) && this.#cell.state.status === "idle") this.#queue.sendKept();
  }

  rename(title: string): Promise<string | null> {
    return this.#questions.ask({ type: "rename", title });
  }

  configure(model: string, settings: AnswerSettings): Promise<string | null> {
    return this.#questions.ask({ type: "configure", model, settings });
  }

  /** Take what the kernel says of its queue, and whether a turn runs. */
  update(queue: readonly QueuedText[], isIdle: boolean): void {
    this.#outgoing.settleQueued(queue);
    this.#queue.update(queue);
    if (!isIdle) return;
    this.#timers.cancel("stop");
    if (this.#cell.state.notice === BUSY) this.#cell.set({ notice: null });
  }

  /** Take the kernel's answer; `isIdle` says that it runs no turn. */
  answer(reply: ReplyMessage, isIdle: boolean): void {
    if (this.#questions.answer(reply)) return;
    if (reply.requestId === this.#stopRequest) {
      this.#stopRequest = null;
      this.#timers.cancel("stop");
      // Refused because the turn has ended meanwhile: then all is as the person wants it.
      const isMoot = reply.accepted || isIdle;
      this.#cell.set({ notice: isMoot ? null : (reply.reason ?? "There is nothing to stop.") });
      return;
    }
    const outcome = this.#queue.answer(reply);
    if (outcome) this.#settle(outcome, reply.requestId);
    else this.#outgoing.answer(reply);
  }

  close(): void {
    this.#timers.close();
    this.#questions.close();
  }

  #settle(outcome: Outcome, requestId: string): void {
    if (outcome.kind === "refused") this.#cell.set({ notice: outcome.reason });
    if (outcome.kind !== "draft") return;
    const refused = { requestId, reason: TOO_LATE, isTrouble: false };
    this.#outgoing.giveBack(outcome.text, outcome.purpose === "kept" ? refused : null);
  }
}
