/**
 * The calls that a step made together, shown together.
 *
 * Source: the Dispatch transcript contract, B.5.
 */

import type { Chunk } from "../wire/types";
import type { RenderedChunk } from "./selectors";

/** A chunk that stands alone. */
export interface SingleGroup {
  readonly kind: "single";
  readonly chunk: RenderedChunk;
}

/** A call with its result; without one it still runs, or was cut off. */
export interface ToolBatchEntry {
  readonly call: RenderedChunk;
  readonly result: RenderedChunk | null;
}

/** Two or more calls of one step; `provisional` if any of the calls is. */
export interface ToolBatchGroup {
  readonly kind: "tool-batch";
  readonly stepId: string;
  readonly entries: readonly ToolBatchEntry[];
  readonly provisional: boolean;
}

export type RenderedGroup = SingleGroup | ToolBatchGroup;

interface Call {
  readonly call: RenderedChunk;
  result: RenderedChunk | null;
}

/**
 * Return the chunks as groups, in stream order.
 *
 * A step with two or more calls is one batch, at the place of its first call; the results of
 * its calls stand in it and nowhere else. A result belongs to the call with its id in its
 * step (in any batch, if it names no step). Where a step repeats an id, the first result
 * belongs to the first of those calls, and so on; of several results for one call the first
 * is shown.
 */
export function groupRenderedChunks(rendered: Iterable<RenderedChunk>): RenderedGroup[] {
  const chunks = [...rendered];
  const batches = batchesOf(chunks);
  const inBatch = pair(chunks, batches);
  const groups: RenderedGroup[] = [];
  for (const chunk of chunks) {
    const stepId = stepOf(chunk.chunk);
    const calls = stepId === null ? undefined : batches.get(stepId);
    if (chunk.chunk.type === "tool-call" && stepId !== null && calls) {
      if (calls[0]?.call === chunk) groups.push(batchGroup(stepId, calls));
    } else if (!inBatch.has(chunk)) {
      groups.push({ kind: "single", chunk });
    }
  }
  return groups;
}

/** Return the step that a tool chunk names; null for any other chunk. */
export function stepOf(chunk: Chunk): string | null {
  const isOfTool = chunk.type === "tool-call" || chunk.type === "tool-result";
  return isOfTool ? (chunk.stepId ?? null) : null;
}

function batchesOf(chunks: readonly RenderedChunk[]): Map<string, Call[]> {
  const calls = new Map<string, Call[]>();
  for (const call of chunks) {
    const stepId = stepOf(call.chunk);
    if (call.chunk.type !== "tool-call" || stepId === null) continue;
    const made = calls.get(stepId);
    if (made) made.push({ call, result: null });
    else calls.set(stepId, [{ call, result: null }]);
  }
  return new Map([...calls].filter(([, made]) => made.length > 1));
}

/** Give the batched calls their results; return the results that stand in a batch. */
function pair(
  chunks: readonly RenderedChunk[],
  batches: ReadonlyMap<string, readonly Call[]>,
): Set<RenderedChunk> {
  const waiting = new Map<string, { readonly calls: Call[]; next: number }>();
  for (const [stepId, calls] of batches) {
    for (const made of calls) {
      if (made.call.chunk.type !== "tool-call") continue;
      for (const key of [stepId, null].map((step) => keyOf(step, made.call.chunk))) {
        const queue = waiting.get(key) ?? { calls: [], next: 0 };
        queue.calls.push(made);
        waiting.set(key, queue);
      }
    }
  }
  const paired = new Set<RenderedChunk>();
  for (const result of chunks) {
    if (result.chunk.type !== "tool-result") continue;
    const queue = waiting.get(keyOf(stepOf(result.chunk), result.chunk));
    if (queue === undefined) continue;
    paired.add(result);
    while (queue.calls[queue.next]?.result) queue.next += 1;
    const call = queue.calls[queue.next];
    if (call) call.result = result;
  }
  return paired;
}

function keyOf(stepId: string | null, chunk: Chunk): string {
  return JSON.stringify([stepId, "toolCallId" in chunk ? chunk.toolCallId : null]);
}

function batchGroup(stepId: string, calls: readonly Call[]): ToolBatchGroup {
  return {
    kind: "tool-batch",
    stepId,
    entries: calls.map(({ call, result }) => ({ call, result })),
    provisional: calls.some(({ call }) => call.provisional),
  };
}
