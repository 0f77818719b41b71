// Generated from the pydantic models in dispatch_nb/wire by `npm run types`.

/** Any JSON value. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** The person wants to know about the chunks `first_seq` … `last_seq`. */
export interface AboutMessage {
  readonly type: "about";
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** The text or thinking that is still growing. */
export interface AccumulatingChunk {
  readonly kind: "text" | "thinking";
  readonly text: string;
  readonly turnId: string;
}

/** Everything up to event `upto` is painted. */
export interface AckMessage {
  readonly type: "ack";
  readonly upto: number;
}

/** Which action a field invokes. */
export interface ActionRef {
  readonly actionId: string;
}

export type AgentEvent =
  | StatusEvent
  | TurnStartEvent
  | TextDeltaEvent
  | ReasoningDeltaEvent
  | ToolCallEvent
  | ToolResultEvent
  | ToolOutputEvent
  | UsageEvent
  | ErrorEvent
  | DoneEvent
  | TurnSealedEvent
  | UserMessageEvent
  | StepCompleteEvent
  | SteeringEvent
  | ProviderRetryEvent;

/** What is known of the steps that made some chunks; `at_ms` is Unix time. */
export interface AnswerFacts {
  readonly atMs?: number;
  readonly model?: string;
  readonly steps: number;
  readonly usage?: Usage;
  readonly reasoningTokens?: number;
  readonly isLowerBound: boolean;
  readonly costUsd?: number;
  readonly ttftMs?: number;
  readonly tokensPerSecond?: number;
  readonly generatedMs?: number;
}

/** What the next answers are asked for with; null is the API's own choice. */
export interface AnswerSettings {
  readonly temperature: number | null;
  readonly topP: number | null;
  readonly maxTokens: number | null;
  readonly seed: number | null;
  readonly reasoningEffort: ReasoningEffort | null;
}

/** An action without a value. */
export interface ButtonField {
  readonly kind: "button";
  readonly label: string;
  readonly action: ActionRef;
}

/** The person takes the queued text `id` back, to write it anew or to drop it. */
export interface CancelQueuedMessage {
  readonly type: "cancel-queued";
  readonly requestId: string;
  readonly id: string;
}

/** Every surface the server offers. */
export interface CatalogMessage {
  readonly type: "catalog";
  readonly catalog: readonly SurfaceCatalogEntry[];
}

/** One live event of a conversation. */
export interface ChatDeltaMessage {
  readonly type: "chat.delta";
  readonly event: AgentEvent;
}

/** A chat operation could not start. */
export interface ChatErrorMessage {
  readonly type: "chat.error";
  readonly message: string;
  readonly conversationId?: string;
}

/** An image sent along with a message. */
export interface ChatImage {
  readonly url: string;
  readonly mimeType?: string;
}

/** Chunks of one role that belong together, as a provider sees them. */
export interface ChatMessage {
  readonly role: Role;
  readonly chunks: readonly Chunk[];
}

/** Take one queued text back. */
export interface ChatQueueCancelMessage {
  readonly type: "chat.queue.cancel";
  readonly conversationId: string;
  readonly messageId: string;
}

/** Text for the running turn, or for the next one. */
export interface ChatQueueMessage {
  readonly type: "chat.queue";
  readonly conversationId: string;
  readonly text: string;
  readonly workspaceId?: string;
}

/** A ChatRequest on the socket. */
export interface ChatSendMessage {
  readonly message: string;
  readonly conversationId?: string;
  readonly model?: string;
  readonly cwd?: string;
  readonly reasoningEffort?: ReasoningEffort;
  readonly workspaceId?: string;
  readonly computerId?: string;
  readonly images?: readonly ChatImage[];
  readonly type: "chat.send";
}

/** Ask for the live events of a conversation. */
export interface ChatSubscribeMessage {
  readonly type: "chat.subscribe";
  readonly conversationId: string;
}

/** Stop the live events of a conversation. */
export interface ChatUnsubscribeMessage {
  readonly type: "chat.unsubscribe";
  readonly conversationId: string;
}

export type Chunk =
  | TextChunk
  | ThinkingChunk
  | ToolCallChunk
  | ToolResultChunk
  | ErrorChunk
  | SystemChunk
  | ImageChunk;

/**
 * The text or thinking that streams is complete; what its API wants back came with it.
 *
 * Without such a chunk, or with `alone`, an empty chunk of that `kind` stands for what
 * cannot be read. `data` is absent on the way to a view.
 */
export interface ChunkDetailEvent {
  readonly conversationId: string;
  readonly turnId: string;
  readonly type: "nb.chunk-detail";
  readonly kind: "text" | "thinking";
  readonly alone: boolean;
  readonly provider: string;
  readonly data?: Json;
}

/**
 * The oldest `count` uncommitted chunks of this turn are stored.
 *
 * They have the `seq` numbers ``first_seq``, ``first_seq + 1``, … in the order in which
 * the turn's events built them. `step_id` is absent for the prompt and for steering.
 */
export interface ChunksCommittedEvent {
  readonly conversationId: string;
  readonly turnId: string;
  readonly type: "nb.chunks-committed";
  readonly firstSeq: number;
  readonly count: number;
  readonly stepId?: string;
}

/** The person goes back to the list. */
export interface CloseConversationMessage {
  readonly type: "close";
}

/** The person goes back to the figures. */
export interface CloseTranscriptMessage {
  readonly type: "close";
}

/** The person chooses what the next turns are run with. */
export interface ConfigureMessage {
  readonly type: "configure";
  readonly requestId: string;
  readonly model: string;
  readonly settings: AnswerSettings;
}

/** A conversation's log was rewritten: drop what is cached and load afresh. */
export interface ConversationCompactedMessage {
  readonly type: "conversation.compacted";
  readonly conversationId: string;
  readonly newConversationId: string;
  readonly messagesSummarized: number;
  readonly messagesKept: number;
}

/**
 * Committed chunks, ascending by `seq`.
 *
 * `latest_seq` is the last chunk's `seq`, or the requested `since_seq` when empty.
 */
export interface ConversationHistoryResponse {
  readonly chunks: readonly StoredChunk[];
  readonly latestSeq: number;
}

/**
 * One conversation in a list; times are milliseconds since the epoch.
 *
 * `workspace_id` is absent in older backends; `compacted_from` names the conversation
 * that holds the log from before a compaction.
 */
export interface ConversationMeta {
  readonly id: string;
  readonly createdAt: number;
  readonly lastActivityAt: number;
  readonly title: string;
  readonly status: ConversationStatus;
  readonly workspaceId?: string;
  readonly compactedFrom?: string;
}

/** Every client is asked to show a conversation. */
export interface ConversationOpenMessage {
  readonly type: "conversation.open";
  readonly conversationId: string;
  readonly workspaceId?: string;
}

export type ConversationStatus = "active" | "queued" | "idle" | "closed";

/** A conversation's status changed; not ordered with its events. */
export interface ConversationStatusChangedMessage {
  readonly type: "conversation.statusChanged";
  readonly conversationId: string;
  readonly status: ConversationStatus;
  readonly workspaceId?: string;
}

/** Data for a renderer that both ends know by id. */
export interface CustomField {
  readonly kind: "custom";
  readonly rendererId: string;
  readonly payload: Json;
}

/** The model loop ended; `reason` is an open vocabulary. */
export interface DoneEvent {
  readonly conversationId: string;
  readonly turnId: string;
  readonly type: "done";
  readonly reason: string;
  readonly durationMs?: number;
  readonly usage?: Usage;
  readonly contextSize?: number;
}

/** A failure that is part of the transcript. */
export interface ErrorChunk {
  readonly type: "error";
  readonly message: string;
  readonly code?: string;
}

/** A failure during the turn. */
export interface ErrorEvent {
  readonly conversationId: string;
  readonly turnId: string;
  readonly type: "error";
  readonly message: string;
  readonly code?: string;
}

/**
 * Consecutive events `from` … `upto` (both included) of the log, adjacent deltas joined.
 *
 * Without events, and with `upto` one less than `from`, it asks whether the view has
 * painted everything up to there: the answer is an `ack`, or a `resync`.
 */
export interface EventsMessage {
  readonly type: "events";
  readonly from: number;
  readonly upto: number;
  readonly events: readonly LiveEvent[];
}

export type ExtensionEvent =
  | ChunksCommittedEvent
  | PromptSentEvent
  | PromptImagesEvent
  | RequestToldEvent
  | ChunkDetailEvent
  | ToolInputDeltaEvent
  | ToolSettledEvent
  | TurnRefusedEvent;

/** The answer to `about`; `facts` is absent where nothing is stored. */
export interface FactsMessage {
  readonly type: "facts";
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly facts?: AnswerFacts;
}

/** A view needs a part of the front end that is loaded on first use. */
export interface FetchMessage {
  readonly type: "fetch";
  readonly name: "typeset";
}

/** The figures that were asked for; message `n` of this widget. */
export interface FiguresMessage {
  readonly type: "figures";
  readonly n: number;
  readonly requestId: string;
  readonly look: UsageLook;
  readonly head: UsageHead;
  readonly bars: readonly UsageBar[];
}

/** A part of the front end that a view asked for, as the text of its module. */
export interface FileMessage {
  readonly type: "file";
  readonly name: "typeset";
  readonly text: string;
}

/** Committed chunks: an older page, or a tail. */
export interface HistoryMessage {
  readonly type: "history";
  readonly chunks: readonly StoredChunk[];
  readonly latestSeq: number;
}

/** An image, by data URL, http(s) URL or a path the server understands. */
export interface ImageChunk {
  readonly type: "image";
  readonly url: string;
  readonly mimeType?: string;
}

/** The image that a chunk's `url` names, as a URL that holds it; absent if it is not there. */
export interface ImageMessage {
  readonly type: "image";
  readonly url: string;
  readonly data?: string;
}

/** Call an action of a surface. */
export interface InvokeMessage {
  readonly type: "invoke";
  readonly surfaceId: string;
  readonly actionId: string;
  readonly payload?: Json;
  readonly conversationId?: string;
}

export type KernelMessage =
  | ReadyMessage
  | ResyncMessage
  | AckMessage
  | SendMessage
  | SteerMessage
  | CancelQueuedMessage
  | SendQueuedMessage
  | StopMessage
  | RenameMessage
  | ConfigureMessage
  | OlderMessage
  | WantImageMessage
  | FetchMessage
  | AboutMessage
  | ListModelsMessage;

export type LibraryKernelMessage = ListConversationsMessage | OpenConversationMessage | CloseConversationMessage;

export type LibraryViewMessage = ListingMessage | ReplyMessage;

/** A view wants lines `offset` … of the conversations that hold `query`, newest first. */
export interface ListConversationsMessage {
  readonly type: "list";
  readonly requestId: string;
  readonly query: string;
  readonly offset: number;
  readonly limit: number;
}

/** A view wants to suggest the models of a provider; an empty name means those of all. */
export interface ListModelsMessage {
  readonly type: "list-models";
  readonly provider: string;
}

/**
 * One line of the list.
 *
 * `cost_usd` is null where no price is known; with `is_cost_partial` the real cost is higher.
 * `updated_ms` is the time of the last change, milliseconds since 1970 in UTC.
 */
export interface ListedConversation {
  readonly id: string;
  readonly title: string;
  readonly model: string;
  readonly updatedMs: number;
  readonly turns: number;
  readonly tokens: number;
  readonly costUsd: number | null;
  readonly isCostPartial: boolean;
}

/** The lines that were asked for, of `total` that there are. */
export interface ListingMessage {
  readonly type: "listing";
  readonly requestId: string;
  readonly total: number;
  readonly rows: readonly ListedConversation[];
}

export type LiveEvent =
  | StatusEvent
  | TurnStartEvent
  | TextDeltaEvent
  | ReasoningDeltaEvent
  | ToolCallEvent
  | ToolResultEvent
  | ToolOutputEvent
  | UsageEvent
  | ErrorEvent
  | DoneEvent
  | TurnSealedEvent
  | UserMessageEvent
  | StepCompleteEvent
  | SteeringEvent
  | ProviderRetryEvent
  | ChunksCommittedEvent
  | PromptSentEvent
  | PromptImagesEvent
  | RequestToldEvent
  | ChunkDetailEvent
  | ToolInputDeltaEvent
  | ToolSettledEvent
  | TurnRefusedEvent;

/** A view looks at something, and wants to be told of it from now on. */
export interface LookMessage {
  readonly type: "look";
  readonly requestId: string;
  readonly look: UsageLook;
}

/** The payload of the message queue's surface; without messages nothing waits. */
export interface MessageQueue {
  readonly messages: readonly QueuedMessage[];
}

/** How full the context is, and what the newest turn and the whole conversation cost. */
export interface Meter {
  readonly contextSize?: number;
  readonly contextWindow?: number;
  readonly turnCostUsd?: number;
  readonly costUsd?: number;
}

/** The answer to `list-models`; `reason` says why a server could not be asked for its list. */
export interface ModelsMessage {
  readonly type: "models";
  readonly provider: string;
  readonly models: readonly OfferedModel[];
  readonly reason?: string;
}

/** A number; invoking it sends the new one. */
export interface NumberField {
  readonly kind: "number";
  readonly label: string;
  readonly value: number;
  readonly action: ActionRef;
  readonly min?: number;
  readonly max?: number;
  readonly step?: number;
  readonly unit?: string;
}

/** A model that can be named; prices are US dollars per million tokens, absent if unknown. */
export interface OfferedModel {
  readonly name: string;
  readonly contextWindow?: number;
  readonly inputUsd?: number;
  readonly outputUsd?: number;
}

/**
 * The person scrolled to chunks older than `before` (a seq).
 *
 * With `from`, the person goes to that chunk: the answer reaches back to it, as far as a
 * page can.
 */
export interface OlderMessage {
  readonly type: "older";
  readonly before: number;
  readonly from?: number;
}

/** The person opens a conversation; the view then shows the chat that is `opened`. */
export interface OpenConversationMessage {
  readonly type: "open";
  readonly requestId: string;
  readonly conversationId: string;
}

/**
 * The person wants to read a conversation, at a step or at chunk `seq` if one is named.
 *
 * The answer is a `place`, or a `reply` that refuses. With `in_place` the widget opens the
 * conversation itself; without it, it is on the page already.
 */
export interface OpenTranscriptMessage {
  readonly type: "open";
  readonly requestId: string;
  readonly conversationId: string;
  readonly stepId?: string;
  readonly seq?: number;
  readonly inPlace: boolean;
}

/** Message `n` is on screen. */
export interface PaintedMessage {
  readonly type: "painted";
  readonly n: number;
}

/** Where in its conversation a step is: chunks `first_seq` … `last_seq`. */
export interface PlaceMessage {
  readonly type: "place";
  readonly requestId: string;
  readonly conversationId: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** A share between 0 and 1. */
export interface ProgressField {
  readonly kind: "progress";
  readonly label: string;
  readonly value: number;
}

/** The images of the prompt, in their order behind its text: a chunk each. */
export interface PromptImagesEvent {
  readonly conversationId: string;
  readonly turnId: string;
  readonly type: "nb.prompt-images";
  readonly images: readonly ImageChunk[];
}

/**
 * The next `user-message` of this turn is the prompt that its sender knows by this id.
 *
 * The two are written and shown as one.
 */
export interface PromptSentEvent {
  readonly conversationId: string;
  readonly turnId: string;
  readonly type: "nb.prompt-sent";
  readonly clientMessageId: string;
}

/** A provider failure will be retried after `delay_ms`; `attempt` is 0-based. */
export interface ProviderRetryEvent {
  readonly conversationId: string;
  readonly turnId: string;
  readonly type: "provider-retry";
  readonly attempt: number;
  readonly delayMs: number;
  readonly message: string;
  readonly code?: string;
}

/** A chunk that a turn's events built and that has no `seq` yet. */
export interface ProvisionalChunk {
  readonly role: Role;
  readonly chunk: Chunk;
  readonly turnId: string;
}

/** A text that waits for the running turn; `queued_at` is milliseconds since the epoch. */
export interface QueuedMessage {
  readonly id: string;
  readonly text: string;
  readonly queuedAt: number;
}

/**
 * A text of the person that no model has got yet.
 *
 * A text that is `kept` waits for the person: the turn it was meant for ended first.
 */
export interface QueuedText {
  readonly id: string;
  readonly text: string;
  readonly queuedAt: number;
  readonly kept: boolean;
}

/** A view appeared and wants a snapshot. */
export interface ReadyMessage {
  readonly type: "ready";
}

/** More of what the model thinks. */
export interface ReasoningDeltaEvent {
  readonly conversationId: string;
  readonly turnId: string;
  readonly type: "reasoning-delta";
  readonly delta: string;
}

export type ReasoningEffort = "low" | "medium" | "high" | "xhigh" | "max";

/** The person gives the conversation another title. */
export interface RenameMessage {
  readonly type: "rename";
  readonly requestId: string;
  readonly title: string;
}

/** The answer to an act of the person: taken, or refused with a reason to show. */
export interface ReplyMessage {
  readonly type: "reply";
  readonly requestId: string;
  readonly accepted: boolean;
  readonly reason?: string;
}

/**
 * What an API told of a request beside its answer; it stands for those before it.
 *
 * The step's `usage` event says what counts in the end. Here are the counts while nothing
 * else tells of them, and those of a request that was made again: `attempt`, from 0, is
 * the request's. `raw_usage` is the API's own JSON for its counts. A view gets none of it.
 */
export interface RequestToldEvent {
  readonly conversationId: string;
  readonly turnId: string;
  readonly type: "nb.request-told";
  readonly stepId: string;
  readonly attempt: number;
  readonly responseId?: string;
  readonly responseModel?: string;
  readonly usage?: Usage;
  readonly reasoningTokens?: number;
  readonly rawUsage?: string;
}

/** A view missed events: it has everything before `from`. */
export interface ResyncMessage {
  readonly type: "resync";
  readonly from: number;
}

export type Role = "system" | "user" | "assistant" | "tool";

/** What a notebook keeps of the figures, to show them without a kernel. */
export interface SavedFigures {
  readonly look: UsageLook;
  readonly head: UsageHead;
  readonly bars: readonly UsageBar[];
}

/** A stored image as its chunk's `url` and as `data`, a URL that holds all of it. */
export interface SavedImage {
  readonly url: string;
  readonly data: string;
}

export type SeedAgentEvent =
  | StatusEvent
  | TurnStartEvent
  | TextDeltaEvent
  | ReasoningDeltaEvent
  | ToolCallEvent
  | ToolResultEvent
  | ToolOutputEvent
  | UsageEvent
  | ErrorEvent
  | DoneEvent
  | TurnSealedEvent;

export type SeedChunk =
  | TextChunk
  | ThinkingChunk
  | ToolCallChunk
  | ToolResultChunk
  | ErrorChunk
  | SystemChunk;

export type SeedWsClientMessage = SubscribeMessage | UnsubscribeMessage | InvokeMessage | ChatSendMessage;

export type SeedWsServerMessage =
  | CatalogMessage
  | SurfaceMessage
  | SurfaceUpdateMessage
  | SurfaceErrorMessage
  | ChatDeltaMessage
  | ChatErrorMessage;

/** One value out of several; invoking it sends the chosen value. */
export interface SelectorField {
  readonly kind: "selector";
  readonly label: string;
  readonly value: string;
  readonly options: readonly SurfaceOption[];
  readonly action: ActionRef;
}

/** The person sends a message; its `images` are data: URLs, or what its chunks' `url`s were. */
export interface SendMessage {
  readonly type: "send";
  readonly requestId: string;
  readonly text: string;
  readonly images?: readonly string[];
}

/** The person sends what was kept. */
export interface SendQueuedMessage {
  readonly type: "send-queued";
  readonly requestId: string;
}

/** What the extension reducer knows of one finished tool call. */
export interface SettledTool {
  readonly toolCallId: string;
  readonly stepId: string;
  readonly isError: boolean;
  readonly durationMs?: number;
}

/**
 * All a view needs to show now; `next` is the number of the next event it will get.
 *
 * One that is kept in a notebook has `images` with it; a kernel is asked for each. `claimed`
 * are the client message ids of the newest prompts that have come.
 */
export interface SnapshotMessage {
  readonly type: "snapshot";
  readonly next: number;
  readonly transcript: TranscriptSnapshot;
  readonly settledTools: readonly SettledTool[];
  readonly workingTools?: readonly WorkingTool[];
  readonly claimed?: readonly string[];
  readonly images?: readonly SavedImage[];
}

/** A value to read. */
export interface StatField {
  readonly kind: "stat";
  readonly label: string;
  readonly value: string;
}

/** A free-form word about the conversation; never a sign that a turn runs. */
export interface StatusEvent {
  readonly type: "status";
  readonly conversationId: string;
  readonly status: string;
}

/** The person adds something while a turn runs; it is queued with `request_id` as its id. */
export interface SteerMessage {
  readonly type: "steer";
  readonly requestId: string;
  readonly text: string;
}

/** Text of the person that reached the model at a tool-result boundary. */
export interface SteeringEvent {
  readonly conversationId: string;
  readonly turnId: string;
  readonly type: "steering";
  readonly text: string;
}

/** A step's model stream ended; not a sign that the step is stored. */
export interface StepCompleteEvent {
  readonly conversationId: string;
  readonly turnId: string;
  readonly type: "step-complete";
  readonly stepId: string;
  readonly ttftMs?: number;
  readonly decodeMs?: number;
  readonly genTotalMs?: number;
}

/** Usage and timing (milliseconds) of one step. */
export interface StepMetrics {
  readonly stepId: string;
  readonly usage: Usage;
  readonly ttftMs?: number;
  readonly decodeMs?: number;
  readonly genTotalMs?: number;
}

/** The person stops the running turn. */
export interface StopMessage {
  readonly type: "stop";
  readonly requestId: string;
}

/**
 * A chunk with the place it has in its conversation's log.
 *
 * `seq` is assigned by the store: 1-based, per conversation, without gaps.
 */
export interface StoredChunk {
  readonly seq: number;
  readonly role: Role;
  readonly chunk: Chunk;
}

/** Ask for a surface and its updates. */
export interface SubscribeMessage {
  readonly type: "subscribe";
  readonly surfaceId: string;
  readonly conversationId?: string;
}

/** A surface that can be subscribed to; without `scope` it belongs to a conversation. */
export interface SurfaceCatalogEntry {
  readonly id: string;
  readonly region: string;
  readonly title: string;
  readonly scope?: "global" | "conversation";
}

/** A surface operation failed, or a frame could not be read. */
export interface SurfaceErrorMessage {
  readonly type: "error";
  readonly message: string;
  readonly surfaceId?: string;
}

export type SurfaceField =
  | ToggleField
  | ProgressField
  | SelectorField
  | StatField
  | ButtonField
  | CustomField
  | NumberField;

/** The answer to `subscribe`. */
export interface SurfaceMessage {
  readonly type: "surface";
  readonly spec: SurfaceSpec;
  readonly conversationId?: string;
}

/** One choice of a selector. */
export interface SurfaceOption {
  readonly value: string;
  readonly label: string;
}

/** A whole surface; every update carries one. */
export interface SurfaceSpec {
  readonly id: string;
  readonly region: string;
  readonly title: string;
  readonly fields: readonly SurfaceField[];
}

/** The new spec of a subscribed surface. */
export interface SurfaceUpdate {
  readonly surfaceId: string;
  readonly spec: SurfaceSpec;
  readonly conversationId?: string;
}

/** A subscribed surface changed. */
export interface SurfaceUpdateMessage {
  readonly type: "update";
  readonly update: SurfaceUpdate;
}

/** Injected content that neither the person nor the model wrote. */
export interface SystemChunk {
  readonly type: "system";
  readonly text: string;
}

/** Text that a person or a model wrote. */
export interface TextChunk {
  readonly type: "text";
  readonly text: string;
}

/** More text of the answer. */
export interface TextDeltaEvent {
  readonly conversationId: string;
  readonly turnId: string;
  readonly type: "text-delta";
  readonly delta: string;
}

/** What a model thought before it answered. */
export interface ThinkingChunk {
  readonly type: "thinking";
  readonly text: string;
}

/** A switch; invoking it sends the new boolean. */
export interface ToggleField {
  readonly kind: "toggle";
  readonly label: string;
  readonly value: boolean;
  readonly action: ActionRef;
}

/** A model's request to run a tool; `input` may be any JSON, also null or raw text. */
export interface ToolCallChunk {
  readonly type: "tool-call";
  readonly toolCallId: string;
  readonly toolName: string;
  readonly input: Json;
  readonly stepId?: string;
}

/** The model asks for a tool, with its complete input. */
export interface ToolCallEvent {
  readonly conversationId: string;
  readonly turnId: string;
  readonly type: "tool-call";
  readonly toolCallId: string;
  readonly toolName: string;
  readonly input: Json;
  readonly stepId?: string;
}

/**
 * More of the arguments of a call that the model is still writing; JSON that has no end yet.
 *
 * Its `tool-call` follows with the whole of it, unless the answer breaks off.
 */
export interface ToolInputDeltaEvent {
  readonly conversationId: string;
  readonly turnId: string;
  readonly type: "nb.tool-input-delta";
  readonly stepId: string;
  readonly toolCallId: string;
  readonly toolName: string;
  readonly delta: string;
}

/** Output of a tool that still runs. */
export interface ToolOutputEvent {
  readonly conversationId: string;
  readonly turnId: string;
  readonly type: "tool-output";
  readonly toolCallId: string;
  readonly data: string;
  readonly stream: "stdout" | "stderr";
}

/** What a tool gave back for the call with the same `tool_call_id`. */
export interface ToolResultChunk {
  readonly type: "tool-result";
  readonly toolCallId: string;
  readonly toolName: string;
  readonly content: string;
  readonly isError: boolean;
  readonly stepId?: string;
}

/** A tool has answered. */
export interface ToolResultEvent {
  readonly conversationId: string;
  readonly turnId: string;
  readonly type: "tool-result";
  readonly toolCallId: string;
  readonly toolName: string;
  readonly content: string;
  readonly isError: boolean;
  readonly stepId?: string;
  readonly durationMs?: number;
}

/**
 * A tool's own run ended; its `tool-result` follows in call order.
 *
 * `duration_ms` is the run of this call alone, without queueing and without siblings.
 */
export interface ToolSettledEvent {
  readonly conversationId: string;
  readonly turnId: string;
  readonly type: "nb.tool-settled";
  readonly stepId: string;
  readonly toolCallId: string;
  readonly isError: boolean;
  readonly durationMs?: number;
}

/** A TranscriptState as JSON, with the newest committed chunks only. */
export interface TranscriptSnapshot {
  readonly committed: readonly StoredChunk[];
  readonly provisional: readonly ProvisionalChunk[];
  readonly accumulating: AccumulatingChunk | null;
  readonly currentTurnId: string | null;
  readonly latestUsage: Usage | null;
  readonly sealedTurnId: string | null;
  readonly generating: boolean;
  readonly providerRetry: ProviderRetryEvent | null;
}

/**
 * Usage, steps and timing (milliseconds) of one sealed turn.
 *
 * `usage` is the sum over steps; `context_size` is the last step's input plus output.
 */
export interface TurnMetrics {
  readonly turnId: string;
  readonly usage: Usage;
  readonly steps: readonly StepMetrics[];
  readonly durationMs?: number;
  readonly contextSize?: number;
}

/**
 * A message was not taken: the closing, and only, event of a turn that never began.
 *
 * Nothing was stored; the text went back to the person who sent it.
 */
export interface TurnRefusedEvent {
  readonly conversationId: string;
  readonly turnId: string;
  readonly type: "nb.turn-refused";
  readonly message: string;
}

/** Everything the turn will ever store is stored. */
export interface TurnSealedEvent {
  readonly conversationId: string;
  readonly turnId: string;
  readonly type: "turn-sealed";
}

/** The model loop begins; the user message is stored. */
export interface TurnStartEvent {
  readonly conversationId: string;
  readonly turnId: string;
  readonly type: "turn-start";
}

/** A ``chat.delta`` whose event is unknown. */
export interface UnknownDeltaMessage {
  readonly type: "chat.delta";
  readonly event: UnknownEvent;
}

/**
 * An event of a kind, or of a shape, that this version does not know, as it came.
 *
 * Every reducer returns the same state for it.
 */
export interface UnknownEvent {
  readonly type: "unknown";
  readonly event: Json;
}

/** A model that some `steps` asked whose price is not known. */
export interface UnpricedModel {
  readonly model: string;
  readonly steps: number;
}

/** Stop the updates of a surface. */
export interface UnsubscribeMessage {
  readonly type: "unsubscribe";
  readonly surfaceId: string;
  readonly conversationId?: string;
}

/**
 * Tokens of one request or of a sum of requests; every number of tokens here means this.
 *
 * `input_tokens` is the whole prompt. `cache_read_tokens`, which a cache held, and
 * `cache_write_tokens`, which one took, are parts of it and not additions to it; one that
 * is absent was not reported. `output_tokens` is all that the model produced, what it
 * thought included: `reasoning_tokens`, where a store has them, are a part of it. What the
 * provider itself said stays beside it, as it was (`usage_json`). Who counted is said beside
 * it too: ``reported`` by the provider, ``estimated`` from the characters that went to and
 * fro, or ``missing``; and whether it is a lower bound, because a request was cut off.
 */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens?: number;
  readonly cacheWriteTokens?: number;
}

/** One bar: a step, a period (`from_ms` up to `to_ms`), a model or a conversation. */
export interface UsageBar {
  readonly key: string;
  readonly label: string;
  readonly sums: UsageSums;
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly step?: UsageStep;
}

/** A tool call of a step; `seq` is its chunk's, `duration_s` its own run. */
export interface UsageCall {
  readonly seq: number;
  readonly name: string;
  readonly status: string;
  readonly durationS?: number;
}

/** Tokens that the provider reported for the running step. */
export interface UsageEvent {
  readonly conversationId: string;
  readonly turnId: string;
  readonly type: "usage";
  readonly usage: Usage;
  readonly stepId?: string;
}

/**
 * The figures of all that is looked at.
 *
 * `running` counts turns that have not ended. Of `bar_count` bars those from `first_bar` on
 * are shown; `others` sums the ones of models or conversations that are not.
 */
export interface UsageHead {
  readonly title: string;
  readonly totals: UsageSums;
  readonly turns: number;
  readonly conversations: number;
  readonly running: number;
  readonly ttftS: UsageSpread | null;
  readonly tokensPerS: UsageSpread | null;
  readonly unpriced: readonly UnpricedModel[];
  readonly models: readonly string[];
  readonly barCount: number;
  readonly firstBar: number;
  readonly others: UsageSums | null;
  readonly period: "hour" | "day" | "week" | "month" | null;
}

export type UsageKernelMessage = LookMessage | PaintedMessage | OpenTranscriptMessage | CloseTranscriptMessage;

/**
 * What is looked at: which steps, and by what they are told apart.
 *
 * With `conversation_id` steps of that conversation alone. `before` is the number of the
 * first step, from 0, that a page of steps does not show any more; null for the newest page.
 * Times are milliseconds since 1970. Empty lists, nulls and blank words narrow nothing.
 */
export interface UsageLook {
  readonly by: "step" | "time" | "model" | "conversation";
  readonly measure: "tokens" | "cost";
  readonly conversationId: string | null;
  readonly before: number | null;
  readonly models: readonly string[];
  readonly statuses: readonly ("ok" | "error" | "aborted")[];
  readonly sinceMs: number | null;
  readonly untilMs: number | null;
  readonly words: string;
}

/** The middle and the 95th percentile of `count` measurements. */
export interface UsageSpread {
  readonly median: number;
  readonly p95: number;
  readonly count: number;
}

/**
 * What one bar says that stands for one step; `turn` and `step` count from 1.
 *
 * `attempt` is 0 for a first try. Of many `calls` the first ones are here.
 */
export interface UsageStep {
  readonly turn: number;
  readonly step: number;
  readonly attempt: number;
  readonly status: "running" | "ok" | "error" | "aborted";
  readonly model: string;
  readonly atMs: number;
  readonly ttftS?: number;
  readonly tokensPerS?: number;
  readonly durationS?: number;
  readonly errorType?: string;
  readonly calls: readonly UsageCall[];
  readonly callCount: number;
}

/**
 * What some steps add up to, as in the frame of steps.
 *
 * Cache tokens are part of the input, reasoning tokens of the output. `cost_usd` is null
 * where no step has a price; the other amounts are of the `priced` steps. `unpriced` steps
 * have tokens and no price, `uncounted` ones no tokens that anybody told of; `estimated`
 * were counted by estimate and `partial` used more than is counted here.
 */
export interface UsageSums {
  readonly steps: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  readonly reasoningTokens: number;
  readonly costUsd: number | null;
  readonly inputUsd: number;
  readonly outputUsd: number;
  readonly cacheReadUsd: number;
  readonly cacheWriteUsd: number;
  readonly reasoningUsd: number;
  readonly savedUsd: number;
  readonly priced: number;
  readonly unpriced: number;
  readonly uncounted: number;
  readonly estimated: number;
  readonly partial: number;
  readonly failed: number;
  readonly stopped: number;
  readonly retried: number;
}

/**
 * What has changed since message `n` - 1: the head, and the bars that are not as told.
 *
 * `order` has the keys of all bars where bars came or went.
 */
export interface UsageUpdateMessage {
  readonly type: "update";
  readonly n: number;
  readonly head: UsageHead;
  readonly bars: readonly UsageBar[];
  readonly order?: readonly string[];
}

export type UsageViewMessage = FiguresMessage | UsageUpdateMessage | PlaceMessage | ReplyMessage;

/** The prompt that opened the turn; its first event. */
export interface UserMessageEvent {
  readonly conversationId: string;
  readonly turnId: string;
  readonly type: "user-message";
  readonly text: string;
}

export type ViewMessage =
  | EventsMessage
  | HistoryMessage
  | SnapshotMessage
  | ImageMessage
  | ReplyMessage
  | FileMessage
  | FactsMessage
  | ModelsMessage;

/** A view shows a chunk whose `url` names a stored image. */
export interface WantImageMessage {
  readonly type: "want-image";
  readonly url: string;
}

/** A call that is being written, or that runs: its arguments so far, its newest output. */
export interface WorkingTool {
  readonly toolCallId: string;
  readonly toolName: string;
  readonly stepId: string;
  readonly input: string;
  readonly output: string;
}

export type WsClientMessage =
  | SubscribeMessage
  | UnsubscribeMessage
  | InvokeMessage
  | ChatSendMessage
  | ChatSubscribeMessage
  | ChatUnsubscribeMessage
  | ChatQueueMessage
  | ChatQueueCancelMessage;

export type WsServerMessage =
  | CatalogMessage
  | SurfaceMessage
  | SurfaceUpdateMessage
  | SurfaceErrorMessage
  | ChatDeltaMessage
  | ChatErrorMessage
  | ConversationOpenMessage
  | ConversationStatusChangedMessage
  | ConversationCompactedMessage;
