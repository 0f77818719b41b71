/**
 * What the person has said and the conversation does not contain yet.
 *
 * A prompt is in the transcript at once, as one that is being sent; its own event claims it by
 * its id. A text that is typed while a turn runs waits in the queue: it is no prompt yet. What
 * is refused is the draft's again: nothing is ever lost.
 */
import type { Attachment } from "./attachments";
import type { ChatCell } from "./chat-cell";
import type { PendingText, RefusedText } from "./chat-state";
import { Timers } from "./timers";
import type { LiveState } from "./transcript/live";
import { appendUserMessage, rejectEcho } from "./transcript/sync";
import type { ImageChunk, KernelMessage, LiveEvent, QueuedText, ReplyMessage } from "./wire/types";

const ANSWER_MS = 4000;
/** How long a queued text that was taken may wait for the trait or the event that shows it. */
const SHOWN_MS = 3000;

const NO_KERNEL = "The kernel is not running: your message was not sent.";
const NO_ANSWER =
  "No answer from the kernel yet: it is busy, or was restarted. After a restart run the cell " +
  "again; your message is kept here.";

export class Outgoing {
  readonly #cell: ChatCell;
  readonly #send: (message: KernelMessage) => boolean;
  readonly #timers = new Timers();

  constructor(cell: ChatCell, send: (message: KernelMessage) => boolean) {
    this.#cell = cell;
    this.#send = send;
  }

  /** Send a prompt, or let a text wait for the running turn. */
  say(
    requestId: string,
    type: "send" | "steer",
    text: string,
    attachments: readonly Attachment[],
  ): void {
    const { pending, live } = this.#cell.state;
    const act = { requestId, type, text, attachments, isAccepted: false } as const;
    this.#cell.set({
      pending: [...pending, act],
      live: type === "send" ? withPrompt(live, act) : live,
      refused: null,
      notice: null,
    });
    const images = attachments.map(({ data }) => data);
    const message: KernelMessage =
      images.length > 0 ? { type: "send", requestId, text, images } : { type, requestId, text };
    if (this.#send(message)) {
      this.#timers.after(requestId, ANSWER_MS, () => this.#cell.set({ notice: NO_ANSWER }));
    } else this.#refuse(act, NO_KERNEL);
  }

  /** Take the kernel's word on a text; false if the reply is to something else. */
  answer({ requestId, accepted, reason }: ReplyMessage): boolean {
    const act = this.#cell.state.pending.find((each) => each.requestId === requestId);
    if (!act) return false;
    this.#answered(requestId);
    if (!accepted) this.#refuse(act, reason ?? "The message was not taken.");
    else {
      const { pending } = this.#cell.state;
      const taken = { ...act, isAccepted: true };
      this.#cell.set({ pending: pending.map((each) => (each === act ? taken : each)) });
      // A prompt's own event claims it; a queued text is shown by a trait, which may be passed by.
      const forget = () => this.#forget([requestId]);
      if (act.type === "steer") this.#timers.after(requestId, SHOWN_MS, forget);
    }
    return true;
  }

  /** Let go of what the conversation contains after these events. */
  settle(events: readonly LiveEvent[]): void {
    const { pending, live } = this.#cell.state;
    if (pending.length === 0) return;
    const open = new Set(live.transcript.sync?.echoes.map((echo) => echo.clientMessageId));
    const left = events.reduce(withoutSteered, pending);
    const here = left.filter(({ type, requestId }) => type === "steer" || open.has(requestId));
    this.#forget(pending.filter((act) => !here.includes(act)).map(({ requestId }) => requestId));
  }

  /** Let go of what the queue lists; of what was accepted, too, when a snapshot tells all. */
  settleQueued(queue: readonly QueuedText[], isAll = false): void {
    const listed = new Set(queue.map(({ id }) => id));
    const gone = this.#cell.state.pending.filter(({ requestId, type, isAccepted }) =>
      type === "steer" ? listed.has(requestId) || (isAll && isAccepted) : false,
    );
    this.#forget(gone.map(({ requestId }) => requestId));
  }

  /** Put a text that did not arrive back before whatever was written since. */
  giveBack(text: string, refused: RefusedText | null, images: readonly Attachment[] = []): void {
    const { draft, attachments } = this.#cell.state;
    this.#cell.set({
      draft: draft.trim() === "" ? text : `${text}\n\n${draft}`,
      attachments: [...images, ...attachments],
      refused,
    });
  }

  /** The kernel is gone: what was on its way is in the draft again. */
  lose(): void {
    const { pending } = this.#cell.state;
    for (const { text, attachments, isAccepted } of [...pending].reverse()) {
      if (!isAccepted) this.giveBack(text, null, attachments);
    }
    this.#cell.set({ live: pending.reduce(withoutPrompt, this.#cell.state.live) });
    this.#forget(pending.map(({ requestId }) => requestId));
  }

  close(): void {
    this.#timers.close();
  }

  #refuse(act: PendingText, reason: string): void {
    const { requestId, text, attachments } = act;
    this.#cell.set({ live: withoutPrompt(this.#cell.state.live, act) });
    this.#forget([requestId]);
    this.giveBack(text, { requestId, reason, isTrouble: true }, attachments);
  }

  #forget(ids: readonly string[]): void {
    if (ids.length === 0) return;
    for (const id of ids) this.#answered(id);
    const { pending } = this.#cell.state;
    this.#cell.set({ pending: pending.filter(({ requestId }) => !ids.includes(requestId)) });
  }

  #answered(requestId: string): void {
    this.#timers.cancel(requestId);
    if (this.#cell.state.notice === NO_ANSWER) this.#cell.set({ notice: null });
  }
}

function withPrompt(live: LiveState, { requestId, text, attachments }: PendingText): LiveState {
  const images = attachments.map(({ data }): ImageChunk => ({ type: "image", url: data }));
  const options = { clientMessageId: requestId, images };
  return { ...live, transcript: appendUserMessage(live.transcript, text, options) };
}

function withoutPrompt(live: LiveState, { requestId, text }: PendingText): LiveState {
  const transcript = rejectEcho(live.transcript, text, requestId);
  return transcript === live.transcript ? live : { ...live, transcript };
}

/** Take the queued texts away that an event brings to the model. */
function withoutSteered(pending: readonly PendingText[], event: LiveEvent): readonly PendingText[] {
  if (event.type !== "user-message" && event.type !== "steering") return pending;
  const isSteer = ({ type }: PendingText) => type === "steer";
  const same = pending.find((act) => isSteer(act) && act.text.trim() === event.text.trim());
  if (same) return pending.filter((act) => act !== same);
  // Texts that waited together are one message, joined by blank lines.
  const said = `\n\n${event.text.trim()}\n\n`;
  return pending.filter((act) => !isSteer(act) || !said.includes(`\n\n${act.text.trim()}\n\n`));
}
