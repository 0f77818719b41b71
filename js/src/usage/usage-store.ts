/** The figures of a chat or a store: what is looked at, what the kernel told, what is open. */
import type { AnyModel } from "@anywidget/types";
import { requestIds } from "../request-ids";
import { Timers } from "../timers";
import { parseSavedFigures, parseUsageViewMessage } from "../wire/parse";
import type {
  UsageBar,
  UsageHead,
  UsageKernelMessage,
  UsageLook,
  UsageUpdateMessage,
  UsageViewMessage,
} from "../wire/types";

const TYPING_MS = 200;
const ANSWER_MS = 4000;
/** How long a number and its message may disagree: they are separate messages. */
const AGREE_MS = 1500;
const NO_ANSWER = "No answer from the kernel: it is busy or not running.";

/** A place in a conversation that the person wants to see. */
export interface Wanted {
  readonly conversationId: string;
  readonly first: number;
  readonly last: number;
  readonly inPlace: boolean;
}

export interface UsageState {
  /** Whether the figures are of a whole store. */
  readonly isStore: boolean;
  readonly look: UsageLook;
  /** What the bars are of: until the kernel answers, what was looked at before. */
  readonly shown: UsageLook;
  /** Null until anything is known. */
  readonly head: UsageHead | null;
  readonly bars: readonly UsageBar[];
  /** Whether the kernel keeps the figures up to date; false for what a notebook kept. */
  readonly isLive: boolean;
  readonly isLoading: boolean;
  /** A sentence about what went wrong; null when nothing did. */
  readonly trouble: string | null;
  /** The reference of the chat that is open, as the widget manager knows it. */
  readonly opened: string | null;
  /** Another object for each time that a place was found. */
  readonly wanted: Wanted | null;
}

/** What narrows the figures; nothing does. */
export const EVERYTHING = {
  ...{ conversationId: null, before: null, models: [], statuses: [] },
  ...{ sinceMs: null, untilMs: null, words: "" },
} as const satisfies Partial<UsageLook>;

/** The only mutable cell of one usage widget. */
export class UsageStore {
  readonly #model: AnyModel;
  readonly #requestId = requestIds();
  readonly #timers = new Timers();
  readonly #listeners = new Set<() => void>();
  readonly #cleanups: (() => void)[] = [];
  #state: UsageState;
  #n = 0;
  #lookRequest = "";
  #open = { requestId: "", conversationId: "", inPlace: false };

