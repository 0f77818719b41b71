// @vitest-environment node
import { describe, expect, it } from "vitest";
import { canonical, liveAsJson, readVectors, shortHash } from "../testing/vectors";
import { parseLiveEvent, parseSnapshotMessage, parseStoredChunk } from "../wire/parse";
import type { LiveEvent, StoredChunk } from "../wire/types";
import { joinDeltas } from "./coalesce";
import { foldLive, fromSnapshot, initialLive, type LiveState, liveFromHistory } from "./live";
import { selectChunks, selectMessages } from "./selectors";
import { syncHistory } from "./sync";
import { oldestLoaded } from "./trimming";

type Op = { history: unknown[] } | { type: string };

interface Case {
  name: string;
  ops: Op[];
  hashes: string[];
  final: unknown;
  noop: number[];
  streaming: boolean;
  messages: unknown;
}

const cases = readVectors<Case>("live.jsonl");

function apply(live: LiveState, op: Op): LiveState {
  if ("history" in op) {
    const chunks = op.history.map(parseStoredChunk);
    const isPage =
      chunks.length > 0 && chunks.every(({ seq }) => seq < oldestLoaded(live.transcript));
    const transcript = syncHistory(live.transcript, chunks, { isPage });
    return transcript === live.transcript ? live : { ...live, transcript };
  }
  return foldLive(live, parseLiveEvent(op));
}

function statesOf(ops: readonly Op[]): LiveState[] {
  const states = [initialLive()];
  for (const op of ops) states.push(apply(states.at(-1) as LiveState, op));
  return states;
}

function foldAll(events: Iterable<LiveEvent>, live = initialLive()): LiveState {
  for (const event of events) live = foldLive(live, event);
  return live;
}

function stored(seq: number, text = "x"): StoredChunk {
  return { seq, role: "user", chunk: { type: "text", text } };
}

const ids = { conversationId: "c", turnId: "t" };

describe("our own vectors", () => {
  it.each(cases)("$name", ({ ops, hashes, final, noop, streaming, messages }) => {
    const states = statesOf(ops);
    const shown = states.map((live, index) => liveAsJson(live, index + 1));
    expect(shown.slice(1).map(shortHash)).toEqual(hashes);
    expect(canonical(shown.at(-1))).toBe(canonical(final));
    for (const index of ops.keys()) {
      expect(states[index + 1] === states[index]).toBe(noop.includes(index));
    }
    const { transcript } = states.at(-1) as LiveState;
    expect([...selectChunks(transcript)].some((rendered) => rendered.streaming)).toBe(streaming);
    expect(canonical([...selectMessages(transcript)])).toBe(canonical(messages));
  });

  it.each(cases)("a late joiner of $name ends in the same state", ({ ops, final }) => {
    for (const [index, live] of statesOf(ops).entries()) {
      // Nobody joins before the history with which the log begins.
      const op = ops[index];
      if (index === 0 && op && "history" in op) continue;
      const snapshot = parseSnapshotMessage(JSON.stringify(liveAsJson(live, index + 1)));
      let late = fromSnapshot(snapshot);
      for (const op of ops.slice(index)) late = apply(late, op);
      expect(canonical(liveAsJson(late, ops.length + 1))).toBe(canonical(final));
    }
  });

  it.each(cases)("$name may arrive with its deltas joined", ({ ops, final }) => {
    let live = initialLive();
    let events: LiveEvent[] = [];
    for (const op of [...ops, { history: [] }]) {
      if ("history" in op) {
        live = apply(foldAll(joinDeltas(events), live), op);
        events = [];
      } else events.push(parseLiveEvent(op));
    }
    expect(canonical(liveAsJson(live, ops.length + 1))).toBe(canonical(final));
  });
});

describe("joinDeltas", () => {
  it("joins neighbours of one kind, turn, call and stream, and no others", () => {
    const text = { type: "text-delta", ...ids, delta: "a" } as const;
    const thinking = { type: "reasoning-delta", ...ids, delta: "b" } as const;
    const output = { type: "tool-output", ...ids, toolCallId: "1", data: "c" } as const;
    const out = { ...output, stream: "stdout" } as const;
    const err = { ...output, stream: "stderr" } as const;
    const other = { ...text, turnId: "t2" } as const;
    const events = [text, text, thinking, text, other, out, out, err, { ...err, toolCallId: "2" }];
    expect(joinDeltas(events)).toEqual([
      { ...text, delta: "aa" },
      thinking,
      text,
      other,
      { ...out, data: "cc" },
      err,
      { ...err, toolCallId: "2" },
    ]);
    expect(text.delta).toBe("a");
  });
});

