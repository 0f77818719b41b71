import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeKernel, snapshotMessage, storedTexts } from "../testing/kernel";
import define from "../widget";

let kernel: FakeKernel;
let root: HTMLElement;
let cleanups: (() => void)[] = [];

type Props = Parameters<ReturnType<typeof define>["render"]>[0];

/** Open a chat in the page; each call of the definition gets a model of its own, as in a host. */
function open(traits: Record<string, unknown> = {}): () => HTMLElement {
  kernel = new FakeKernel(traits);
  const { initialize, render } = define();
  cleanups.push(initialize({ model: kernel.proxy() } as unknown as Props));
  const show = () => {
    const el = document.body.appendChild(document.createElement("div"));
    cleanups.push(render({ model: kernel.proxy(), el } as unknown as Props));
    return el.querySelector(".dnb-chat") as HTMLElement;
  };
  root = show();
  return show;
}

/** Open a chat whose kernel answered, with a turn that has begun. */
async function running(prompt = "question"): Promise<void> {
  open({ status: "running" });
  kernel.snapshot();
  kernel.events({ type: "user-message", text: prompt }, { type: "turn-start" });
  await frame();
}

async function frame(): Promise<void> {
  await vi.advanceTimersByTimeAsync(20);
}

function find<T extends Element = HTMLElement>(selector: string): T {
  const found = root.querySelector<T>(selector);
  if (!found) throw new Error(`${selector} is not shown`);
  return found;
}

function press(init: KeyboardEventInit): KeyboardEvent {
  const event = new KeyboardEvent("keydown", { bubbles: true, cancelable: true, ...init });
  find("textarea").dispatchEvent(event);
  return event;
}

function type(text: string): void {
  const input = find<HTMLTextAreaElement>("textarea.dnb-input");
  input.value = text;
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  for (const cleanup of cleanups) cleanup();
  cleanups = [];
  document.body.replaceChildren();
  vi.useRealTimers();
});

