/**
 * What stands in the log: chunks in stream order as sections of one side, and in them entries.
 * Calls of one step stand together with their results. Keys are places in the log: a chunk has
 * the same key before and after it is stored, so its nodes stay.
 */
import type { RenderedChunk } from "../transcript/selectors";
import type { WorkingTools } from "../transcript/working";
import type { SettledTool, ToolCallChunk, ToolResultChunk } from "../wire/types";

export type ToolState = "writing" | "running" | "done" | "error" | "aborted";

export interface ToolView {
  readonly call: ToolCallChunk;
  readonly result: ToolResultChunk | null;
  readonly state: ToolState;
  readonly durationMs: number | null;
  /** The arguments so far, of a call that is still being written. */
  readonly input: string | null;
  /** The newest of what it wrote, while it runs. */
  readonly output: string;
}

export type Entry =
  | {
      readonly kind: "text" | "thinking";
      readonly key: number;
      readonly text: string;
      readonly isStreaming: boolean;
    }
  | { readonly kind: "tools"; readonly key: number; readonly tools: readonly ToolView[] }
  | {
      readonly kind: "error";
      readonly key: number;
      readonly message: string;
      readonly code: string | null;
    }
  | { readonly kind: "note"; readonly key: number; readonly text: string }
  | { readonly kind: "image"; readonly key: number; readonly url: string };

export interface Section {
  readonly role: "user" | "assistant" | "system";
  readonly key: number;
  /** The place of its last chunk. */
  readonly last: number;
  readonly isSteering: boolean;
  /** Whether it is an own prompt that the conversation does not contain yet. */
  readonly isSending: boolean;
  readonly entries: readonly Entry[];
}

/** What sections are made of. */
export interface LogSource {
  readonly chunks: readonly RenderedChunk[];
  readonly settled: (stepId: string, toolCallId: string) => SettledTool | undefined;
  readonly isGenerating: boolean;
  /** The calls at work, by their ids. */
  readonly working: WorkingTools;
}

// The engine's words for a call that was ended by a stop, and history's for one that was cut off.
const ABORTED = /^(Aborted$|interrupted: )/;

/** Return the sections of a log. */
export function selectSections(source: LogSource): Section[] {
  const sections: (Section & { last: number })[] = [];
  const chunks = inOrder(source);
  const results = pairResults(chunks);
  const paired = new Set(results.values());
  const lastUser = chunks.map(({ role, sending }) => role === "user" && !sending).lastIndexOf(true);
  let entries: Entry[] = [];
  let previous: RenderedChunk | undefined;
  for (const [index, rendered, key] of withKeys(chunks)) {
    const { chunk } = rendered;
    const section = sections.at(-1);
    if (chunk.type === "tool-result" && paired.has(chunk)) {
      if (section) section.last = key;
      previous = rendered;
      continue;
    }
    // Redacted thinking is stored, because its provider wants it back, but says nothing.
    if ((chunk.type === "text" || chunk.type === "thinking") && chunk.text === "") continue;
    const role = sideOf(rendered);
    // The images of a prompt follow its text, and stand with it.
    const isOwn = role === "user" && !(chunk.type === "image" && previous?.role === "user");
    if (sections.at(-1)?.role !== role || isOwn) {
      entries = [];
      const isSending = rendered.sending === true;
      const isSaid = role === "user" && !isSending;
      const isSteering = isSaid && previous !== undefined && isToolBoundary(previous);
      sections.push({ role, key, last: key, isSteering, isSending, entries });
    } else if (section) section.last = key;
    previous = rendered;
    if (chunk.type === "tool-call") {
      const tool = toolView(chunk, results.get(chunk), source, index > lastUser);
      const last = entries.at(-1);
      const stepId = last?.kind === "tools" ? last.tools[0]?.call.stepId : undefined;
      if (last?.kind === "tools" && stepId !== undefined && stepId === chunk.stepId) {
        entries[entries.length - 1] = { ...last, tools: [...last.tools, tool] };
      } else entries.push({ kind: "tools", key, tools: [tool] });
    } else entries.push(entryOf(rendered, key));
  }
  return sections;
}

/**
 * Return the keys of the entries between two places, both included; where nothing is shown of
 * them, the key of the entry before.
 */
