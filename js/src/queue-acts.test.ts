import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ChatStore } from "./chat-state";
import type { FakeKernel } from "./testing/kernel";
import { opened } from "./testing/opened";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("what is queued", () => {
  function entry(id: string, text: string, kept = false): Record<string, unknown> {
    return { id, text, queuedAt: 1, kept };
  }

  function typed(store: ChatStore, kernel: FakeKernel, text: string): string {
    store.edit(text);
    store.submit();
    const { requestId } = kernel.act("steer");
    kernel.say({ type: "reply", requestId, accepted: true });
    return requestId;
  }

  function answer(kernel: FakeKernel, accepted = true): void {
    const { requestId } = kernel.act("cancel-queued");
    kernel.say({ type: "reply", requestId, accepted, ...(accepted ? {} : { reason: "Gone." }) });
  }

  it("is shown from the queue as soon as the kernel lists it, and once only", () => {
    const { kernel, store } = opened({ status: "running" });
    const id = typed(store, kernel, "in French");
    expect(store.state().pending.map(({ text }) => text)).toEqual(["in French"]);
    kernel.change({ queue: [entry(id, "in French")] });
    expect(store.state().pending).toEqual([]);
    expect(store.state().queue.map(({ text }) => text)).toEqual(["in French"]);
  });

  it("is there on a page that did not type it", () => {
    const { store } = opened({ status: "running", queue: [entry("other-1", "in French")] });
    expect(store.state().queue.map(({ text }) => text)).toEqual(["in French"]);
  });

  it("is no longer pending when several texts reach the model as one message", () => {
    const { kernel, store } = opened({ status: "running" });
    typed(store, kernel, "in French");
    typed(store, kernel, "and short");
    typed(store, kernel, "French");
    kernel.events({ type: "steering", text: "in French\n\nand short" });
    expect(store.state().pending.map(({ text }) => text)).toEqual(["French"]);
  });

  it("does not stay pending when its event was in a snapshot before the reply", () => {
    const { kernel, store } = opened({ status: "running" });
    typed(store, kernel, "in French");
    vi.advanceTimersByTime(3000);
    expect(store.state().pending).toEqual([]);
  });

  it("comes back to be rewritten only once it has left the queue", () => {
    const { kernel, store } = opened({ status: "running", queue: [entry("q1", "in French")] });
    store.edit("later");
    store.rewrite("q1");
    store.rewrite("q1");
    expect(kernel.count("cancel-queued")).toBe(1);
    expect(kernel.act("cancel-queued").id).toBe("q1");
    expect(store.state().draft).toBe("later");
    answer(kernel);
    expect(store.state()).toMatchObject({ draft: "in French\n\nlater", refused: null });
  });

  it("is dropped by Cancel, and what is gone already is told", () => {
    const { kernel, store } = opened({ status: "running", queue: [entry("q1", "in French")] });
    store.cancel("q1");
    answer(kernel, false);
    expect(store.state()).toMatchObject({ draft: "", notice: "Gone." });
    store.cancel("q1");
    answer(kernel);
    expect(store.state().draft).toBe("");
  });

  it("comes back by itself after a stop to the page that typed it, in its order", () => {
    const { kernel, store } = opened({ status: "running" });
    const one = typed(store, kernel, "one");
    const two = typed(store, kernel, "two");
    kernel.change({ queue: [entry(one, "one"), entry(two, "two"), entry("other", "three")] });
    kernel.change({
      queue: [entry(one, "one, edited", true), entry(two, "two", true), entry("other", "3", true)],
    });
    kernel.change({ status: "idle" });
    const asked = kernel.sent.filter((message) => message.type === "cancel-queued");
    expect(asked.map(({ id }) => id)).toEqual([two, one]);
    for (const { requestId } of asked) kernel.say({ type: "reply", requestId, accepted: true });
    expect(store.state().draft).toBe("one, edited\n\ntwo");
    expect(store.state().refused).toMatchObject({ isTrouble: false });
  });

  it("stays away when another page has taken it first", () => {
    const { kernel, store } = opened({ status: "running" });
    const id = typed(store, kernel, "mine");
    kernel.change({ queue: [entry(id, "mine", true)] });
    answer(kernel, false);
    expect(store.state()).toMatchObject({ draft: "", notice: null });
  });

  it("is sent on request when no turn runs, once", () => {
    const { kernel, store } = opened({ queue: [entry("q1", "in French", true)] });
    store.sendQueued();
    store.sendQueued();
    expect(kernel.count("send-queued")).toBe(1);
    kernel.change({ status: "running" });
    store.sendQueued();
    expect(kernel.count("send-queued")).toBe(1);
  });
});
