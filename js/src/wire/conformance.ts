/**
 * One stable label per variant, exhaustive under the compiler.
 *
 * Source: the Dispatch wire contract, section 6. The seed's guards stay pinned at the
 * seed's variants; the wider ones know every variant. An unknown value is an error, never
 * a made-up label.
 */

import { UnknownVariantError } from "./errors";
import type {
  AgentEvent,
  Chunk,
  SeedAgentEvent,
  SeedChunk,
  SeedWsClientMessage,
  SeedWsServerMessage,
  WsClientMessage,
  WsServerMessage,
} from "./types";

function unknown(value: never, union: string): never {
  const label: unknown = (value as { type?: unknown } | null)?.type;
  throw new UnknownVariantError(
    `${JSON.stringify(label) ?? "A value without a type"} is not a variant of ${union} that this version knows.`,
  );
}

/** Return the label of one of the seed's eleven events. */
export function assertAgentEventExhaustive(event: SeedAgentEvent): SeedAgentEvent["type"] {
  switch (event.type) {
    case "status":
    case "turn-start":
    case "text-delta":
    case "reasoning-delta":
    case "tool-call":
    case "tool-result":
    case "tool-output":
    case "usage":
    case "error":
    case "done":
    case "turn-sealed":
      return event.type;
    default:
      return unknown(event, "the seed's AgentEvent");
  }
}

/** Return the label of one of the fifteen events. */
export function agentEventLabel(event: AgentEvent): AgentEvent["type"] {
  switch (event.type) {
    case "user-message":
    case "step-complete":
    case "steering":
    case "provider-retry":
      return event.type;
    default:
      return assertAgentEventExhaustive(event);
  }
}

/** Return the label of one of the seed's six chunks. */
export function assertChunkExhaustive(chunk: SeedChunk): SeedChunk["type"] {
  switch (chunk.type) {
    case "text":
    case "thinking":
    case "tool-call":
    case "tool-result":
    case "error":
    case "system":
      return chunk.type;
    default:
      return unknown(chunk, "the seed's Chunk");
  }
}

/** Return the label of any chunk. */
export function chunkLabel(chunk: Chunk): Chunk["type"] {
  return chunk.type === "image" ? chunk.type : assertChunkExhaustive(chunk);
}

/** Return the label of one of the seed's six server messages. */
export function assertWsServerMessageExhaustive(
  message: SeedWsServerMessage,
): SeedWsServerMessage["type"] {
  switch (message.type) {
    case "catalog":
    case "surface":
    case "update":
    case "error":
    case "chat.delta":
    case "chat.error":
      return message.type;
    default:
      return unknown(message, "the seed's server messages");
  }
}

/** Return the label of any server message. */
export function wsServerMessageLabel(message: WsServerMessage): WsServerMessage["type"] {
  switch (message.type) {
    case "conversation.open":
    case "conversation.statusChanged":
    case "conversation.compacted":
      return message.type;
    default:
      return assertWsServerMessageExhaustive(message);
  }
}

/** Return the label of one of the seed's four client messages. */
export function assertWsClientMessageExhaustive(
  message: SeedWsClientMessage,
): SeedWsClientMessage["type"] {
  switch (message.type) {
    case "subscribe":
    case "unsubscribe":
    case "invoke":
    case "chat.send":
      return message.type;
    default:
      return unknown(message, "the seed's client messages");
  }
}

/** Return the label of any client message. */
export function wsClientMessageLabel(message: WsClientMessage): WsClientMessage["type"] {
  switch (message.type) {
    case "chat.subscribe":
    case "chat.unsubscribe":
    case "chat.queue":
    case "chat.queue.cancel":
      return message.type;
    default:
      return assertWsClientMessageExhaustive(message);
  }
}
