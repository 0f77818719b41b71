import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BUSY } from "./acts";
import type { ChatStore } from "./chat-state";
import { type FakeKernel, snapshotMessage, storedTexts } from "./testing/kernel";
import { beingSent, open, opened, shown } from "./testing/opened";
import { selectChunks } from "./transcript/selectors";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("the person's acts", () => {
  function write(store: ChatStore, text: string): void {
    store.edit(text);
    store.submit();
  }

  /** The kernel takes the newest message: the events that every turn begins with. */
  function take(kernel: FakeKernel, text: string, clientMessageId: string): void {
    kernel.events({ type: "nb.prompt-sent", clientMessageId }, { type: "user-message", text });
  }

  it("shows a prompt at once, and its own event takes its place", () => {
    const { kernel, store } = opened();
    write(store, " hello ");
    const { text, requestId } = kernel.act("send");
    expect(text).toBe("hello");
    expect(store.state().draft).toBe("");
    expect(beingSent(store)).toEqual(["hello"]);
    expect(store.state().pending.map((each) => each.text)).toEqual(["hello"]);
    kernel.say({ type: "reply", requestId, accepted: true });
    expect(beingSent(store)).toEqual(["hello"]);
    take(kernel, "hello", requestId);
    expect(store.state().pending).toEqual([]);
    expect(beingSent(store)).toEqual([]);
    expect(shown(store)).toEqual(["hello"]);
  });

  it("lets nobody else's message of the same text claim a prompt", () => {
    const { kernel, store } = opened();
    write(store, "again");
    const { requestId } = kernel.act("send");
    take(kernel, "again", "somebody-else-1");
    expect(shown(store)).toEqual(["again", "again"]);
    expect(beingSent(store)).toEqual(["again"]);
    kernel.say({ type: "reply", requestId, accepted: false, reason: "A turn is running." });
    expect(shown(store)).toEqual(["again"]);
    expect(beingSent(store)).toEqual([]);
    expect(store.state().draft).toBe("again");
  });

  it("claims each of two equal prompts by its own event", () => {
    const { kernel, store } = opened();
    write(store, "again");
    const first = kernel.act("send").requestId;
    write(store, "again");
    take(kernel, "again", first);
    expect(store.state().pending).toHaveLength(1);
    expect(beingSent(store)).toEqual(["again"]);
  });

  it("keeps a prompt over a snapshot that does not contain it, and not over one that does", () => {
    const { kernel, store } = opened();
    write(store, "hello");
    const { requestId } = kernel.act("send");
    kernel.snapshot({ committed: storedTexts(1, "old", "older") });
    expect(shown(store)).toEqual(["old", "older", "hello"]);
    kernel.say({
      ...(snapshotMessage(4, { committed: storedTexts(1, "old", "older", "hello") }) as object),
      claimed: ["somebody-else-1", requestId],
    });
    expect(shown(store)).toEqual(["old", "older", "hello"]);
    expect(beingSent(store)).toEqual([]);
    expect(store.state().pending).toEqual([]);
  });

  it("shows the images that go with a prompt, and gives them back when it is refused", async () => {
    vi.useRealTimers();
    const { kernel, store } = opened();
    await store.attach([new File(["x"], "x.png", { type: "image/png" })]);
    write(store, "look");
    const { requestId, images } = kernel.act("send");
    const last = [...selectChunks(store.state().live.transcript)].at(-1);
    expect(last).toMatchObject({ sending: true, chunk: { type: "image", url: images?.[0] } });
    kernel.say({ type: "reply", requestId, accepted: false, reason: "No." });
    expect(shown(store)).toEqual([]);
    expect(store.state().attachments.map(({ name }) => name)).toEqual(["x.png"]);
    expect(store.state().draft).toBe("look");
    store.close();
  });

  it("gives a prompt back that was on its way when the kernel died", () => {
    const { kernel, store } = opened();
    write(store, "hello");
    kernel.die();
    expect(store.state()).toMatchObject({ connection: "lost", draft: "hello", pending: [] });
    expect(shown(store)).toEqual([]);
  });

  it("takes a text that waits for a running turn for no prompt", () => {
    const { kernel, store } = opened({ status: "running" });
    write(store, "in French");
    expect(kernel.count("steer")).toBe(1);
    expect(shown(store)).toEqual([]);
    expect(store.state().pending.map(({ type }) => type)).toEqual(["steer"]);
  });

  it("puts a refused message back before what was written since, with the reason", () => {
    const { kernel, store } = opened();
    write(store, "first");
    store.edit("second");
    const { requestId } = kernel.act("send");
    kernel.say({ type: "reply", requestId, accepted: false, reason: "A turn is running." });
    expect(store.state().draft).toBe("first\n\nsecond");
    expect(store.state().refused).toEqual({
      ...{ requestId, reason: "A turn is running." },
      isTrouble: true,
    });
    expect(store.state().pending).toEqual([]);
    store.edit("first");
    expect(store.state().refused).toBeNull();
  });

  it("takes a kernel that runs a turn but does not answer for a busy one, not for none", () => {
    const { kernel, store } = open();
    kernel.change({ status: "running" });
    vi.advanceTimersByTime(10_000);
    expect(store.state()).toMatchObject({ connection: "waiting", status: "running" });
    store.stop();
    vi.advanceTimersByTime(1000);
    expect(store.state().notice).toBe(BUSY);
    kernel.change({ status: "idle" });
    expect(store.state()).toMatchObject({ status: "idle", notice: null });
  });

  it("gives a message back when there is no kernel to send it to", () => {
    const { kernel, store } = opened();
    kernel.isGone = true;
    write(store, "hello?");
    expect(store.state()).toMatchObject({ draft: "hello?", pending: [] });
    expect(store.state().refused?.reason).toMatch("The kernel is not running");
  });

  it("tells of a message that nobody answers, and stops telling when somebody does", () => {
    const { kernel, store } = opened();
    write(store, "hello?");
    vi.advanceTimersByTime(3999);
    expect(store.state().notice).toBeNull();
    vi.advanceTimersByTime(1);
    expect(store.state().notice).toMatch("No answer from the kernel yet");
    expect(store.state().pending).toHaveLength(1);
    const { requestId } = kernel.act("send");
    kernel.say({ type: "reply", requestId, accepted: true });
    expect(store.state().notice).toBeNull();
  });

  it("ignores replies to another page's acts", () => {
    const { kernel, store } = opened();
    write(store, "mine");
    kernel.say({ type: "reply", requestId: "somebody-else-1", accepted: false, reason: "no" });
    expect(store.state().refused).toBeNull();
    expect(store.state().pending).toHaveLength(1);
  });

  it("steers while a turn runs and sends nothing that is empty", () => {
    const { kernel, store } = opened({ status: "running" });
    write(store, "   ");
    expect(kernel.sent.map(({ type }) => type)).toEqual(["ready"]);
    write(store, "in French");
    expect(kernel.act("steer").text).toBe("in French");
    kernel.events({ type: "steering", text: "in French" });
    expect(store.state().pending).toEqual([]);
  });

  it("tells of the interrupt button when Stop gets no reply within a second", () => {
    const { kernel, store } = opened({ status: "running" });
    store.stop();
    store.stop();
    expect(kernel.count("stop")).toBe(1);
    expect(store.state().status).toBe("stopping");
    vi.advanceTimersByTime(999);
    expect(store.state().notice).toBeNull();
    vi.advanceTimersByTime(1);
    expect(store.state().notice).toBe(BUSY);
    kernel.change({ status: "idle" });
    expect(store.state().notice).toBeNull();
  });

  it("says nothing of the interrupt button when the reply is in time", () => {
    const { kernel, store } = opened({ status: "running" });
    store.stop();
    kernel.say({ type: "reply", requestId: kernel.act("stop").requestId, accepted: true });
    vi.advanceTimersByTime(5000);
    expect(store.state().notice).toBeNull();
  });
});
