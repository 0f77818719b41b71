/** A kernel for tests: the outermost edge, a widget model, and the events a turn would bring. */
import type { AnyModel } from "@anywidget/types";
import type { KernelMessage, LiveEvent, StoredChunk, TranscriptSnapshot } from "../wire/types";

type Handler = (...arguments_: unknown[]) => void;
type EventPart<T> = T extends LiveEvent ? Omit<T, "conversationId" | "turnId"> : never;

/** A model that keeps what was sent, and lets a test speak as the kernel. */
export class FakeModel {
  readonly sent: KernelMessage[] = [];
  /** Whether there is a kernel to send to. */
  isGone = false;
  readonly #handlers = new Map<string, Set<Handler>>();
  readonly #traits: Record<string, unknown>;

  constructor(traits: Record<string, unknown> = {}) {
    this.#traits = { status: "idle", title: "", model: "", last_seq: 0, saved: null, ...traits };
  }

  /** Return the model as a host would wrap it: another object each time. */
  proxy(): AnyModel {
    const proxy = {
      get: (name: string) => this.#traits[name],
      set: () => {},
      save_changes: () => {},
      on: (name: string, handler: Handler) => {
        const handlers = this.#handlers.get(name) ?? new Set();
        this.#handlers.set(name, handlers.add(handler));
      },
      off: (name: string, handler: Handler) => this.#handlers.get(name)?.delete(handler),
      send: (message: KernelMessage) => {
        if (this.isGone) throw new Error("Cannot send");
        this.sent.push(message);
      },
      widget_manager: {},
    };
    return proxy as unknown as AnyModel;
  }

  /** Change traits as the kernel does. */
  change(traits: Record<string, unknown>): void {
    Object.assign(this.#traits, traits);
    for (const name of Object.keys(traits)) this.#emit(`change:${name}`);
  }

  /** Say a message as it comes off the wire. */
  say(message: unknown): void {
    this.#emit("msg:custom", structuredClone(message), []);
  }

  /** Be gone, as a host tells it after a restart, or, as after a crash, does not. */
  die(isTold = true): void {
    this.isGone = true;
    if (isTold) this.#emit("comm_live_update");
  }

  listeners(): number {
    return [...this.#handlers.values()].reduce((sum, { size }) => sum + size, 0);
  }

  #emit(name: string, ...parts: unknown[]): void {
    for (const handler of this.#handlers.get(name) ?? []) handler(...parts);
  }
}

/** A model behind which turns run. */
export class FakeKernel extends FakeModel {
  next = 1;
  turnId = "t1";

  /** Answer `ready` or `resync`. */
  snapshot(transcript: Partial<TranscriptSnapshot> = {}): void {
    this.say(snapshotMessage(this.next, transcript));
  }

  /** Say the next events of the log in one message. */
  events(...events: EventPart<LiveEvent>[]): void {
    this.say(this.message(...events));
  }

  /** Number the next events without saying them. */
  message(...events: EventPart<LiveEvent>[]): Record<string, unknown> {
    const from = this.next;
    this.next += events.length;
    const ids = { conversationId: "c1", turnId: this.turnId };
    return {
      type: "events",
      from,
      upto: this.next - 1,
      events: events.map((e) => ({ ...ids, ...e })),
    };
  }

  /** Return the newest act of a kind. */
  act<T extends KernelMessage["type"]>(type: T): Extract<KernelMessage, { type: T }> {
    const found = this.sent.filter((message) => message.type === type).at(-1);
    if (!found) throw new Error(`The view sent no ${type}.`);
    return found as Extract<KernelMessage, { type: T }>;
  }

  count(type: KernelMessage["type"]): number {
    return this.sent.filter((message) => message.type === type).length;
  }
}

/** Return a snapshot as it comes off the wire. */
export function snapshotMessage(
  next: number,
  transcript: Partial<TranscriptSnapshot> = {},
): unknown {
  return {
    type: "snapshot",
    next,
    transcript: {
      ...{ committed: [], provisional: [], accumulating: null, currentTurnId: null },
      ...{ latestUsage: null, sealedTurnId: null, generating: false, providerRetry: null },
      ...transcript,
    },
    settledTools: [],
  };
}

/** Return stored text chunks, alternating between the person and the model. */
export function storedTexts(from: number, ...texts: string[]): StoredChunk[] {
  return texts.map((text, index) => ({
    seq: from + index,
    role: (from + index) % 2 === 1 ? "user" : "assistant",
    chunk: { type: "text", text },
  }));
}
