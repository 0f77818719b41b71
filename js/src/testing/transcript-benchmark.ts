/**
 * The TypeScript half of `benchmarks/transcript.py`: prints what its table shows, as JSON.
 *
 * Its arguments are the sizes. Every figure is nanoseconds per operation, the median and the
 * best over slices of 1,000 operations.
 */

import { foldLive, initialLive } from "../transcript/live";
import { foldEvent } from "../transcript/reducer";
import { selectMessages } from "../transcript/selectors";
import { initialState, type TranscriptState } from "../transcript/state";
import { syncHistory, toldState } from "../transcript/sync";
import { parseAgentEvent } from "../wire/parse";
import type { LiveEvent, StoredChunk } from "../wire/types";

const SLICE = 1_000;
const MOST_CALLS = 20_000;
const ids = { conversationId: "c", turnId: "t" };
const line = JSON.stringify({ type: "text-delta", ...ids, delta: "word " });

function measure(count: number, operation: (index: number) => void): [number, number] {
  const slices: number[] = [];
  for (let from = 0; from < count; from += SLICE) {
    const started = performance.now();
    for (let index = from; index < from + SLICE; index += 1) operation(index);
    slices.push(((performance.now() - started) / SLICE) * 1e6);
  }
  slices.sort((a, b) => a - b);
  return [slices[slices.length >> 1] ?? 0, slices[0] ?? 0];
}

function stored(seq: number): StoredChunk {
  return { seq, role: seq % 2 ? "user" : "assistant", chunk: { type: "text", text: "words" } };
}

function toolEvents(index: number): LiveEvent[] {
  const call = { toolCallId: `call${index}`, toolName: "f", stepId: `t#${index}` };
  return [
    { type: "tool-call", ...ids, ...call, input: {} },
    { type: "tool-result", ...ids, ...call, content: "", isError: false },
    { type: "nb.chunks-committed", ...ids, firstSeq: 2 * index + 1, count: 2 },
  ];
}

function storedUpTo(size: number): StoredChunk[] {
  return Array.from({ length: size }, (_, index) => stored(index + 1));
}

/** Return a client of a foreign backend in a turn of `count` calls, and their rows one by one. */
function foreign(size: number, count: number): [TranscriptState, StoredChunk[][]] {
  let state = syncHistory(initialState(), storedUpTo(size));
  state = foldEvent(state, { type: "user-message", ...ids, text: "go" });
  const prompt = { seq: size + 1, role: "user", chunk: { type: "text", text: "go" } } as const;
  state = syncHistory(state, [prompt]);
  const answers: StoredChunk[][] = [];
  for (let index = 0; index < count; index += 1) {
    const call = {
      type: "tool-call",
      toolCallId: `c${index}`,
      toolName: "f",
      stepId: "s",
    } as const;
    state = foldEvent(state, { ...call, ...ids, input: {} });
    answers.push([{ seq: size + 2 + index, role: "assistant", chunk: { ...call, input: {} } }]);
  }
  return [state, answers];
}

function callsFor(size: number): number {
  return Math.min(Math.max(Math.floor(size / 4 / SLICE), 1) * SLICE, MOST_CALLS);
}

function row(size: number): Record<string, [number, number]> {
  const delta = parseAgentEvent(line);
  const list: unknown[] = [];
  let text = "";
  let state = initialLive();
  let parsed = initialState();
  let live = initialLive();
  const tools = Array.from({ length: callsFor(size) }, (_, index) => toolEvents(index));
  let history = syncHistory(toldState(), storedUpTo(size));
  let [compared, answers] = foreign(size, SLICE * 3);
  let shown = history;
  let messages = 0;
  const figures = {
    append: measure(size, () => list.push(delta)),
    text: measure(size, () => {
      text += "word ";
    }),
    fold: measure(size, () => {
      state = foldLive(state, delta);
    }),
    parsed: measure(Math.min(size, 100_000), () => {
      parsed = foldEvent(parsed, parseAgentEvent(line));
    }),
    tool: measure(tools.length, (index) => {
      for (const event of tools[index] ?? []) live = foldLive(live, event);
    }),
    tail: measure(SLICE * 3, (index) => {
      history = syncHistory(history, [stored(size + index + 1)]);
    }),
    compared: measure(SLICE * 3, (index) => {
      compared = syncHistory(compared, answers[index] ?? []);
    }),
    select: measure(SLICE * 3, () => {
      shown = foldEvent(shown, delta);
      messages += selectMessages(shown).length;
    }),
  };
  const isWhole =
    list.length === size &&
    text.length === 5 * size &&
    state.transcript.accumulating?.text.length === text.length &&
    live.transcript.committed.length === 2 * tools.length &&
    history.committed.length === size + SLICE * 3 &&
    compared.committed.length === size + 1 + SLICE * 3 &&
    compared.provisional.length === 0 &&
    messages === SLICE * 3 * size;
  if (!isWhole) throw new Error(`A figure for ${size} did not do its work.`);
  return figures;
}

const sizes = process.argv.slice(2).map(Number);
// Twice, so that the engine has compiled what the second run measures.
for (const size of sizes) row(size);
console.log(JSON.stringify(sizes.map((size) => ({ size, figures: row(size) }))));
