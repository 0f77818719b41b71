/**
 * The only mutable cell of the front end: folds what the kernel tells, hands it what the person
 * does, and tells the views.
 */
import { Acts } from "./acts";
import { ChatCell } from "./chat-cell";
import { type ChatState, type ChatStore, isOnline } from "./chat-state";
import { Composing } from "./composing";
import { EventStream } from "./event-stream";
import { Formulas } from "./formulas";
import { Outgoing } from "./outgoing";
import { Presence } from "./presence";
import { requestIds } from "./request-ids";
import { StoredImages } from "./stored-images";
import { foldLive, fromSnapshot, type LiveState } from "./transcript/live";
import { oldestLoaded } from "./transcript/trimming";
import type { ConversationStatus, Traits, Transport } from "./transport";
import { trimmed, withPage } from "./window";
import type { AnswerSettings, EventsMessage, ViewMessage } from "./wire/types";

/** Return the store of one conversation behind `transport`; it asks for a snapshot at once. */
export function createChatStore(transport: Transport): ChatStore {
  return new TransportChatStore(transport);
}

class TransportChatStore implements ChatStore {
  readonly formulas: Formulas;
  readonly folds = new Map<string, boolean>();
  readonly images: StoredImages;
  #lastSeq = 0;
  #kernelStatus: ConversationStatus = "idle";
  /** Whether a trait has changed since this page is open: then there is a kernel. */
  #hasSpoken = false;
  /** The views whose reader has scrolled up: nothing is taken away above them. */
  readonly #readers = new Set<object>();
  readonly #cell = new ChatCell();
  readonly #transport: Transport;
  readonly #stream: EventStream;
  readonly #composing: Composing;
  readonly #outgoing: Outgoing;
  readonly #presence: Presence;
  readonly #acts: Acts;
  readonly #disconnect: () => void;

