/** From JSON (text or data) to wire types, with errors that name the field. */

import { WireError } from "./errors";
import type {
  AgentEvent,
  AnswerSettings,
  ChatSendMessage,
  Chunk,
  ConversationHistoryResponse,
  ConversationMeta,
  KernelMessage,
  LibraryViewMessage,
  LiveEvent,
  Meter,
  QueuedText,
  SavedFigures,
  SnapshotMessage,
  StoredChunk,
  Usage,
  UsageViewMessage,
  ViewMessage,
  WsClientMessage,
  WsServerMessage,
} from "./types";
import { type DefinitionName, validate } from "./validate";

/** Read JSON text; throws a WireError if it is none. */
export function loadJson(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new WireError(`This is not JSON: ${reason}.`, { cause: error });
  }
}

function parserOf<T>(name: DefinitionName): (source: unknown) => T {
  return (source) => validate(name, typeof source === "string" ? loadJson(source) : source) as T;
}

/** Each takes JSON text or data as read from JSON, and throws a WireError if it does not fit. */
export const parseAgentEvent = parserOf<AgentEvent>("AgentEvent");
export const parseLiveEvent = parserOf<LiveEvent>("LiveEvent");
export const parseChunk = parserOf<Chunk>("Chunk");
export const parseStoredChunk = parserOf<StoredChunk>("StoredChunk");
export const parseHistoryResponse = parserOf<ConversationHistoryResponse>(
  "ConversationHistoryResponse",
);
export const parseWsClientMessage = parserOf<WsClientMessage>("WsClientMessage");
export const parseChatSendMessage = parserOf<ChatSendMessage>("ChatSendMessage");
export const parseWsServerMessage = parserOf<WsServerMessage>("WsServerMessage");
export const parseConversationMeta = parserOf<ConversationMeta>("ConversationMeta");
export const parseViewMessage = parserOf<ViewMessage>("ViewMessage");
export const parseSnapshotMessage = parserOf<SnapshotMessage>("SnapshotMessage");
export const parseAnswerSettings = parserOf<AnswerSettings>("AnswerSettings");
export const parseQueuedText = parserOf<QueuedText>("QueuedText");
export const parseUsage = parserOf<Usage>("Usage");
export const parseMeter = parserOf<Meter>("Meter");
export const parseKernelMessage = parserOf<KernelMessage>("KernelMessage");
export const parseLibraryViewMessage = parserOf<LibraryViewMessage>("LibraryViewMessage");
export const parseUsageViewMessage = parserOf<UsageViewMessage>("UsageViewMessage");
export const parseSavedFigures = parserOf<SavedFigures>("SavedFigures");