export function keysBetween(
  sections: readonly Section[],
  first: number,
  last: number,
): readonly number[] {
  const spans = sections.flatMap(({ entries, last: end }) =>
    entries.map(({ key }, at) => ({ key, end: (entries[at + 1]?.key ?? end + 1) - 1 })),
  );
  const within = spans.filter(({ key, end }) => key <= last && end >= first);
  const shown = within.length > 0 ? within : spans.filter(({ key }) => key <= first).slice(-1);
  return shown.map(({ key }) => key);
}

/** Return all chunks: calls that are being written come before what is being sent. */
function inOrder(source: LogSource): RenderedChunk[] {
  const calls = written(source);
  if (calls.length === 0) return [...source.chunks];
  const said = source.chunks.filter(({ sending }) => !sending);
  return [...said, ...calls, ...source.chunks.slice(said.length)];
}

/** Return the text or thinking that streams, if one does. */
export function streamingEntry(sections: readonly Section[]): Entry | undefined {
  let place = sections.length - 1;
  while (sections[place]?.isSending) place -= 1;
  return sections[place]?.entries.at(-1);
}

/** Return the calls that are still being written as the chunks that they will be. */
function written({ working }: LogSource): RenderedChunk[] {
  return [...working.values()]
    .filter(({ input }) => input !== "")
    .map(({ toolCallId, toolName, stepId }) => ({
      ...{ seq: null, role: "assistant", provisional: true, streaming: true },
      chunk: { type: "tool-call", toolCallId, toolName, stepId, input: null },
    }));
}

/** Pair each call with the first result of its id that follows it and is not taken. */
function pairResults(chunks: readonly RenderedChunk[]): Map<ToolCallChunk, ToolResultChunk> {
  const waiting = new Map<string, ToolCallChunk[]>();
  const results = new Map<ToolCallChunk, ToolResultChunk>();
  for (const { chunk } of chunks) {
    if (chunk.type === "tool-call") {
      const calls = waiting.get(chunk.toolCallId);
      if (calls) calls.push(chunk);
      else waiting.set(chunk.toolCallId, [chunk]);
    } else if (chunk.type === "tool-result") {
      const call = waiting.get(chunk.toolCallId)?.shift();
      if (call) results.set(call, chunk);
    }
  }
  return results;
}

function* withKeys(chunks: readonly RenderedChunk[]): Iterable<[number, RenderedChunk, number]> {
  let key = 0;
  for (const [index, rendered] of chunks.entries()) {
    key = rendered.seq ?? key + 1;
    yield [index, rendered, key];
  }
}

function sideOf(rendered: RenderedChunk): Section["role"] {
  if (rendered.role === "user") return "user";
  return rendered.role === "system" ? "system" : "assistant";
}

/** Text after a tool's result is steering: a prompt follows an answer, or a stop. */
function isToolBoundary({ chunk }: RenderedChunk): boolean {
  return chunk.type === "tool-result" && !ABORTED.test(chunk.content);
}

function toolView(
  call: ToolCallChunk,
  result: ToolResultChunk | undefined,
  source: LogSource,
  isLastTurn: boolean,
): ToolView {
  const working = result === undefined ? source.working.get(call.toolCallId) : undefined;
  if (working && working.input !== "") {
    const parts = { result: null, durationMs: null, input: working.input, output: "" };
    return { call, state: "writing", ...parts };
  }
  const settled = call.stepId ? source.settled(call.stepId, call.toolCallId) : undefined;
  const isError = result?.isError ?? settled?.isError;
  let state: ToolState = "done";
  if (result?.isError && ABORTED.test(result.content)) state = "aborted";
  else if (isError) state = "error";
  else if (isError === undefined) state = source.isGenerating && isLastTurn ? "running" : "aborted";
  const output = state === "running" ? (working?.output ?? "") : "";
  const durationMs = settled?.durationMs ?? null;
  return { call, result: result ?? null, state, durationMs, input: null, output };
}

function entryOf({ chunk, streaming }: RenderedChunk, key: number): Entry {
  switch (chunk.type) {
    case "text":
    case "thinking":
      return { kind: chunk.type, key, text: chunk.text, isStreaming: streaming === true };
    case "error":
      return { kind: "error", key, message: chunk.message, code: chunk.code ?? null };
    case "system":
      return { kind: "note", key, text: chunk.text };
    case "image":
      return { kind: "image", key, url: chunk.url };
    case "tool-result":
      return { kind: "note", key, text: `${chunk.toolName} gave a result: ${chunk.content}` };
    case "tool-call":
      return { kind: "note", key, text: chunk.toolName };
    default:
      chunk satisfies never;
      return { kind: "note", key, text: "" };
  }
}
