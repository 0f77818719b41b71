// @vitest-environment node
// A long conversation costs per event what a short one does, and old states stay as they were.
// The sizes are those of `make test`; DISPATCH_NB_PROOF=full takes the tenfold.
import { afterEach, describe, expect, it, vi } from "vitest";
import type { LiveEvent, StoredChunk } from "../wire/types";
import { applyHistory } from "./history";
import { foldLive, initialLive, type LiveState, liveFromHistory } from "./live";
import { Log } from "./log";
import { foldEvent } from "./reducer";
import { selectChunks, selectMessages } from "./selectors";
import type { TranscriptState } from "./state";
import { syncHistory } from "./sync";
import { newTold } from "./told";

const tenfold = process.env.DISPATCH_NB_PROOF === "full" ? 10 : 1;
const ids = { conversationId: "c", turnId: "t" };
const delta: LiveEvent = { type: "text-delta", ...ids, delta: "x" };

afterEach(() => {
  vi.restoreAllMocks();
});

function* deltas(count: number): Iterable<LiveEvent> {
  for (let index = 0; index < count; index += 1) yield delta;
}

function* calls(count: number): Iterable<LiveEvent> {
  for (let index = 0; index < count / 2; index += 1) {
    const call = { toolCallId: `call${index}`, toolName: "f" };
    yield { type: "tool-call", ...ids, ...call, input: {} };
    yield { type: "tool-result", ...ids, ...call, content: "", isError: false };
  }
}

function* committedCalls(count: number): Iterable<LiveEvent> {
  let firstSeq = 1;
  for (const event of calls(count)) {
    yield event;
    if (event.type !== "tool-result") continue;
    yield { type: "nb.chunks-committed", ...ids, firstSeq, count: 2 };
    firstSeq += 2;
  }
}

function size({ committed, provisional, accumulating }: TranscriptState): number[] {
  return [[...committed].length, [...provisional].length, accumulating?.text.length ?? 0];
}

/** Fold, check every 1,000th old state again, and return how many array elements were copied. */
function copied(events: Iterable<LiveEvent>): number {
  let live: LiveState = initialLive();
  let count = 0;
  let folded = 0;
  let known: unknown[] = [];
  const kept: [TranscriptState, number[]][] = [];
  for (const event of events) {
    live = foldLive(live, event);
    folded += 1;
    const { committed, provisional } = live.transcript;
    const buffers: unknown[][] = [committed, provisional].map((log) => Reflect.get(log, "buffer"));
    for (const buffer of buffers) if (!known.includes(buffer)) count += buffer.length;
    known = buffers;
    if (folded % 1_000 === 0) kept.push([live.transcript, size(live.transcript)]);
  }
  for (const [state, was] of kept) expect(size(state)).toEqual(was);
  expect(kept.length).toBe(Math.floor(folded / 1_000));
  return count + folded;
}

describe("folding", () => {
  it.each([
    ["text deltas", deltas, 100_000],
    ["tool calls and results", calls, 4_000],
    ["committed calls and results", committedCalls, 4_000],
  ])("ten times as many %s copies ten times as much", (_, events, full) => {
    const count = (full / 10) * tenfold;
    expect(copied(events(10 * count))).toBeLessThanOrEqual(11 * copied(events(count)));
  });
});

function stored(seq: number): StoredChunk {
  return { seq, role: seq % 2 ? "user" : "assistant", chunk: { type: "text", text: "words" } };
}

function longConversation(chunks: number): TranscriptState {
  const history = Array.from({ length: chunks }, (_, index) => stored(index + 1));
  let live = liveFromHistory(history);
  live = foldLive(live, { type: "user-message", ...ids, text: "hi" });
  live = foldLive(live, { type: "reasoning-delta", ...ids, delta: "hm" });
  return foldLive(live, delta).transcript;
}

/** Return how many elements of logs the work reads and copies. */
function visited(work: () => unknown): number {
  let count = 0;
  const spies = [
    vi.spyOn(Log.prototype, "at"),
    vi.spyOn(Log.prototype, "append"),
    vi.spyOn(Log.prototype, "extend"),
  ];
  const { slice } = Log.prototype;
  const iterate = Log.prototype[Symbol.iterator];
  vi.spyOn(Log.prototype, "slice").mockImplementation(function (this: Log<unknown>, ...args) {
    const items = slice.apply(this, args);
    count += items.length;
    return items;
  });
  vi.spyOn(Log.prototype, Symbol.iterator).mockImplementation(function* (this: Log<unknown>) {
    for (const item of { [Symbol.iterator]: () => iterate.call(this) }) {
      count += 1;
      yield item;
    }
  });
  work();
  count += spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0);
  vi.restoreAllMocks();
  return count;
}

describe.each([
  ["selectMessages", selectMessages],
  ["selectChunks", selectChunks],
] as const)("%s", (_, select) => {
  const changes: [string, (state: TranscriptState) => TranscriptState][] = [
    ["a delta", (state) => foldEvent(state, delta)],
    [
      "a tail of our own log",
      (state) => {
        const told = { ...state, sync: newTold({ upto: state.committed.at(-1)?.seq ?? 0 }) };
        return syncHistory(told, [stored((state.committed.at(-1)?.seq ?? 0) + 1)]);
      },
    ],
    ["a tail", (state) => applyHistory(state, [stored((state.committed.at(-1)?.seq ?? 0) + 1)])],
  ];

  it.each(changes)("after %s does not depend on the length", (_, change) => {
    const work = [100, 10_000 * tenfold].map((chunks) => {
      const state = longConversation(chunks);
      const first = visited(() => select(state));
      return { first, again: visited(() => select(change(state))) };
    });
    const [short, long] = work;
    expect(long?.first).toBeGreaterThan(10_000 * tenfold);
    expect(long?.again).toBe(short?.again);
  });

  it("gives the same objects but the last after a delta", () => {
    const state = longConversation(1_000);
    const [before, after] = [select(state), select(foldEvent(state, delta))];
    const same = [...after].map((item, index) => item === before.at(index));
    expect(same.slice(0, -1)).not.toContain(false);
    expect(same.at(-1)).toBe(false);
    expect(after.length).toBe(before.length);
  });
});

describe("selectMessages", () => {
  it("shows of an older state what it showed, after a newer one was shown", () => {
    const states = [longConversation(10)];
    const shown: unknown[] = [];
    for (let number = 0; number < 12; number += 1) {
      const state = states.at(-1) as TranscriptState;
      shown.push([...selectMessages(state)]);
      const steering = { type: "steering", ...ids, text: String(number) } as const;
      states.push(foldEvent(state, number % 3 === 0 ? steering : delta));
    }
    const again = () => states.slice(0, -1).map((state) => [...selectMessages(state)]);
    expect(again()).toEqual(shown);
    const text = "another way";
    const fork = foldEvent(states[3] as TranscriptState, { type: "steering", ...ids, text });
    expect(selectMessages(fork).at(-1)?.chunks.at(-1)).toEqual({ type: "text", text });
    expect(again()).toEqual(shown);
  });

  it("keeps the message that crosses the border between stored and live", () => {
    const ops = [
      delta,
      { type: "tool-call", ...ids, toolCallId: "a", toolName: "f", input: {} },
      { type: "steering", ...ids, text: "more" },
    ] as const;
    const state = ops.reduce(foldLive, liveFromHistory([stored(1), stored(2)])).transcript;
    const [before, after] = [selectMessages(state), selectMessages(foldEvent(state, delta))];
    expect(before.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
    expect(before.at(1)?.chunks.length).toBe(3);
    expect(before.map((message, index) => message === after.at(index))).not.toContain(false);
  });
});
