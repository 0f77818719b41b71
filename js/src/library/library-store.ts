/** The list of a store's conversations: what was found, what is looked for, what is open. */
import type { AnyModel } from "@anywidget/types";
import { requestIds } from "../request-ids";
import { Timers } from "../timers";
import { parseLibraryViewMessage } from "../wire/parse";
import type { LibraryKernelMessage, LibraryViewMessage, ListedConversation } from "../wire/types";

const PAGE = 50;
const TYPING_MS = 150;
const ANSWER_MS = 4000;
const NO_ANSWER = "No answer from the kernel: it is busy or not running.";

export interface LibraryState {
  readonly location: string;
  readonly query: string;
  readonly rows: readonly ListedConversation[];
  readonly total: number;
  readonly isLoading: boolean;
  /** A sentence about what went wrong; null when nothing did. */
  readonly trouble: string | null;
  /** The reference of the chat that is open, as the widget manager knows it. */
  readonly opened: string | null;
}

/** The only mutable cell of one list. */
export class LibraryStore {
  readonly #model: AnyModel;
  readonly #requestId = requestIds();
  readonly #timers = new Timers();
  readonly #listeners = new Set<() => void>();
  readonly #cleanups: (() => void)[] = [];
  #state: LibraryState;
  #listRequest = "";
  #offset = 0;
  #openRequest = "";

  constructor(model: AnyModel) {
    this.#model = model;
    this.#state = {
      ...{ location: String(model.get("location") ?? ""), query: "", rows: [], total: 0 },
      ...{ isLoading: true, trouble: null, opened: reference(model) },
    };
    this.#on("msg:custom", (content) => this.#receive(content));
    this.#on("change:opened", () => this.#set({ opened: reference(model) }));
    this.#on("change:revision", () => this.#list(0, Math.max(PAGE, this.#state.rows.length)));
    this.#list(0);
  }

  state(): LibraryState {
    return this.#state;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Look for something else, once the person pauses. */
  look(query: string): void {
    this.#set({ query });
    this.#timers.after("typing", TYPING_MS, () => this.#list(0));
  }

  more(): void {
    if (!this.#state.isLoading) this.#list(this.#state.rows.length);
  }

  refresh(): void {
    this.#list(0, Math.max(PAGE, this.#state.rows.length));
  }

  open(conversationId: string): void {
    this.#openRequest = this.#requestId();
    this.#set({ trouble: null });
    this.#send({ type: "open", requestId: this.#openRequest, conversationId });
  }

  back(): void {
    this.#send({ type: "close" });
  }

  close(): void {
    this.#timers.close();
    for (const cleanup of this.#cleanups) cleanup();
  }

  #list(offset: number, limit = PAGE): void {
    this.#timers.cancel("typing");
    this.#listRequest = this.#requestId();
    this.#offset = offset;
    this.#set({ isLoading: true });
    const { query } = this.#state;
    this.#send({ type: "list", requestId: this.#listRequest, query, offset, limit });
  }

  #send(message: LibraryKernelMessage): void {
    try {
      this.#model.send(message);
      this.#timers.after("answer", ANSWER_MS, () => this.#lose());
    } catch {
      // The kernel is gone: the model has nobody to hand it to.
      this.#lose();
    }
  }

  #lose(): void {
    if (this.#state.isLoading || this.#openRequest !== "") {
      this.#set({ trouble: NO_ANSWER, isLoading: false });
    }
  }

  #receive(content: unknown): void {
    let message: LibraryViewMessage;
    try {
      message = parseLibraryViewMessage(content);
    } catch (error) {
      this.#set({ trouble: error instanceof Error ? error.message : String(error) });
      return;
    }
    this.#timers.cancel("answer");
    if (message.type === "listing") {
      // An answer to what is not looked for any more says nothing.
      if (message.requestId !== this.#listRequest) return;
      const before = this.#state.rows.slice(0, this.#offset);
      const { total } = message;
      this.#set({ rows: [...before, ...message.rows], total, isLoading: false, trouble: null });
    } else if (message.requestId === this.#openRequest) {
      this.#openRequest = "";
      if (!message.accepted) this.#set({ trouble: message.reason ?? "It could not be opened." });
    }
  }

  #on(name: string, handler: (content: unknown) => void): void {
    this.#model.on(name as "msg:custom", handler);
    this.#cleanups.push(() => this.#model.off(name, handler));
  }

  #set(change: Partial<LibraryState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }
}

function reference(model: AnyModel): string | null {
  const opened: unknown = model.get("opened");
  return typeof opened === "string" && opened !== "" ? opened : null;
}
