/**
 * The only mutable cell of the front end: folds the kernel's numbered events, notices gaps,
 * keeps the person's acts until the kernel answers them, and tells the views.
 */
import { type Attachment, readImages, recallImages } from "./attachments";
import {
  type ChatState,
  type ChatStore,
  initialChatState,
  isOnline,
  type RefusedText,
  settlePending,
} from "./chat-state";
import { keepDraft, keptDraft } from "./drafts";
import { Formulas } from "./formulas";
import { Questions } from "./questions";
import { type Outcome, QueueActs } from "./queue-acts";
import { requestIds } from "./request-ids";
import { StoredImages } from "./stored-images";
import { Timers } from "./timers";
import { foldLive, fromSnapshot, type LiveState } from "./transcript/live";
import { oldestLoaded } from "./transcript/trimming";
import type { ConversationStatus, Traits, Transport } from "./transport";
import { trimmed, withPage } from "./window";
import type {
  AnswerSettings,
  EventsMessage,
  KernelMessage,
  ReplyMessage,
  ViewMessage,
} from "./wire/types";

const READY_MS = 2000;
const STOP_MS = 1000;
/** How long an answer to a resync may take before it is asked for again; doubled each time. */
const RESYNC_MS = 250;
const SLOWEST_RESYNC_MS = 4000;
/** Shortest time between two acknowledgements: each costs the kernel more than an event does. */
const ACK_MS = 100;
/** How long traits and events may disagree: they are separate messages. */
const AGREE_MS = 700;
/** How long a kernel may be silent during a turn before it is looked after. */
const QUIET_MS = 3000;
/** How long a message that was taken may wait for the event that shows it. */
const SHOWN_MS = 3000;
const ANSWER_MS = 4000;

const TOO_LATE = "The turn ended before the model could read this; it is not sent.";

const NOT_WHILE_RUNNING =
  "Images cannot be added to a running turn: send them when it has ended, or take them away.";
const NO_KERNEL = "The kernel is not running: your message was not sent.";
const NO_ANSWER =
  "No answer from the kernel yet: it is busy, or was restarted. After a restart run the cell " +
  "again; your message is kept here.";
export const BUSY = "The kernel is busy: use the notebook's interrupt button";

/** Return the store of one conversation behind `transport`; it asks for a snapshot at once. */
export function createChatStore(transport: Transport): ChatStore {
  return new TransportChatStore(transport);
}