describe("a turn as it comes", () => {
  it("shows each side, and the same nodes before and after they are stored", async () => {
    await running();
    kernel.events({ type: "nb.chunks-committed", firstSeq: 1, count: 1 });
    kernel.events({ type: "text-delta", delta: "an **answer**" });
    await frame();
    const section = find('[data-role="assistant"]');
    const paragraph = find(".dnb-text p");
    expect(find('[data-role="user"]').textContent?.trim()).toBe("question");
    kernel.events({ type: "done", reason: "stop" });
    kernel.events({ type: "nb.chunks-committed", firstSeq: 2, count: 1, stepId: "s1" });
    kernel.events({ type: "turn-sealed" });
    await frame();
    expect(find('[data-role="assistant"]')).toBe(section);
    expect(find(".dnb-text p")).toBe(paragraph);
    expect(paragraph.innerHTML).toBe("an <strong>answer</strong>");
  });

  it("touches only the last block for a delta, once per frame", async () => {
    await running();
    kernel.events({ type: "text-delta", delta: "one\n\ntwo\n\nthr" });
    await frame();
    const touched: MutationRecord[] = [];
    const observer = new MutationObserver((records) => touched.push(...records));
    observer.observe(root, {
      subtree: true,
      childList: true,
      characterData: true,
      attributes: true,
    });
    kernel.events({ type: "text-delta", delta: "ee" });
    kernel.events({ type: "text-delta", delta: " more" });
    await frame();
    touched.push(...observer.takeRecords());
    const prose = find(".dnb-text .dnb-prose");
    expect(touched.filter(({ target }) => target !== prose)).toEqual([]);
    const added = touched
      .flatMap(({ addedNodes }) => [...addedNodes])
      .filter((n) => n instanceof Element);
    expect(added.map(({ textContent }) => textContent)).toEqual(["three more"]);
    expect(find(".dnb-text").textContent?.replaceAll("\n", "|")).toContain("one|two|three more");
  });

  it("acknowledges after it has painted", async () => {
    await running();
    expect(kernel.act("ack").upto).toBe(2);
    kernel.events({ type: "text-delta", delta: "x" });
    expect(kernel.act("ack").upto).toBe(2);
    await frame();
    expect(kernel.act("ack").upto).toBe(3);
  });

  it("opens thinking while it streams, folds it after, and keeps the person's choice", async () => {
    await running();
    kernel.events({ type: "reasoning-delta", delta: "let me see" });
    await frame();
    expect(find<HTMLDetailsElement>("details.dnb-thinking").open).toBe(true);
    kernel.events({ type: "text-delta", delta: "answer" });
    await frame();
    expect(find<HTMLDetailsElement>("details.dnb-thinking").open).toBe(false);
    expect(find(".dnb-thinking summary").textContent?.replace(/\s+/g, " ").trim()).toBe(
      "Thought 3 words",
    );
    find(".dnb-thinking summary").click();
    await frame();
    kernel.events({ type: "done", reason: "stop" });
    await frame();
    expect(find<HTMLDetailsElement>("details.dnb-thinking").open).toBe(true);
  });

  it("shows a tool call running, settled and with its result", async () => {
    await running();
    const input = { a: 1, b: [2, "x"] };
    kernel.events({ type: "tool-call", toolCallId: "1", toolName: "add", input, stepId: "s1" });
    await frame();
    expect(find(".dnb-tool").dataset).toMatchObject({ toolName: "add", state: "running" });
    expect(find(".dnb-tool-inline").textContent).toBe('a: 1, b: [2,"x"]');
    kernel.events({
      type: "nb.tool-settled",
      toolCallId: "1",
      stepId: "s1",
      isError: false,
      durationMs: 1234,
    });
    await frame();
    expect(find(".dnb-tool").dataset.state).toBe("done");
    expect(find(".dnb-tool-state").textContent).toBe("Done · 1.2 s");
    const result = { toolCallId: "1", toolName: "add", content: "<b>3</b>", isError: false };
    kernel.events({ type: "tool-result", stepId: "s1", ...result });
    await frame();
    expect(find(".dnb-tool-result pre").textContent).toBe("<b>3</b>");
  });

  it("folds a long result by size and unfolds it on request", async () => {
    await running();
    const ids = { toolCallId: "1", toolName: "read", stepId: "s1" };
    const content = Array.from({ length: 100 }, (_, index) => `line ${index}`).join("\n");
    kernel.events({ type: "tool-call", ...ids, input: {} });
    kernel.events({ type: "tool-result", ...ids, content, isError: false });
    await frame();
    expect(find(".dnb-tool-result pre").textContent?.split("\n")).toHaveLength(8);
    expect(find(".dnb-more").textContent?.trim()).toBe("Show all (100 lines, 789 B)");
    find(".dnb-more").click();
    await frame();
    expect(find(".dnb-tool-result pre").textContent).toBe(content);
  });

  it("shows an error with what to do, and puts the prompt back on request", async () => {
    await running("my question");
    kernel.events({ type: "error", message: "Too many requests.", code: "429" });
    kernel.events({ type: "done", reason: "error" }, { type: "turn-sealed" });
    kernel.change({ status: "idle" });
    await frame();
    expect(find(".dnb-error-message").textContent).toBe("Too many requests. 429");
    expect(find(".dnb-error-advice").textContent).toMatch(/wait a little/);
    find(".dnb-again").click();
    await frame();
    expect(find<HTMLTextAreaElement>("textarea").value).toBe("my question");
  });

  it("announces a retry until the next sign of life", async () => {
    await running();
    kernel.events({
      type: "provider-retry",
      attempt: 0,
      delayMs: 2400,
      message: "Overloaded",
      code: "529",
    });
    await frame();
    expect(find(".dnb-retry").textContent?.replace(/\s+/g, " ").trim()).toBe(
      "Retry #1 in 2s Overloaded (529)",
    );
    kernel.events({ type: "text-delta", delta: "x" });
    await frame();
    expect(root.querySelector(".dnb-retry")).toBeNull();
  });

  it("tells a screen reader of beginnings and ends, never of tokens", async () => {
    await running();
    const said: string[] = [];
    const status = find('[role="status"]');
    const observer = new MutationObserver(() => said.push(status.textContent ?? ""));
    observer.observe(status, { childList: true, characterData: true, subtree: true });
    for (const delta of ["a", "b", "c"]) {
      kernel.events({ type: "text-delta", delta });
      await frame();
    }
    kernel.events({
      type: "tool-call",
      toolCallId: "1",
      toolName: "add",
      input: null,
      stepId: "s1",
    });
    await frame();
    kernel.change({ status: "stopping" });
    await frame();
    kernel.events({ type: "done", reason: "aborted" });
    kernel.change({ status: "idle" });
    await frame();
    expect(said).toEqual(["Running tool add", "Stopped"]);
    expect(find('[role="log"]').getAttribute("aria-live")).toBe("off");
  });
});

