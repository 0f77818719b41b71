/**
 * Lenient reading of what a server sends: a frame that cannot be used is no frame.
 *
 * Source: the Dispatch wire contract, section 7. A newer server may send events, surface
 * fields and catalog entries that this version does not know: they do not hide the rest.
 */

import { WireError } from "./errors";
import { loadJson, parseWsServerMessage } from "./parse";
import type {
  MessageQueue,
  QueuedMessage,
  SurfaceSpec,
  UnknownDeltaMessage,
  WsServerMessage,
} from "./types";
import { type DefinitionName, validate } from "./validate";

/** The id of the message queue's surface, and of the renderer of its one field. */
export const MESSAGE_QUEUE = "message-queue";

type Fields = Readonly<Record<string, unknown>>;

/**
 * Return a server's message, or null for a frame that is to be dropped; throws nothing.
 *
 * `source` is JSON text, or data as read from JSON. Catalog entries and surface fields that
 * do not fit are left out of the message.
 */
export function readServerMessage(source: unknown): WsServerMessage | UnknownDeltaMessage | null {
  return (
    orNull(() => parseWsServerMessage(source)) ??
    orNull(() => readLeniently(typeof source === "string" ? loadJson(source) : source))
  );
}

/** Return the texts that the message queue's surface shows; null for any other surface. */
export function queuedMessages({ fields }: SurfaceSpec): readonly QueuedMessage[] | null {
  for (const field of fields) {
    if (field.kind === "custom" && field.rendererId === MESSAGE_QUEUE) {
      const queue = orNull(() => validate("MessageQueue", field.payload) as MessageQueue);
      return queue?.messages ?? null;
    }
  }
  return null;
}

function readLeniently(frame: unknown): WsServerMessage | UnknownDeltaMessage | null {
  if (!isObject(frame)) return null;
  const { type, event, catalog, update } = frame;
  if (type === "chat.delta" && isObject(event) && typeof event.type === "string") {
    const unknown = { type, event: { type: "unknown", event } };
    return validate("UnknownDeltaMessage", unknown) as UnknownDeltaMessage;
  }
  if (type === "catalog" && Array.isArray(catalog)) {
    return parseWsServerMessage({ type, catalog: fitting("SurfaceCatalogEntry", catalog) });
  }
  if (type === "surface") return parseWsServerMessage(withKnownFields(frame));
  if (type === "update" && isObject(update)) {
    return parseWsServerMessage({ ...frame, update: withKnownFields(update) });
  }
  return null;
}

function withKnownFields(holder: Fields): Fields {
  const { spec } = holder;
  if (!isObject(spec) || !Array.isArray(spec.fields)) return holder;
  return { ...holder, spec: { ...spec, fields: fitting("SurfaceField", spec.fields) } };
}

function fitting(name: DefinitionName, values: readonly unknown[]): unknown[] {
  return values.flatMap((value) => orNull(() => [validate(name, value)]) ?? []);
}

function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    // JSON that is nested without end overflows the stack, which is a RangeError.
    if (error instanceof WireError || error instanceof RangeError) return null;
    throw error;
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
