import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BUSY } from "./acts";
import type { ChatStore } from "./chat-state";
import { createChatStore } from "./chat-store";
import { FakeKernel, snapshotMessage, storedTexts } from "./testing/kernel";
import { selectChunks, selectMessages } from "./transcript/selectors";
import { modelTransport } from "./transport";

function open(traits = {}): { kernel: FakeKernel; store: ChatStore } {
  const kernel = new FakeKernel(traits);
  return { kernel, store: createChatStore(modelTransport(kernel.proxy())) };
}

function opened(traits = {}): { kernel: FakeKernel; store: ChatStore } {
  const { kernel, store } = open(traits);
  kernel.snapshot();
  return { kernel, store };
}

function shown(store: ChatStore): string[] {
  const messages = [...selectMessages(store.state().live.transcript)];
  return messages.flatMap(({ chunks }) =>
    chunks.map((chunk) => ("text" in chunk ? chunk.text : "")),
  );
}

/** The own prompts that are shown as being sent. */
function beingSent(store: ChatStore): string[] {
  const chunks = [...selectChunks(store.state().live.transcript)];
  return chunks.flatMap(({ chunk, sending }) => (sending && "text" in chunk ? [chunk.text] : []));
}

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

describe("a notebook without its kernel", () => {
  const saved = snapshotMessage(5, { committed: storedTexts(1, "kept", "answer") });

  it("shows the saved conversation at once, and after two seconds says that there is no kernel", () => {
    const { kernel, store } = open({ saved, status: "running" });
    expect(shown(store)).toEqual(["kept", "answer"]);
    expect(store.state().connection).toBe("waiting");
    vi.advanceTimersByTime(2000);
    expect(store.state()).toMatchObject({ connection: "saved", status: "idle" });
    store.edit("hello?");
    store.submit();
    expect(kernel.count("send")).toBe(0);
    expect(store.state().draft).toBe("hello?");
  });

  it("goes live when a busy kernel answers late", () => {
    const { kernel, store } = open({ saved, status: "running" });
    vi.advanceTimersByTime(2000);
    kernel.snapshot({ committed: storedTexts(1, "kept", "answer", "more") });
    expect(store.state()).toMatchObject({ connection: "live", status: "running" });
    expect(shown(store)).toEqual(["kept", "answer", "more"]);
  });

  it("tells a kernel that never answered from a saved conversation", () => {
    const { store } = open();
    vi.advanceTimersByTime(2000);
    expect(store.state().connection).toBe("absent");
  });

  it("says when what was saved cannot be read", () => {
    const { store } = open({ saved: { type: "snapshot", next: "five" } });
    expect(store.state().notice).toMatch(/next/);
  });
});

it("leaves no handler and no timer behind when it is closed", () => {
  const { kernel, store } = opened({ status: "running" });
  store.stop();
  store.close();
  expect(kernel.listeners()).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});