describe("the composer", () => {
  it("sends on Enter, not on Shift+Enter and not while an input method composes", async () => {
    open();
    kernel.snapshot();
    type("hello");
    expect(press({ key: "Enter", shiftKey: true }).defaultPrevented).toBe(false);
    expect(press({ key: "Enter", isComposing: true }).defaultPrevented).toBe(false);
    expect(press({ key: "Enter", keyCode: 229 }).defaultPrevented).toBe(false);
    expect(kernel.count("send")).toBe(0);
    expect(press({ key: "Enter" }).defaultPrevented).toBe(true);
    expect(kernel.act("send").text).toBe("hello");
    await frame();
    expect(find<HTMLTextAreaElement>("textarea").value).toBe("");
    expect(find(".dnb-pending .dnb-bubble").textContent).toBe("hello");
  });

  it("keeps keys from the notebook", () => {
    open();
    const heard = vi.fn();
    for (const name of ["keydown", "keypress", "keyup"])
      document.body.addEventListener(name, heard);
    for (const name of ["keydown", "keypress", "keyup"]) {
      find("textarea").dispatchEvent(new KeyboardEvent(name, { key: "d", bubbles: true }));
    }
    expect(heard).not.toHaveBeenCalled();
    expect(root.dataset.lmSuppressShortcuts).toBe("true");
  });

  it("keeps the draft when the view is drawn anew, and in a second view", async () => {
    const show = open();
    kernel.snapshot();
    type("half a thou");
    kernel.events(
      { type: "user-message", text: "from a cell" },
      { type: "text-delta", delta: "x" },
    );
    await frame();
    expect(find<HTMLTextAreaElement>("textarea").value).toBe("half a thou");
    const second = show();
    expect(second.querySelector("textarea")?.value).toBe("half a thou");
    expect(second.querySelector(".dnb-text")?.textContent?.trim()).toBe("x");
  });

  it("offers Stop while a turn runs and steers with what is written", async () => {
    await running();
    type("shorter, please");
    press({ key: "Enter" });
    expect(kernel.act("steer").text).toBe("shorter, please");
    find(".dnb-stop").click();
    await frame();
    expect(kernel.count("stop")).toBe(1);
    expect(root.dataset.status).toBe("stopping");
    expect(find<HTMLButtonElement>(".dnb-stop").disabled).toBe(true);
    await vi.advanceTimersByTimeAsync(1100);
    expect(find(".dnb-word").textContent).toBe(
      "The kernel is busy: use the notebook's interrupt button",
    );
    kernel.change({ status: "idle" });
    await frame();
    expect(root.querySelector(".dnb-stop, .dnb-word")).toBeNull();
  });

  it("gets a refused text back with the reason", async () => {
    open();
    kernel.snapshot();
    type("hello");
    press({ key: "Enter" });
    const { requestId } = kernel.act("send");
    kernel.say({ type: "reply", requestId, accepted: false, reason: "A turn is running." });
    await frame();
    expect(find<HTMLTextAreaElement>("textarea").value).toBe("hello");
    expect(find(".dnb-refused").textContent).toBe("A turn is running.");
    expect(find('[role="status"]').textContent).toBe("A turn is running.");
    expect(root.querySelector(".dnb-pending")).toBeNull();
  });
});

describe("around the conversation", () => {
  it("shows title, model, status, tokens and what the kernel says about trouble", async () => {
    open({ title: "Rain", model: "scripted:demo", notice: "The store is full." });
    kernel.snapshot();
    kernel.change({ totals: { inputTokens: 12345, outputTokens: 67 } });
    await frame();
    expect(find(".dnb-title").textContent).toBe("Rain");
    expect(find(".dnb-model").textContent).toBe("scripted:demo");
    expect(find(".dnb-usage").textContent?.replace(/\s+/g, " ").trim()).toBe(
      "Tokens: 12,345 in, 67 out",
    );
    expect(find(".dnb-word").textContent).toBe("The store is full.");
    expect(root.dataset.status).toBe("idle");
  });

  it("shows the saved conversation without a kernel, and nothing can be sent", async () => {
    open({ saved: snapshotMessage(3, { committed: storedTexts(1, "q", "**a**") }) });
    expect(find(".dnb-text strong").textContent).toBe("a");
    await vi.advanceTimersByTimeAsync(2100);
    expect(find(".dnb-word").textContent).toBe("No kernel: showing the saved conversation");
    expect(find<HTMLTextAreaElement>("textarea").disabled).toBe(true);
    expect(find<HTMLButtonElement>(".dnb-send").disabled).toBe(true);
  });

  it("loads earlier messages on request", async () => {
    open();
    kernel.snapshot({ committed: storedTexts(3, "c", "d") });
    await frame();
    const kept = find('[data-role="user"]');
    find(".dnb-earlier button").click();
    kernel.say({ type: "history", chunks: storedTexts(1, "a", "b"), latestSeq: 2 });
    await frame();
    expect(root.querySelector(".dnb-earlier")).toBeNull();
    expect([...root.querySelectorAll("[data-role]")].indexOf(kept)).toBe(2);
  });

  it("leaves nothing behind when its views and its model are gone", () => {
    open();
    for (const cleanup of cleanups.reverse()) cleanup();
    cleanups = [];
    expect(document.querySelector(".dnb-chat")).toBeNull();
    expect(kernel.listeners()).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});
