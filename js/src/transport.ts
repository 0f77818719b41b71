/** The anywidget model as a port: messages and traits are checked before anyone sees them. */
import type { AnyModel } from "@anywidget/types";
import {
  parseAnswerSettings,
  parseMeter,
  parseQueuedText,
  parseSnapshotMessage,
  parseUsage,
  parseViewMessage,
} from "./wire/parse";
import type {
  AnswerSettings,
  KernelMessage,
  Meter,
  QueuedText,
  SnapshotMessage,
  Usage,
  ViewMessage,
} from "./wire/types";

export type ConversationStatus = "idle" | "running" | "stopping";

/** What the kernel keeps on the model for everyone, also for a notebook without a kernel. */
export interface Traits {
  readonly conversationId: string;
  readonly status: ConversationStatus;
  readonly title: string;
  readonly model: string;
  readonly settings: AnswerSettings | null;
  /** Trouble outside the transcript, in a sentence; empty when there is none. */
  readonly notice: string;
  /** What the person typed and no model has got yet. */
  readonly queue: readonly QueuedText[];
  readonly lastSeq: number;
  readonly usage: Usage | null;
  readonly meter: Meter | null;
  /** The last chunks of turns that were stopped, by their seq. */
  readonly stops: readonly number[];
  /** Read what the notebook kept; it is large, and needed only until the kernel answers. */
  saved(): SnapshotMessage | null;
}

/** Who hears what comes from the kernel. */
export interface Receiver {
  message(message: ViewMessage): void;
  traits(traits: Traits): void;
  /** The host says that there is a kernel to send to again, or none any more. */
  connected(): void;
  /** Something arrived that is not what the protocol says; `reason` names the field. */
  unreadable(reason: string): void;
}

/** The port that the chat store speaks through. */
export interface Transport {
  /** Hand a message to the kernel; false if there is none to hand it to. */
  send(message: KernelMessage): boolean;
  /** Hear everything from now on; returns what ends it. Traits are told at once. */
  connect(receiver: Receiver): () => void;
}

const TRAITS = [
  ...["conversation_id", "status", "title", "model", "settings", "notice"],
  ...["queue", "last_seq", "totals", "meter", "stops", "saved"],
] as const;
/** How a host's widget models tell that their kernel was restarted. */
const CONNECTED = "comm_live_update";
const STATUSES = new Set<unknown>(["idle", "running", "stopping"]);

/** Return the transport over a widget model. */
export function modelTransport(model: AnyModel): Transport {
  return {
    send(message) {
      try {
        model.send(message);
        return true;
      } catch {
        // The kernel is gone: the model has nobody to hand it to.
        return false;
      }
    },
    connect(receiver) {
      const receive = (content: unknown) => {
        const message = attempt(() => parseViewMessage(content), receiver);
        if (message) receiver.message(message);
      };
      const tell = () => receiver.traits(readTraits(model, receiver));
      model.on("msg:custom", receive);
      const connected = () => receiver.connected();
      for (const name of TRAITS) model.on(`change:${name}`, tell);
      model.on(CONNECTED, connected);
      tell();
      return () => {
        model.off("msg:custom", receive);
        for (const name of TRAITS) model.off(`change:${name}`, tell);
        model.off(CONNECTED, connected);
      };
    },
  };
}

function readTraits(model: AnyModel, receiver: Receiver): Traits {
  const status: unknown = model.get("status");
  const lastSeq: unknown = model.get("last_seq");
  const usage: unknown = model.get("totals");
  const meter: unknown = model.get("meter");
  const stops: unknown = model.get("stops");
  const queue: unknown = model.get("queue");
  const settings: unknown = model.get("settings");
  return {
    conversationId: text(model.get("conversation_id")),
    status: STATUSES.has(status) ? (status as ConversationStatus) : "idle",
    title: text(model.get("title")),
    model: text(model.get("model")),
    settings: isFilled(settings) ? attempt(() => parseAnswerSettings(settings), receiver) : null,
    notice: text(model.get("notice")),
    queue: Array.isArray(queue) ? (attempt(() => queue.map(parseQueuedText), receiver) ?? []) : [],
    lastSeq: typeof lastSeq === "number" ? lastSeq : 0,
    stops: Array.isArray(stops) ? stops.filter((seq) => typeof seq === "number") : [],
    meter: isFilled(meter) ? attempt(() => parseMeter(meter), receiver) : null,
    usage: isFilled(usage) ? attempt(() => parseUsage(usage), receiver) : null,
    saved: () => {
      const saved: unknown = model.get("saved");
      return isFilled(saved) ? attempt(() => parseSnapshotMessage(saved), receiver) : null;
    },
  };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function isFilled(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

function attempt<T>(parse: () => T, receiver: Receiver): T | null {
  try {
    return parse();
  } catch (error) {
    receiver.unreadable(error instanceof Error ? error.message : String(error));
    return null;
  }
}