class TransportChatStore implements ChatStore {
  readonly formulas: Formulas;
  readonly folds = new Map<string, boolean>();
  readonly images: StoredImages;
  #state = initialChatState();
  #next: number | null = null;
  #painted = 0;
  #acked = 0;
  #lastSeq = 0;
  #conversationId = "";
  #kernelStatus: ConversationStatus = "idle";
  /** Whether a trait has changed since this page is open: then there is a kernel. */
  #hasSpoken = false;
  #stopRequest: string | null = null;
  /** The views whose reader has scrolled up: nothing is taken away above them. */
  readonly #readers = new Set<object>();
  readonly #requestId = requestIds();
  readonly #listeners = new Set<() => void>();
  readonly #timers = new Timers();
  readonly #transport: Transport;
  readonly #queue: QueueActs;
  readonly #questions: Questions;
  readonly #disconnect: () => void;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.formulas = new Formulas(() => transport.send({ type: "fetch", name: "typeset" }));
    this.images = new StoredImages((url) => transport.send({ type: "want-image", url }));
    this.#queue = new QueueActs((act) => transport.send(act), this.#requestId);
    this.#questions = new Questions((message) => transport.send(message), this.#requestId);
    this.#disconnect = transport.connect({
      message: (message) => this.#receive(message),
      traits: (traits) => this.#takeTraits(traits),
      connected: () => this.#reconnect(),
      unreadable: (reason) => this.#unreadable(reason),
    });
    this.#hasSpoken = false;
    transport.send({ type: "ready" });
    this.#timers.after("ready", READY_MS, () => this.#nobodyAnswered());
  }

  state(): ChatState {
    return this.#state;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  edit(draft: string): void {
    if (draft !== this.#state.draft) this.#set({ draft, refused: null });
  }

  async attach(files: readonly File[]): Promise<void> {
    const { attachments: already } = this.#state;
    const { attachments, refused } = await readImages(files, already, this.#requestId);
    this.#set({ attachments: [...this.#state.attachments, ...attachments], notice: refused });
  }

  detach(id: string): void {
    const attachments = this.#state.attachments.filter((each) => each.id !== id);
    this.#set({ attachments, notice: null });
  }

  submit(): void {
    const text = this.#state.draft.trim();
    if (text === "" || !this.#canSend()) return;
    const { attachments } = this.#state;
    if (this.#state.status !== "idle" && attachments.length > 0) {
      this.#set({ notice: NOT_WHILE_RUNNING });
      return;
    }
    this.#set({ draft: "", attachments: [] });
    this.#say(text, attachments);
  }

  send(text: string, images: readonly string[] = []): void {
    if (!this.#canSend()) return;
    if (images.length === 0) this.#say(text, []);
    else void this.#recalled(images).then((attachments) => this.#say(text, attachments));
  }

  recall(text: string, images: readonly string[]): void {
    this.edit(text);
    void this.#recalled(images).then((attachments) => this.#set({ attachments }));
  }

  #recalled(images: readonly string[]): Promise<readonly Attachment[]> {
    return recallImages(images, this.images, this.#requestId);
  }

  about(firstSeq: number, lastSeq: number): void {
    this.#transport.send({ type: "about", firstSeq, lastSeq });
  }

  listModels(provider: string): void {
    this.#transport.send({ type: "list-models", provider });
  }

  #say(text: string, attachments: readonly Attachment[]): void {
    const type = this.#state.status === "idle" ? "send" : "steer";
    const requestId = this.#requestId();
    if (type === "steer") this.#queue.typed(requestId);
    const act = { requestId, type, text, attachments, isAccepted: false } as const;
    const pending = [...this.#state.pending, act];
    this.#set({ pending, refused: null, notice: null });
    const images = attachments.map(({ data }) => data);
    const message: KernelMessage =
      images.length > 0 ? { type: "send", requestId, text, images } : { type, requestId, text };
    if (this.#transport.send(message)) {
      this.#timers.after(`sent ${requestId}`, ANSWER_MS, () => this.#set({ notice: NO_ANSWER }));
    } else {
      this.#forget(requestId);
      this.#giveBack(text, { requestId, reason: NO_KERNEL, isTrouble: true }, attachments);
    }
  }

  stop(): void {
    if (this.#state.status !== "running") return;
    this.#stopRequest = this.#requestId();
    this.#transport.send({ type: "stop", requestId: this.#stopRequest });
    this.#timers.after("stop", STOP_MS, () => this.#set({ notice: BUSY }));
    this.#set({ status: "stopping" });
  }

  rewrite(id: string): void {
    this.#take(id, "rewrite");
  }

  cancel(id: string): void {
    this.#take(id, "cancel");
  }

  sendQueued(): void {
    if (this.#canSend() && this.#state.status === "idle") this.#queue.sendKept();
  }

  rename(title: string): Promise<string | null> {
    return this.#questions.ask({ type: "rename", title });
  }

  configure(model: string, settings: AnswerSettings): Promise<string | null> {
    return this.#questions.ask({ type: "configure", model, settings });
  }

  older(from?: number): void {
    const before = oldestLoaded(this.#state.live.transcript);
    if (this.#next === null || this.#state.isLoadingOlder || before <= 1) return;
    const far = from === undefined ? {} : { from };
    this.#transport.send({ type: "older", before, ...far });
    this.#set({ isLoadingOlder: true });
  }

  read(view: object, isAtEnd: boolean): void {
    if (isAtEnd) this.#readers.delete(view);
    else this.#readers.add(view);
    const live = this.#trimmed(this.#state.live);
    if (live !== this.#state.live) this.#set({ live });
  }

  painted(): void {
    if (this.#next === null) return;
    this.#painted = this.#next - 1;
    if (!this.#timers.has("ack")) this.#acknowledge();
  }

  close(): void {
    this.#timers.close();
    this.formulas.close();
    this.#listeners.clear();
    this.#disconnect();
  }

  #receive(message: ViewMessage): void {
    this.#watchTheKernel();
    switch (message.type) {
      case "snapshot":
        this.#timers.cancel("ready");
        this.#timers.cancel("resync");
        this.#next = message.next;
        // The kernel counts every snapshot as unpainted, also one that changes nothing.
        this.#acked = 0;
        this.#set({
          live: fromSnapshot(message, this.#state.live),
          connection: "live",
          status: this.#kernelStatus,
          pending: this.#state.pending.filter(({ isAccepted }) => !isAccepted),
          isLoadingOlder: false,
        });
        this.images.again();
        return;
      case "events":
        this.#fold(message);
        return;
      case "history":
        this.#set({ live: withPage(this.#state.live, message.chunks), isLoadingOlder: false });
        return;
      case "reply":
        this.#answer(message);
        return;
      case "image":
        this.images.take(message);
        return;
      case "facts":
        this.#set({
          facts: new Map(this.#state.facts).set(message.firstSeq, message.facts ?? null),
        });
        return;
      case "models":
        this.#set({ models: new Map(this.#state.models).set(message.provider, message) });
        return;
      case "file":
        void this.formulas.load(message.text);
        return;
      default:
        message satisfies never;
    }
  }

  #fold(message: EventsMessage): void {
    if (this.#next === null) return;
    if (message.upto < this.#next) {
      // Known already: the kernel asks whether it was painted.
      this.#acked = 0;
      this.#set({});
      return;
    }
    if (message.from !== this.#next || message.events.length === 0) {
      this.#resync();
      return;
    }
    this.#timers.cancel("resync");
    let { live, pending } = this.#state;
    let { stops } = this.#state;
    for (const event of message.events) {
      if (event.type === "done" && event.reason === "aborted") {
        stops = new Set(stops).add(lastPlace(live));
      }
      live = foldLive(live, event);
      pending = settlePending(pending, event);
    }
    this.#next = message.upto + 1;
    this.#set({ live: this.#trimmed(live), pending, stops });
    this.#watchTheEnd();
  }

  /** Ask for what is missing, again and again until it comes. */
  #resync(wait = RESYNC_MS): void {
    if (this.#next === null || this.#timers.has("resync")) return;
    this.#transport.send({ type: "resync", from: this.#next });
    const longer = Math.min(2 * wait, SLOWEST_RESYNC_MS);
    this.#timers.after("resync", wait, () => this.#resync(longer));
  }

  #acknowledge(): void {
    if (this.#painted <= this.#acked) return;
    this.#acked = this.#painted;
    this.#transport.send({ type: "ack", upto: this.#acked });
    this.#timers.after("ack", ACK_MS, () => this.#acknowledge());
  }

  /** A lost last message leaves no gap behind it: only the traits tell that something is missing. */
  #watchTheEnd(): void {
    this.#timers.cancel("end");
    if (this.#next !== null && !this.#isComplete()) {
      this.#timers.after("end", AGREE_MS, () => {
        if (!this.#isComplete()) this.#resync();
      });
    }
  }

  /** Whether traits and events tell the same story; either may have been lost on the way. */
  #isComplete(): boolean {
    const { transcript } = this.#state.live;
    const last = transcript.committed.at(-1)?.seq ?? 0;
    return last >= this.#lastSeq && (this.#kernelStatus !== "idle") === transcript.generating;
  }

  #answer(reply: ReplyMessage): void {
    if (this.#questions.answer(reply)) return;
    if (reply.requestId === this.#stopRequest) {
      this.#stopRequest = null;
      this.#timers.cancel("stop");
      // Refused because the turn has ended meanwhile: then all is as the person wants it.
      const isMoot = reply.accepted || this.#kernelStatus === "idle";
      this.#set({ notice: isMoot ? null : (reply.reason ?? "There is nothing to stop.") });
      return;
    }
    const outcome = this.#queue.answer(reply);
    if (outcome) {
      this.#settleQueued(outcome, reply.requestId);
      return;
    }
    const act = this.#state.pending.find(({ requestId }) => requestId === reply.requestId);
    if (!act) return;
    this.#timers.cancel(`sent ${act.requestId}`);
    if (this.#state.notice === NO_ANSWER) this.#set({ notice: null });
    if (reply.accepted) {
      const pending = this.#state.pending.map((each) =>
        each === act ? { ...each, isAccepted: true } : each,
      );
      this.#set({ pending });
      // It is in the log: the event that shows it comes, or came in a snapshot before this reply.
      this.#timers.after(`accepted ${act.requestId}`, SHOWN_MS, () => this.#forget(act.requestId));
      return;
    }
    this.#forget(act.requestId);
    const reason = reply.reason ?? "The message was not taken.";
    const refused = { requestId: act.requestId, reason, isTrouble: true };
    this.#giveBack(act.text, refused, act.attachments);
  }

  #settleQueued(outcome: Outcome, requestId: string): void {
    if (outcome.kind === "refused") this.#set({ notice: outcome.reason });
    if (outcome.kind !== "draft") return;
    const refused = { requestId, reason: TOO_LATE, isTrouble: false };
    this.#giveBack(outcome.text, outcome.purpose === "kept" ? refused : null);
  }

  #take(id: string, purpose: "rewrite" | "cancel"): void {
    const entry = this.#state.queue.find((each) => each.id === id);
    if (entry && this.#canSend()) this.#queue.take(entry, purpose);
  }

  #forget(id: string): void {
    this.#set({ pending: this.#state.pending.filter(({ requestId }) => requestId !== id) });
  }

  /** Put a text that did not arrive back before whatever was written since. */
  #giveBack(text: string, refused: RefusedText | null, images: readonly Attachment[] = []): void {
    const { draft, attachments } = this.#state;
    this.#set({
      draft: draft.trim() === "" ? text : `${text}\n\n${draft}`,
      attachments: [...images, ...attachments],
      refused,
    });
  }

  #takeTraits(traits: Traits): void {
    // Until the kernel speaks for itself, show what the notebook kept.
    const saved = this.#next === null ? traits.saved() : null;
    this.images.keep(saved?.images ?? []);
    const { title, model, settings, usage, meter, status, queue } = traits;
    const { notice, live, pending } = this.#state;
    const queued = new Set(queue.map(({ id }) => id));
    const isOver = notice === BUSY && status === "idle";
    this.#hasSpoken = true;
    this.#lastSeq = traits.lastSeq;
    this.#recallDraft(traits.conversationId);
    this.#kernelStatus = status;
    this.#set({
      ...{ title, model, settings, usage, meter, queue },
      conversationId: traits.conversationId,
      stops: withAll(this.#state.stops, traits.stops),
      pending: pending.filter(({ requestId }) => !queued.has(requestId)),
      status: this.#canSend() ? status : "idle",
      notice: isOver ? null : notice,
      kernelNotice: traits.notice,
      live: saved ? fromSnapshot(saved) : live,
    });
    if (status === "idle") this.#timers.cancel("stop");
    this.#watchTheKernel();
    this.#queue.update(queue);
    this.#watchTheEnd();
  }

  /** The first word of which conversation this is brings back what was being written in it. */
  #recallDraft(conversationId: string): void {
    if (conversationId === this.#conversationId) return;
    this.#conversationId = conversationId;
    if (this.#state.draft === "") this.#set({ draft: keptDraft(conversationId) });
  }

  #trimmed(live: LiveState): LiveState {
    return this.#readers.size > 0 ? live : trimmed(live);
  }

  #canSend(): boolean {
    return isOnline(this.#state);
  }

  #unreadable(reason: string): void {
    this.#set({ notice: `A message of the kernel could not be read: ${reason}` });
    this.#resync();
  }

  /** While a turn runs, look now and then whether there still is a kernel: a dead one is silent. */
  #watchTheKernel(): void {
    this.#timers.cancel("quiet");
    if (this.#kernelStatus === "idle" || this.#state.connection !== "live") return;
    this.#timers.after("quiet", QUIET_MS, () => {
      if (this.#isThere()) this.#watchTheKernel();
    });
  }

  #reconnect(): void {
    if (this.#next !== null && this.#isThere()) this.#transport.send({ type: "ready" });
  }

  #isThere(): boolean {
    const isThere = this.#transport.send({ type: "ack", upto: this.#acked });
    if (!isThere) this.#lose();
    return isThere;
  }

  /** Keep what is shown; what was on its way to the kernel is in the draft again. */
  #lose(): void {
    const { pending } = this.#state;
    for (const { text, attachments, isAccepted } of [...pending].reverse()) {
      if (!isAccepted) this.#giveBack(text, null, attachments);
    }
    this.#set({ connection: "lost", status: "idle", pending: [], notice: null });
  }

  #nobodyAnswered(): void {
    if (this.#hasSpoken && this.#kernelStatus !== "idle") {
      // It runs a turn and cannot hear this page: a cell blocks it.
      this.#timers.after("ready", READY_MS, () => this.#nobodyAnswered());
      return;
    }
    const isKept = this.#state.live.transcript.committed.length > 0;
    this.#set({ connection: isKept ? "saved" : "absent", status: "idle" });
  }

  #set(change: Partial<ChatState>): void {
    const { draft } = this.#state;
    this.#state = { ...this.#state, ...change };
    if (this.#state.draft !== draft && this.#conversationId !== "") {
      keepDraft(this.#conversationId, this.#state.draft);
    }
    for (const listener of this.#listeners) listener();
  }
}
/** Return the place in the log of the last chunk: its seq, or the one it will have. */
function lastPlace({ transcript }: LiveState): number {
  const { committed, provisional, accumulating } = transcript;
  const last = committed.at(-1)?.seq ?? 0;
  return last + provisional.length + (accumulating === null ? 0 : 1);
}

/** Return the places with more of them; the same object if it has them all. */
function withAll(places: ReadonlySet<number>, more: readonly number[]): ReadonlySet<number> {
  return more.every((place) => places.has(place)) ? places : new Set([...places, ...more]);
}
