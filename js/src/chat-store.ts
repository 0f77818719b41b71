/**
 * The only mutable cell of the front end: folds the kernel's numbered events, notices gaps,
 * keeps the person's acts until the kernel answers them, and tells the views.
 */
import {
  type ChatState,
  type ChatStore,
  initialChatState,
  type PendingText,
  settlePending,
} from "./chat-state";
import { foldLive, fromSnapshot, type LiveState, mergeHistory } from "./transcript/live";
import type { ConversationStatus, Traits, Transport } from "./transport";
import type { EventsMessage, ReplyMessage, ViewMessage } from "./wire/types";

const READY_MS = 2000;
const STOP_MS = 1000;
const RESYNC_MS = 3000;

export const BUSY = "The kernel is busy: use the notebook's interrupt button";

/** Return the store of one conversation behind `transport`; it asks for a snapshot at once. */
export function createChatStore(transport: Transport): ChatStore {
  return new TransportChatStore(transport);
}

class TransportChatStore implements ChatStore {
  #state = initialChatState();
  #next: number | null = null;
  #acked = 0;
  #lastSeq = 0;
  #kernelStatus: ConversationStatus = "idle";
  #stopRequest: string | null = null;
  #requests = 0;
  readonly #prefix = requestPrefix();
  readonly #listeners = new Set<() => void>();
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #transport: Transport;
  readonly #disconnect: () => void;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#disconnect = transport.connect({
      message: (message) => this.#receive(message),
      traits: (traits) => this.#takeTraits(traits),
      unreadable: (reason) => this.#unreadable(reason),
    });
    transport.send({ type: "ready" });
    this.#after("ready", READY_MS, () => this.#nobodyAnswered());
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

  submit(): void {
    const text = this.#state.draft.trim();
    if (text === "" || !this.#canSend()) return;
    const type = this.#state.status === "idle" ? "send" : "steer";
    const requestId = this.#requestId();
    const pending = [...this.#state.pending, { requestId, type, text, isAccepted: false } as const];
    this.#set({ draft: "", pending, refused: null, notice: null });
    this.#transport.send({ type, requestId, text });
  }

  stop(): void {
    if (this.#state.status !== "running") return;
    this.#stopRequest = this.#requestId();
    this.#transport.send({ type: "stop", requestId: this.#stopRequest });
    this.#after("stop", STOP_MS, () => this.#set({ notice: BUSY }));
    this.#set({ status: "stopping" });
  }

  older(): void {
    const before = this.#state.live.transcript.committed.at(0)?.seq;
    if (this.#next === null || this.#state.isLoadingOlder || !before || before <= 1) return;
    this.#transport.send({ type: "older", before });
    this.#set({ isLoadingOlder: true });
  }

  painted(): void {
    if (this.#next === null || this.#next - 1 <= this.#acked) return;
    this.#acked = this.#next - 1;
    this.#transport.send({ type: "ack", upto: this.#acked });
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#listeners.clear();
    this.#disconnect();
  }

  #receive(message: ViewMessage): void {
    switch (message.type) {
      case "snapshot":
        this.#cancel("ready");
        this.#cancel("resync");
        this.#next = message.next;
        // The kernel counts every snapshot as unpainted, also one that changes nothing.
        this.#acked = 0;
        this.#set({
          live: withOlder(fromSnapshot(message), this.#state.live),
          connection: "live",
          status: this.#kernelStatus,
          pending: this.#state.pending.filter(({ isAccepted }) => !isAccepted),
          isLoadingOlder: false,
        });
        return;
      case "events":
        this.#fold(message);
        return;
      case "history":
        this.#set({ live: mergeHistory(this.#state.live, message.chunks), isLoadingOlder: false });
        return;
      case "reply":
        this.#answer(message);
        return;
      default:
        message satisfies never;
    }
  }

  #fold(message: EventsMessage): void {
    if (this.#next === null || message.upto < this.#next) return;
    if (message.from !== this.#next) {
      this.#resync();
      return;
    }
    this.#cancel("resync");
    let { live, pending } = this.#state;
    for (const event of message.events) {
      live = foldLive(live, event);
      pending = settlePending(pending, event);
    }
    this.#next = message.upto + 1;
    this.#set({ live, pending });
    this.#watchTheEnd();
  }

  /** Ask for what is missing, again and again until it comes. */
  #resync(): void {
    if (this.#next === null || this.#timers.has("resync")) return;
    this.#transport.send({ type: "resync", from: this.#next });
    this.#after("resync", RESYNC_MS, () => this.#resync());
  }

  /** A lost last message leaves no gap behind it: only the traits tell that something is missing. */
  #watchTheEnd(): void {
    this.#cancel("end");
    if (this.#next !== null && !this.#isComplete()) {
      this.#after("end", RESYNC_MS, () => {
        if (!this.#isComplete()) this.#resync();
      });
    }
  }

  #isComplete(): boolean {
    const { live, status } = this.#state;
    const last = live.transcript.committed.at(-1)?.seq ?? 0;
    return last >= this.#lastSeq && !(status === "idle" && live.transcript.generating);
  }

  #answer(reply: ReplyMessage): void {
    if (reply.requestId === this.#stopRequest) {
      this.#stopRequest = null;
      this.#cancel("stop");
      this.#set({ notice: reply.accepted ? null : (reply.reason ?? "There is nothing to stop.") });
      return;
    }
    const act = this.#state.pending.find(({ requestId }) => requestId === reply.requestId);
    if (!act) return;
    if (reply.accepted) {
      const pending = this.#state.pending.map((each) =>
        each === act ? { ...each, isAccepted: true } : each,
      );
      this.#set({ pending });
      return;
    }
    this.#giveBack(act, reply.reason ?? "The message was not taken.");
  }

  /** Put a text that did not arrive back before whatever was written since. */
  #giveBack(act: PendingText, reason: string): void {
    const { pending, draft } = this.#state;
    this.#set({
      pending: pending.filter((each) => each !== act),
      draft: draft.trim() === "" ? act.text : `${act.text}\n\n${draft}`,
      refused: { requestId: act.requestId, reason },
    });
  }

  #takeTraits(traits: Traits): void {
    // Until the kernel speaks for itself, show what the notebook kept.
    const saved = this.#next === null ? traits.saved() : null;
    const { title, model, usage, status } = traits;
    const { notice, live } = this.#state;
    const isOver = notice === BUSY && status === "idle";
    this.#lastSeq = traits.lastSeq;
    this.#kernelStatus = status;
    this.#set({
      ...{ title, model, usage },
      status: this.#canSend() ? status : "idle",
      notice: isOver ? null : notice,
      kernelNotice: traits.notice,
      live: saved ? fromSnapshot(saved) : live,
    });
    if (status === "idle") this.#cancel("stop");
    this.#watchTheEnd();
  }

  #canSend(): boolean {
    const { connection } = this.#state;
    return connection === "live" || connection === "waiting";
  }

  #unreadable(reason: string): void {
    this.#set({ notice: `A message of the kernel could not be read: ${reason}` });
    this.#resync();
  }

  #nobodyAnswered(): void {
    const isKept = this.#state.live.transcript.committed.length > 0;
    this.#set({ connection: isKept ? "saved" : "absent", status: "idle" });
  }

  #set(change: Partial<ChatState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }

  #requestId(): string {
    this.#requests += 1;
    return `${this.#prefix}-${this.#requests}`;
  }

  #after(name: string, milliseconds: number, act: () => void): void {
    this.#cancel(name);
    const run = () => {
      this.#timers.delete(name);
      act();
    };
    this.#timers.set(name, setTimeout(run, milliseconds));
  }

  #cancel(name: string): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}

/** Keep the older pages that the person asked for when a snapshot brings the newest ones only. */
function withOlder(live: LiveState, before: LiveState): LiveState {
  const first = live.transcript.committed.at(0)?.seq ?? 0;
  const known = before.transcript.committed;
  const isJoined = (known.at(-1)?.seq ?? 0) >= first - 1;
  return isJoined
    ? mergeHistory(
        live,
        [...known].filter(({ seq }) => seq < first),
      )
    : live;
}

/** Two pages may act on one conversation: what they ask must not be mixed up. */
function requestPrefix(): string {
  return crypto
    .getRandomValues(new Uint32Array(2))
    .reduce((word, part) => word + part.toString(36), "");
}
