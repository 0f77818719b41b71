/** What the store holds and offers: the state that views draw, and the person's acts. */
import type { Attachment } from "./attachments";
import type { Formulas } from "./formulas";
import type { StoredImages } from "./stored-images";
import { initialLive, type LiveState } from "./transcript/live";
import type { ConversationStatus } from "./transport";
import type {
  AnswerFacts,
  AnswerSettings,
  Meter,
  ModelsMessage,
  QueuedText,
  Usage,
} from "./wire/types";

/** Where what is shown comes from; a kernel that was there and is no more is `lost`. */
export type Connection = "waiting" | "live" | "saved" | "absent" | "lost";

/** A text of the person on its way into the conversation. */
export interface PendingText {
  readonly requestId: string;
  readonly type: "send" | "steer";
  readonly text: string;
  readonly attachments: readonly Attachment[];
  readonly isAccepted: boolean;
}

/** Why a text of the person was not taken; the text itself is in the draft again. */
export interface RefusedText {
  readonly requestId: string;
  readonly reason: string;
  /** False when nothing went wrong: the turn it was meant for ended first. */
  readonly isTrouble: boolean;
}

export interface ChatState {
  readonly live: LiveState;
  readonly connection: Connection;
  /** Empty until the kernel has said which conversation this is. */
  readonly conversationId: string;
  readonly status: ConversationStatus;
  readonly title: string;
  readonly model: string;
  /** What answers are asked for with; null until the kernel has said so. */
  readonly settings: AnswerSettings | null;
  readonly usage: Usage | null;
  readonly meter: Meter | null;
  /** What the kernel told of sections that were asked about, by their first seq. */
  readonly facts: ReadonlyMap<number, AnswerFacts | null>;
  /** The models that can be named, as far as they were asked for, by their provider. */
  readonly models: ReadonlyMap<string, ModelsMessage>;
  /** Where turns were stopped: the places of their last chunks. */
  readonly stops: ReadonlySet<number>;
  /** What the person is writing; it outlives every view. */
  readonly draft: string;
  /** The images that go with the draft. */
  readonly attachments: readonly Attachment[];
  readonly pending: readonly PendingText[];
  /** What the person typed and no model has got yet, on whatever page. */
  readonly queue: readonly QueuedText[];
  readonly refused: RefusedText | null;
  /** A sentence about the connection or an act; null when there is nothing to say. */
  readonly notice: string | null;
  /** What the kernel says about trouble outside the transcript; empty when there is none. */
  readonly kernelNotice: string;
  readonly isLoadingOlder: boolean;
}

export interface ChatStore {
  /** The typesetter of formulas, for every view of this chat. */
  readonly formulas: Formulas;
  /** The images that chunks name, for every view of this chat. */
  readonly images: StoredImages;
  /** What the person folded and unfolded, by the name of its place; it outlives every view. */
  readonly folds: Map<string, boolean>;
  state(): ChatState;
  /** Be told after each change; returns what ends it. */
  subscribe(listener: () => void): () => void;
  /** Change the draft. */
  edit(draft: string): void;
  /** Add images to the draft; what cannot be added is said in a notice. */
  attach(files: readonly File[]): Promise<void>;
  /** Take an image away from the draft. */
  detach(id: string): void;
  /** Send the draft as a message, or as steering while a turn runs. */
  submit(): void;
  /** Send a text as it is, whatever the draft, with images that the conversation has. */
  send(text: string, images?: readonly string[]): void;
  /** Put an earlier message into the draft, with its images. */
  recall(text: string, images: readonly string[]): void;
  /** Ask about the chunks of a section; `state.facts` has the answer. */
  about(firstSeq: number, lastSeq: number): void;
  /** Ask which models of a provider can be named, or of all; `state.models` has the answer. */
  listModels(provider: string): void;
  stop(): void;
  /** Take a queued text out of the queue, and into the draft to write it anew. */
  rewrite(id: string): void;
  /** Take a queued text out of the queue and drop it. */
  cancel(id: string): void;
  /** Send what was kept for the person. */
  sendQueued(): void;
  /** Give the conversation another title; resolves to why it was refused, or null. */
  rename(title: string): Promise<string | null>;
  /** Choose what the next turns are run with; resolves to why it was refused, or null. */
  configure(model: string, settings: AnswerSettings): Promise<string | null>;
  /** Ask for the chunks before the oldest one here, as far back as `from` if it is given. */
  older(from?: number): void;
  /** Tell whether the reader of a view follows the end; what is far above may go meanwhile. */
  read(view: object, isAtEnd: boolean): void;
  /** Everything in `state` is on screen: the kernel may go on. */
  painted(): void;
  close(): void;
}

/** Return whether there may be a kernel that hears. */
export function isOnline({ connection }: ChatState): boolean {
  return connection === "live" || connection === "waiting";
}

/** Return the state before anything is known. */
export function initialChatState(): ChatState {
  return {
    live: initialLive(),
    connection: "waiting",
    conversationId: "",
    status: "idle",
    title: "",
    model: "",
    settings: null,
    usage: null,
    meter: null,
    facts: new Map(),
    models: new Map(),
    stops: new Set(),
    draft: "",
    attachments: [],
    pending: [],
    queue: [],
    refused: null,
    notice: null,
    kernelNotice: "",
    isLoadingOlder: false,
  };
}