  constructor(transport: Transport) {
    this.#transport = transport;
    const send = transport.send.bind(transport);
    this.#stream = new EventStream(send, () => this.#isComplete());
    this.#outgoing = new Outgoing(this.#cell, send);
    this.#presence = new Presence({
      isBusy: () => this.#hasSpoken && this.#kernelStatus !== "idle",
      isStreaming: () => this.#kernelStatus !== "idle" && this.#state.connection === "live",
      isHeard: () => this.#stream.isHeard(),
      absent: () => this.#nobodyAnswered(),
      lost: () => this.#lose(),
    });
    this.formulas = new Formulas(() => send({ type: "fetch", name: "typeset" }));
    this.images = new StoredImages((url) => send({ type: "want-image", url }));
    const newId = requestIds();
    this.#acts = new Acts(this.#cell, send, this.#outgoing, newId);
    this.#composing = new Composing(this.#cell, this.images, newId, (text, attachments) =>
      this.#acts.say(text, attachments),
    );
    this.#disconnect = transport.connect({
      message: (message) => this.#receive(message),
      traits: (traits) => this.#takeTraits(traits),
      connected: () => this.#reconnect(),
      unreadable: (reason) => this.#unreadable(reason),
    });
    this.#hasSpoken = false;
    send({ type: "ready" });
    this.#presence.await();
  }

  state(): ChatState {
    return this.#state;
  }

  subscribe(listener: () => void): () => void {
    return this.#cell.subscribe(listener);
  }

  edit(draft: string): void {
    this.#composing.edit(draft);
  }

  attach(files: readonly File[]): Promise<void> {
    return this.#composing.attach(files);
  }

  detach(id: string): void {
    this.#composing.detach(id);
  }

  submit(): void {
    this.#composing.submit();
  }

  send(text: string, images: readonly string[] = []): void {
    this.#composing.send(text, images);
  }

  recall(text: string, images: readonly string[]): void {
    this.#composing.recall(text, images);
  }

  about(firstSeq: number, lastSeq: number): void {
    this.#transport.send({ type: "about", firstSeq, lastSeq });
  }

  listModels(provider: string): void {
    this.#transport.send({ type: "list-models", provider });
  }

  stop(): void {
    this.#acts.stop();
  }

  rewrite(id: string): void {
    this.#acts.take(id, "rewrite");
  }

  cancel(id: string): void {
    this.#acts.take(id, "cancel");
  }

  sendQueued(): void {
    this.#acts.sendQueued();
  }

  rename(title: string): Promise<string | null> {
    return this.#acts.rename(title);
  }

  configure(model: string, settings: AnswerSettings): Promise<string | null> {
    return this.#acts.configure(model, settings);
  }

  older(from?: number): void {
    const before = oldestLoaded(this.#state.live.transcript);
    if (!this.#stream.hasBegun || this.#state.isLoadingOlder || before <= 1) return;
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
    this.#stream.painted();
  }

  close(): void {
    this.#disconnect();
    const parts = [this.#stream, this.#outgoing, this.#acts, this.#presence, this.formulas];
    for (const part of [...parts, this.#cell]) part.close();
  }

  #receive(message: ViewMessage): void {
    this.#presence.watch();
    switch (message.type) {
      case "snapshot":
        this.#presence.answered();
        this.#stream.begin(message.next);
        this.#set({
          live: fromSnapshot(message, this.#state.live),
          connection: "live",
          status: this.#kernelStatus,
          isLoadingOlder: false,
        });
        this.#outgoing.settle([]);
        this.#outgoing.settleQueued(this.#state.queue, true);
        this.images.again();
        return;
      case "events":
        this.#fold(message);
        return;
      case "history":
        this.#set({ live: withPage(this.#state.live, message.chunks), isLoadingOlder: false });
        return;
      case "reply":
        this.#acts.answer(message, this.#kernelStatus === "idle");
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
    const events = this.#stream.take(message);
    if (events === null) return;
    let { live, stops } = this.#state;
    for (const event of events) {
      if (event.type === "done" && event.reason === "aborted") {
        stops = new Set(stops).add(lastPlace(live));
      }
      live = foldLive(live, event);
    }
    this.#set({ live: this.#trimmed(live), stops });
    this.#outgoing.settle(events);
    this.#stream.watchTheEnd();
  }

  /** Whether traits and events tell the same story; either may have been lost on the way. */
  #isComplete(): boolean {
    const { transcript } = this.#state.live;
    const last = transcript.committed.at(-1)?.seq ?? 0;
    return last >= this.#lastSeq && (this.#kernelStatus !== "idle") === transcript.generating;
  }

  #takeTraits(traits: Traits): void {
    // Until the kernel speaks for itself, show what the notebook kept.
    const saved = this.#stream.hasBegun ? null : traits.saved();
    this.images.keep(saved?.images ?? []);
    const { title, model, settings, usage, meter, status, queue } = traits;
    this.#hasSpoken = true;
    this.#lastSeq = traits.lastSeq;
    this.#cell.name(traits.conversationId);
    this.#kernelStatus = status;
    this.#set({
      ...{ title, model, settings, usage, meter, queue },
      stops: withAll(this.#state.stops, traits.stops),
      status: isOnline(this.#state) ? status : "idle",
      kernelNotice: traits.notice,
      ...(saved ? { live: fromSnapshot(saved, this.#state.live) } : {}),
    });
    this.#acts.update(queue, status === "idle");
    this.#presence.watch();
    this.#stream.watchTheEnd();
  }

  #trimmed(live: LiveState): LiveState {
    return this.#readers.size > 0 ? live : trimmed(live);
  }

  #unreadable(reason: string): void {
    this.#set({ notice: `A message of the kernel could not be read: ${reason}` });
    this.#stream.resync();
  }

  #reconnect(): void {
    if (this.#stream.hasBegun && this.#presence.isThere()) this.#transport.send({ type: "ready" });
  }

  /** Keep what is shown; what was on its way to the kernel is in the draft again. */
  #lose(): void {
    this.#outgoing.lose();
    this.#set({ connection: "lost", status: "idle", notice: null });
  }

  #nobodyAnswered(): void {
    const isKept = this.#state.live.transcript.committed.length > 0;
    this.#set({ connection: isKept ? "saved" : "absent", status: "idle" });
  }

  get #state(): ChatState {
    return this.#cell.state;
  }

  #set(change: Partial<ChatState>): void {
    this.#cell.set(change);
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