  constructor(model: AnyModel) {
    this.#model = model;
    const isStore = model.get("of") !== "chat";
    const saved = savedFigures(model);
    const by = isStore ? "time" : "step";
    const look = saved?.look ?? ({ ...EVERYTHING, by, measure: "tokens" } as const);
    this.#state = {
      ...{ isStore, look, shown: look },
      ...{ head: saved?.head ?? null, bars: saved?.bars ?? [], isLive: false, isLoading: true },
      ...{ trouble: null, opened: reference(model), wanted: null },
    };
    this.#on("msg:custom", (content) => this.#receive(content));
    this.#on("change:opened", () => this.#set({ opened: reference(model) }));
    this.#on("change:latest", () => this.#watchTheEnd());
    this.look({});
  }

  state(): UsageState {
    return this.#state;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Look at something else. */
  look(change: Partial<UsageLook>): void {
    this.#timers.cancel("typing");
    this.#set({ look: { ...this.#state.look, ...change }, isLoading: true, trouble: null });
    this.#lookRequest = this.#requestId();
    this.#send({ type: "look", requestId: this.#lookRequest, look: this.#state.look });
  }

  /** Look for conversations by their titles, once the person pauses. */
  search(words: string): void {
    this.#set({ look: { ...this.#state.look, words } });
    this.#timers.after("typing", TYPING_MS, () => this.look({}));
  }

  /** Ask where something is; with `inPlace` its conversation is opened by this widget. */
  open(conversationId: string, at: { stepId?: string; seq?: number }, inPlace: boolean): void {
    const requestId = this.#requestId();
    this.#open = { requestId, conversationId, inPlace };
    this.#set({ trouble: null, wanted: null });
    this.#send({ type: "open", requestId, conversationId, ...at, inPlace });
  }

  back(): void {
    this.#set({ wanted: null });
    this.#send({ type: "close" });
  }

  /** What was told last is on screen. */
  painted(): void {
    if (this.#state.isLive) this.#tell({ type: "painted", n: this.#n });
  }

  close(): void {
    this.#timers.close();
    for (const cleanup of this.#cleanups) cleanup();
  }

  #send(message: UsageKernelMessage): void {
    if (this.#tell(message)) this.#timers.after("answer", ANSWER_MS, () => this.#lose());
    else this.#lose();
  }

  #tell(message: UsageKernelMessage): boolean {
    try {
      this.#model.send(message);
      return true;
    } catch {
      // The kernel is gone: the model has nobody to hand it to.
      return false;
    }
  }

  #lose(): void {
    if (this.#state.isLoading || this.#open.requestId !== "") {
      const isLive = false;
      this.#set({ trouble: NO_ANSWER, isLoading: false, isLive });
    }
  }

  #receive(content: unknown): void {
    let message: UsageViewMessage;
    try {
      message = parseUsageViewMessage(content);
    } catch (error) {
      this.#set({ trouble: error instanceof Error ? error.message : String(error) });
      return;
    }
    switch (message.type) {
      case "figures": {
        // An answer to what is not looked at any more says nothing; another page's does.
        const isOld = this.#state.isLoading && message.requestId !== this.#lookRequest;
        if (isOld || this.#timers.has("typing")) return;
        this.#timers.cancel("answer");
        this.#n = message.n;
        const { look, head, bars } = message;
        this.#set({ look, shown: look, head, bars, isLive: true, isLoading: false, trouble: null });
        return;
      }
      case "update":
        this.#update(message);
        return;
      case "place": {
        if (message.requestId !== this.#open.requestId) return;
        const { conversationId, firstSeq: first, lastSeq: last } = message;
        const { inPlace } = this.#open;
        this.#settle();
        this.#set({ wanted: { conversationId, first, last, inPlace } });
        return;
      }
      case "reply":
        if (message.requestId === this.#open.requestId) this.#settle();
        else if (message.requestId !== this.#lookRequest) return;
        if (!message.accepted) {
          const trouble = message.reason ?? "That was not possible.";
          this.#set({ trouble, isLoading: false });
        }
        return;
      default:
        message satisfies never;
    }
  }

  #settle(): void {
    this.#timers.cancel("answer");
    this.#open = { ...this.#open, requestId: "" };
  }

  #update({ n, head, bars, order }: UsageUpdateMessage): void {
    if (!this.#state.isLive || this.#state.isLoading || n <= this.#n) return;
    if (n !== this.#n + 1) {
      this.look({});
      return;
    }
    this.#n = n;
    const known = new Map(this.#state.bars.map((bar) => [bar.key, bar]));
    for (const bar of bars) known.set(bar.key, bar);
    const keys = order ?? this.#state.bars.map(({ key }) => key);
    const told = keys.flatMap((key) => known.get(key) ?? []);
    this.#set({ head, bars: told });
  }

  /** A lost last message leaves no gap behind it: the number of it arrives on another way. */
  #watchTheEnd(): void {
    if (!this.#state.isLive) return;
    this.#timers.after("end", AGREE_MS, () => {
      if (Number(this.#model.get("latest")) > this.#n && !this.#state.isLoading) this.look({});
    });
  }

  #on(name: string, handler: (content: unknown) => void): void {
    this.#model.on(name as "msg:custom", handler);
    this.#cleanups.push(() => this.#model.off(name, handler));
  }

  #set(change: Partial<UsageState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }
}

function savedFigures(model: AnyModel) {
  const saved: unknown = model.get("saved");
  try {
    return saved === null || saved === undefined ? null : parseSavedFigures(saved);
  } catch {
    // Of another version: the kernel will tell.
    return null;
  }
}

function reference(model: AnyModel): string | null {
  const opened: unknown = model.get("opened");
  return typeof opened === "string" && opened !== "" ? opened : null;
}