describe("foldLive", () => {
  it("returns the same state for an event of a kind nobody knows", () => {
    const live = foldLive(initialLive(), { type: "text-delta", ...ids, delta: "x" });
    const unknown = { type: "nb.from-a-newer-version", ...ids } as unknown as LiveEvent;
    expect(foldLive(live, unknown)).toBe(live);
  });

  it("lets two futures of one state go their own ways", () => {
    const call = (id: string): LiveEvent[] => [
      { type: "tool-call", ...ids, toolCallId: id, toolName: "f", input: null },
      { type: "nb.tool-settled", ...ids, stepId: "s", toolCallId: id, isError: false },
      { type: "nb.chunks-committed", ...ids, firstSeq: 2, count: 1 },
    ];
    const past = foldAll(call("a"), liveFromHistory([stored(1)]));
    const [one, other] = [foldAll(call("b"), past), foldAll(call("c"), past)];
    expect([...one.extensions.settledTools].map((tool) => tool.toolCallId)).toEqual(["a", "b"]);
    expect([...other.extensions.settledTools].map((tool) => tool.toolCallId)).toEqual(["a", "c"]);
    expect(past.extensions.settledTools.get("s", "b")).toBeUndefined();
    expect(other.extensions.settledTools.get("s", "c")?.isError).toBe(false);
  });

  const deltas = (): LiveEvent[] => [{ type: "text-delta", ...ids, delta: "x" }];
  const tools = (index: number): LiveEvent[] => {
    const call = { toolCallId: `call${index}`, toolName: "f", stepId: `t#${index}` };
    const { toolName: _, ...settled } = call;
    return [
      { type: "tool-call", ...ids, ...call, input: {} },
      { type: "nb.tool-settled", ...ids, ...settled, isError: false },
      { type: "tool-result", ...ids, ...call, content: "", isError: false },
      { type: "nb.chunks-committed", ...ids, firstSeq: 2 * index + 1, count: 2 },
    ];
  };

  it.each([
    ["deltas", deltas, 10_000, 0],
    ["deltas", deltas, 100_000, 0],
    ["events of tools", tools, 10_000, 1],
    ["events of tools", tools, 100_000, 1],
  ])("copies no more items for a longer transcript: %s", (_, make, count, perEvent) => {
    let live = initialLive();
    let folded = 0;
    let copied = 0;
    const known = new Set<unknown>();
    for (let index = 0; folded < count; index += 1) {
      for (const event of make(index)) {
        live = foldLive(live, event);
        folded += 1;
        const { committed, provisional } = live.transcript;
        for (const log of [committed, provisional]) {
          const buffer: unknown[] = Reflect.get(log, "buffer");
          if (!known.has(buffer)) copied += buffer.length;
          known.add(buffer);
        }
      }
    }
    expect(copied).toBeLessThanOrEqual(perEvent * folded);
    expect(live.transcript.accumulating?.text.length ?? 0).toBe(make === deltas ? count : 0);
    expect(selectChunks(live.transcript).length).toBe(make === deltas ? 1 : count / 2);
  });
});

describe("selectors", () => {
  it("give the same objects for what has not changed", () => {
    const before = foldAll(
      [
        { type: "user-message", ...ids, text: "hi" },
        { type: "reasoning-delta", ...ids, delta: "hm" },
        { type: "text-delta", ...ids, delta: "a" },
      ],
      liveFromHistory([stored(1), { ...stored(2), role: "assistant" }]),
    ).transcript;
    const after = foldAll([{ type: "text-delta", ...ids, delta: "b" }], {
      ...initialLive(),
      transcript: before,
    }).transcript;
    const [old, now] = [selectChunks(before), selectChunks(after)];
    expect(now.map((rendered, index) => rendered === old.at(index))).toEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
    const [said, says] = [selectMessages(before), selectMessages(after)];
    expect(says.map((message, index) => message === said.at(index))).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(selectMessages(before).at(-1)?.chunks.at(-1)).toEqual({ type: "text", text: "a" });
  });
});
