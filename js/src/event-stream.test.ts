import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { storedTexts } from "./testing/kernel";
import { open, opened, shown } from "./testing/opened";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("the numbered event stream", () => {
  it("asks for a snapshot at once and folds what follows it", () => {
    const { kernel, store } = open();
    expect(kernel.sent).toEqual([{ type: "ready" }]);
    kernel.next = 7;
    kernel.snapshot({ committed: storedTexts(1, "hello") });
    kernel.events({ type: "turn-start" }, { type: "text-delta", delta: "good " });
    kernel.events({ type: "text-delta", delta: "day" });
    expect(shown(store)).toEqual(["hello", "good day"]);
    expect(kernel.count("resync")).toBe(0);
  });

  it("asks for what is missing after a gap and shows nothing past it", () => {
    const { kernel, store } = opened();
    kernel.events({ type: "text-delta", delta: "one " });
    const lost = kernel.message({ type: "text-delta", delta: "two " });
    kernel.events({ type: "text-delta", delta: "three" });
    expect(kernel.act("resync")).toEqual({ type: "resync", from: lost.from });
    expect(shown(store)).toEqual(["one "]);
    kernel.snapshot({ accumulating: { kind: "text", text: "one two three", turnId: "t1" } });
    kernel.events({ type: "text-delta", delta: "!" });
    expect(shown(store)).toEqual(["one two three!"]);
    expect(kernel.count("resync")).toBe(1);
  });

  it("takes the missing events themselves as an answer to a resync", () => {
    const { kernel, store } = opened();
    const lost = kernel.message({ type: "text-delta", delta: "a" });
    const later = kernel.message({ type: "text-delta", delta: "b" });
    kernel.say(later);
    kernel.say(lost);
    kernel.say(later);
    expect(shown(store)).toEqual(["ab"]);
  });

  it("repeats a resync that nobody answers", () => {
    const { kernel } = opened();
    kernel.message({ type: "text-delta", delta: "lost" });
    kernel.events({ type: "text-delta", delta: "a" });
    kernel.events({ type: "text-delta", delta: "b" });
    expect(kernel.count("resync")).toBe(1);
    vi.advanceTimersByTime(250);
    expect(kernel.count("resync")).toBe(2);
    vi.advanceTimersByTime(499);
    expect(kernel.count("resync")).toBe(2);
    vi.advanceTimersByTime(1);
    expect(kernel.count("resync")).toBe(3);
  });

  it("learns from an empty message that the newest events were lost", () => {
    const { kernel, store } = opened();
    kernel.events({ type: "text-delta", delta: "a" });
    const lost = kernel.message({ type: "text-delta", delta: "b" });
    kernel.say({ type: "events", from: kernel.next, upto: kernel.next - 1, events: [] });
    expect(kernel.act("resync").from).toBe(lost.from);
    expect(shown(store)).toEqual(["a"]);
  });

  it("says again what is painted when it is asked", () => {
    const { kernel, store } = opened();
    kernel.events({ type: "text-delta", delta: "a" });
    store.painted();
    kernel.say({ type: "events", from: kernel.next, upto: kernel.next - 1, events: [] });
    store.painted();
    vi.advanceTimersByTime(250);
    expect(kernel.count("ack")).toBe(2);
    expect(kernel.count("resync")).toBe(0);
  });

  it("notices that the word of a turn's end was lost", () => {
    const { kernel } = opened({ status: "running" });
    kernel.events(
      { type: "turn-start" },
      { type: "done", reason: "stop" },
      { type: "turn-sealed" },
    );
    vi.advanceTimersByTime(700);
    expect(kernel.act("resync").from).toBe(4);
  });

  it("ignores events it already has and asks again when they overlap", () => {
    const { kernel, store } = opened();
    const first = kernel.message(
      { type: "text-delta", delta: "a" },
      { type: "text-delta", delta: "b" },
    );
    kernel.say(first);
    kernel.say(first);
    expect(shown(store)).toEqual(["ab"]);
    expect(kernel.count("resync")).toBe(0);
    const ids = { conversationId: "c1", turnId: "t1" };
    const overlapping = ["b", "c"].map((delta) => ({ ...ids, type: "text-delta", delta }));
    kernel.say({ type: "events", from: 2, upto: 3, events: overlapping });
    expect(shown(store)).toEqual(["ab"]);
    expect(kernel.act("resync").from).toBe(3);
  });

  it("notices that the last message of a turn was lost", () => {
    const { kernel, store } = opened({ status: "running" });
    kernel.events({ type: "turn-start" }, { type: "text-delta", delta: "the" });
    kernel.message({ type: "text-delta", delta: " end" }, { type: "done", reason: "stop" });
    kernel.change({ status: "idle", last_seq: 2 });
    expect(kernel.count("resync")).toBe(0);
    vi.advanceTimersByTime(700);
    expect(kernel.act("resync").from).toBe(3);
    kernel.snapshot({ committed: storedTexts(1, "q", "the end") });
    vi.advanceTimersByTime(10_000);
    expect(kernel.count("resync")).toBe(1);
    expect(shown(store)).toEqual(["q", "the end"]);
  });

  it("acknowledges what is painted, once, and every snapshot anew", () => {
    const { kernel, store } = opened();
    store.painted();
    expect(kernel.count("ack")).toBe(0);
    kernel.events({ type: "turn-start" }, { type: "text-delta", delta: "a" });
    store.painted();
    store.painted();
    expect(kernel.sent.filter(({ type }) => type === "ack")).toEqual([{ type: "ack", upto: 2 }]);
    kernel.snapshot();
    store.painted();
    vi.advanceTimersByTime(250);
    expect(kernel.count("ack")).toBe(2);
  });

  it("acknowledges four times a second at most, and the newest in the end", () => {
    const { kernel, store } = opened();
    for (let count = 0; count < 30; count += 1) {
      kernel.events({ type: "text-delta", delta: "a" });
      store.painted();
      vi.advanceTimersByTime(33);
    }
    vi.advanceTimersByTime(250);
    expect(kernel.count("ack")).toBeLessThanOrEqual(5);
    expect(kernel.act("ack")).toEqual({ type: "ack", upto: 30 });
  });

  it("says that a message is unreadable, naming the field, and asks again", () => {
    const { kernel, store } = opened();
    kernel.say({ type: "events", from: 1, upto: 1, events: [{ type: "text-delta", delta: 3 }] });
    expect(store.state().notice).toMatch(/could not be read/);
    expect(kernel.act("resync").from).toBe(1);
  });

  it("puts older pages before what is there, also while a turn streams", () => {
    const { kernel, store } = opened();
    kernel.snapshot({ committed: storedTexts(3, "c", "d") });
    kernel.events({ type: "turn-start" }, { type: "text-delta", delta: "e" });
    store.older();
    store.older();
    expect(kernel.sent.filter(({ type }) => type === "older")).toEqual([
      { type: "older", before: 3 },
    ]);
    kernel.say({ type: "history", chunks: storedTexts(1, "a", "b"), latestSeq: 2 });
    expect(shown(store)).toEqual(["a", "b", "c", "d", "e"]);
    expect(store.state().isLoadingOlder).toBe(false);
    store.older();
    expect(kernel.count("older")).toBe(1);
  });

  it("drops a page that no longer reaches what is there", () => {
    const { kernel, store } = opened();
    kernel.snapshot({ committed: storedTexts(301, "c") });
    kernel.say({ type: "history", chunks: storedTexts(1, "a", "b"), latestSeq: 2 });
    expect(shown(store)).toEqual(["c"]);
    kernel.say({ type: "history", chunks: storedTexts(299, "a", "b"), latestSeq: 300 });
    expect(shown(store)).toEqual(["a", "b", "c"]);
  });

  it("unloads what is far above while everyone follows the end, and pages it in again", () => {
    const { kernel, store } = opened();
    const texts = Array.from({ length: 1000 }, (_, index) => `${index + 1}`);
    const view = {};
    store.read(view, false);
    kernel.snapshot({ committed: storedTexts(1, ...texts) });
    kernel.events({ type: "turn-start" });
    expect(shown(store)).toHaveLength(1000);
    store.read(view, true);
    expect(shown(store)).toHaveLength(616);
    expect(shown(store).at(0)).toBe("385");
    store.read(view, false);
    store.older();
    expect(kernel.act("older").before).toBe(385);
    kernel.say({
      type: "history",
      chunks: storedTexts(129, ...texts.slice(128, 384)),
      latestSeq: 384,
    });
    expect(shown(store).at(0)).toBe("129");
    kernel.events({ type: "text-delta", delta: "x" });
    expect(shown(store)).toHaveLength(1000 - 128 + 1);
  });

  it("keeps older pages over a new snapshot unless chunks between them are missing", () => {
    const { kernel, store } = opened();
    kernel.snapshot({ committed: storedTexts(1, "a", "b") });
    kernel.snapshot({ committed: storedTexts(3, "c", "d") });
    expect(shown(store)).toEqual(["a", "b", "c", "d"]);
    kernel.snapshot({ committed: storedTexts(7, "g") });
    expect(shown(store)).toEqual(["g"]);
  });
});
