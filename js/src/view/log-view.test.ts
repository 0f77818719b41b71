import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { storedTexts } from "../testing/kernel";
import { ChatPage } from "../testing/page";

let page: ChatPage;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  page.close();
  vi.useRealTimers();
});

describe("a turn as it comes", () => {
  it("shows each side, and the same nodes before and after they are stored", async () => {
    page = await ChatPage.running();
    page.kernel.events({ type: "nb.chunks-committed", firstSeq: 1, count: 1 });
    page.kernel.events({ type: "text-delta", delta: "an **answer**" });
    await page.frame();
    const section = page.find('[data-role="assistant"]');
    const paragraph = page.find(".dnb-text p");
    expect(page.find('[data-role="user"]').textContent?.trim()).toBe("question");
    page.kernel.events({ type: "done", reason: "stop" });
    page.kernel.events({ type: "nb.chunks-committed", firstSeq: 2, count: 1, stepId: "s1" });
    page.kernel.events({ type: "turn-sealed" });
    await page.frame();
    expect(page.find('[data-role="assistant"]')).toBe(section);
    expect(page.find(".dnb-text p")).toBe(paragraph);
    expect(paragraph.innerHTML).toBe("an <strong>answer</strong>");
  });

  it("touches only the last block for a delta, once per frame", async () => {
    page = await ChatPage.running();
    page.kernel.events({ type: "text-delta", delta: "one\n\ntwo\n\nthr" });
    await page.frame();
    const touched: MutationRecord[] = [];
    const observer = new MutationObserver((records) => touched.push(...records));
    observer.observe(page.root, {
      subtree: true,
      childList: true,
      characterData: true,
      attributes: true,
    });
    page.kernel.events({ type: "text-delta", delta: "ee" });
    page.kernel.events({ type: "text-delta", delta: " more" });
    await page.frame();
    touched.push(...observer.takeRecords());
    // One piece of text, added to the one node that grows.
    expect(touched.map(({ type, target }) => [type, target.textContent])).toEqual([
      ["characterData", "three more"],
    ]);
    expect(page.find(".dnb-text").textContent?.replaceAll("\n", "|")).toContain(
      "one|two|three more",
    );
  });

  it("acknowledges after it has painted", async () => {
    page = await ChatPage.running();
    expect(page.kernel.act("ack").upto).toBe(2);
    page.kernel.events({ type: "text-delta", delta: "x" });
    expect(page.kernel.act("ack").upto).toBe(2);
    await page.frame();
    vi.advanceTimersByTime(250);
    expect(page.kernel.act("ack").upto).toBe(3);
  });

  it("opens thinking while it streams, folds it after, and keeps the person's choice", async () => {
    page = await ChatPage.running();
    page.kernel.events({ type: "reasoning-delta", delta: "let me see" });
    await page.frame();
    expect(page.find<HTMLDetailsElement>("details.dnb-thinking").open).toBe(true);
    page.kernel.events({ type: "text-delta", delta: "answer" });
    await page.frame();
    expect(page.find<HTMLDetailsElement>("details.dnb-thinking").open).toBe(false);
    expect(page.find(".dnb-thinking summary").textContent?.replace(/\s+/g, " ").trim()).toBe(
      "Thought 3 words",
    );
    page.find(".dnb-thinking summary").click();
    await page.frame();
    page.kernel.events({ type: "done", reason: "stop" });
    await page.frame();
    expect(page.find<HTMLDetailsElement>("details.dnb-thinking").open).toBe(true);
  });

  it("shows a tool call running, settled and with its result", async () => {
    page = await ChatPage.running();
    const input = { a: 1, b: [2, "x"] };
    page.kernel.events({
      type: "tool-call",
      toolCallId: "1",
      toolName: "add",
      input,
      stepId: "s1",
    });
    await page.frame();
    expect(page.find(".dnb-tool").dataset).toMatchObject({ toolName: "add", state: "running" });
    expect(page.find(".dnb-tool-inline").textContent).toBe('a: 1, b: [2,"x"]');
    page.kernel.events({
      type: "nb.tool-settled",
      toolCallId: "1",
      stepId: "s1",
      isError: false,
      durationMs: 1234,
    });
    await page.frame();
    expect(page.find(".dnb-tool").dataset.state).toBe("done");
    expect(page.find(".dnb-tool-state").textContent).toBe("Done · 1.2 s");
    const result = { toolCallId: "1", toolName: "add", content: "<b>3</b>", isError: false };
    page.kernel.events({ type: "tool-result", stepId: "s1", ...result });
    await page.frame();
    expect(page.find(".dnb-tool-result pre").textContent).toBe("<b>3</b>");
  });

  it("folds a long result by size and unfolds it on request", async () => {
    page = await ChatPage.running();
    const ids = { toolCallId: "1", toolName: "read", stepId: "s1" };
    const content = Array.from({ length: 100 }, (_, index) => `line ${index}`).join("\n");
    page.kernel.events({ type: "tool-call", ...ids, input: {} });
    page.kernel.events({ type: "tool-result", ...ids, content, isError: false });
    await page.frame();
    expect(page.find(".dnb-tool-result pre").textContent?.split("\n")).toHaveLength(8);
    expect(page.find(".dnb-more").textContent?.trim()).toBe("Show all (100 lines, 789 B)");
    page.find(".dnb-more").click();
    await page.frame();
    expect(page.find(".dnb-tool-result pre").textContent).toBe(content);
  });

  it("folds a long note, such as the summary of a compacted conversation", async () => {
    page = new ChatPage({ last_seq: 1 });
    const text = Array.from({ length: 200 }, (_, index) => `point ${index}`).join("\n");
    const summary = { seq: 1, role: "system", chunk: { type: "system", text } } as const;
    page.kernel.snapshot({ committed: [summary] });
    await page.frame();
    expect(page.find(".dnb-note").textContent).not.toContain("point 80");
    page.find(".dnb-note .dnb-more").click();
    await page.frame();
    expect(page.find(".dnb-note").textContent).toContain("point 199");
  });

  it("shows an error with what to do, and sends or hands back the prompt on request", async () => {
    page = await ChatPage.running("my question");
    page.kernel.events({ type: "error", message: "Too many requests.", code: "429" });
    page.kernel.events({ type: "done", reason: "error" }, { type: "turn-sealed" });
    page.kernel.change({ status: "idle" });
    await page.frame();
    expect(page.find(".dnb-error-message").textContent).toBe("Too many requests. 429");
    expect(page.find(".dnb-error-advice").textContent).toMatch(/wait a little/);
    page.find(".dnb-agains button:not(.dnb-again)").click();
    await page.frame();
    expect(page.find<HTMLTextAreaElement>("textarea").value).toBe("my question");
    page.type("something else");
    page.find(".dnb-again").click();
    await page.frame();
    expect(page.kernel.act("send").text).toBe("my question");
    expect(page.find<HTMLTextAreaElement>("textarea").value).toBe("something else");
  });

  it("shows a call while its arguments are written, then its output while it runs", async () => {
    page = await ChatPage.running();
    const call = { toolCallId: "1", toolName: "write", stepId: "t#0" };
    const card = () => page.find(".dnb-tool");
    page.kernel.events({ type: "nb.tool-input-delta", ...call, delta: '{"path": ' });
    await page.frame();
    const element = card();
    expect(element.dataset.state).toBe("writing");
    expect(element.querySelector(".dnb-tool-inline")?.textContent).toBe("path: ");
    page.kernel.events({ type: "nb.tool-input-delta", ...call, delta: '"a.md"}' });
    await page.frame();
    expect(card()).toBe(element);
    expect(element.querySelector(".dnb-tool-inline")?.textContent).toBe('path: "a.md"');
    page.kernel.events({ type: "tool-call", ...call, input: { path: "a.md" } });
    page.kernel.events({ type: "tool-output", toolCallId: "1", stream: "stdout", data: "half\n" });
    await page.frame();
    expect(card()).toBe(element);
    expect(element.dataset.state).toBe("running");
    expect(element.querySelector(".dnb-tool-inline")?.textContent).toBe('path: "a.md"');
    expect(element.querySelector(".dnb-tool-output")?.textContent).toContain("half");
    page.kernel.events({ type: "tool-result", ...call, content: "done", isError: false });
    await page.frame();
    expect(card()).toBe(element);
    expect(element.dataset.state).toBe("done");
    expect(element.querySelector(".dnb-tool-output")).toBeNull();
  });

  it("tells on demand what an answer took", async () => {
    page = await ChatPage.running();
    page.kernel.events(
      { type: "text-delta", delta: "an answer" },
      { type: "done", reason: "stop" },
    );
    page.kernel.events({ type: "nb.chunks-committed", firstSeq: 1, count: 2 });
    page.kernel.events({ type: "turn-sealed" });
    page.kernel.change({ status: "idle" });
    await page.frame();
    page.find('[data-role="assistant"] .dnb-details').click();
    await page.frame();
    expect(page.kernel.act("about")).toMatchObject({ firstSeq: 2, lastSeq: 2 });
    const usage = { inputTokens: 1200, outputTokens: 34 };
    const facts = { steps: 1, isLowerBound: false, usage, costUsd: 0.0021, ttftMs: 340 };
    page.kernel.say({ type: "facts", firstSeq: 2, lastSeq: 2, facts });
    await page.frame();
    const shown = [...page.root.querySelectorAll(".dnb-fact")].map((fact) =>
      [...fact.children].map(({ textContent }) => textContent),
    );
    expect(shown).toEqual([
      ["Tokens in", "1,200"],
      ["Tokens out", "34"],
      ["Cost", "$0.0021"],
      ["First token after", "340 ms"],
    ]);
  });

  it("marks where turns were stopped, also those of another page", async () => {
    page = new ChatPage({ stops: [2], last_seq: 4 });
    page.kernel.snapshot({ committed: storedTexts(1, "a", "half", "b", "whole") });
    await page.frame();
    const stopped = [...page.root.querySelectorAll(".dnb-section")].map((section) =>
      Boolean(section.querySelector(".dnb-stopped")),
    );
    expect(stopped).toEqual([false, true, false, false]);
  });

  it("counts down to a retry", async () => {
    page = await ChatPage.running();
    const retry = { type: "provider-retry", attempt: 1, delayMs: 3000, message: "Busy" } as const;
    page.kernel.events(retry);
    await page.frame();
    const said = () => page.find(".dnb-retry strong").textContent;
    expect(said()).toBe("Retry #2 in 3s");
    await vi.advanceTimersByTimeAsync(1100);
    expect(said()).toBe("Retry #2 in 2s");
    await vi.advanceTimersByTimeAsync(2000);
    expect(said()).toBe("Retry #2 now");
  });

  it("announces a retry until the next sign of life", async () => {
    page = await ChatPage.running();
    page.kernel.events({
      type: "provider-retry",
      attempt: 0,
      delayMs: 2400,
      message: "Overloaded",
      code: "529",
    });
    await page.frame();
    expect(page.find(".dnb-retry").textContent?.replace(/\s+/g, " ").trim()).toBe(
      "Retry #1 in 2s Overloaded (529)",
    );
    page.kernel.events({ type: "text-delta", delta: "x" });
    await page.frame();
    expect(page.root.querySelector(".dnb-retry")).toBeNull();
  });

  it("tells a screen reader of beginnings and ends, never of tokens", async () => {
    page = await ChatPage.running();
    const said: string[] = [];
    const status = page.find('[role="status"]');
    const observer = new MutationObserver(() => said.push(status.textContent ?? ""));
    observer.observe(status, { childList: true, characterData: true, subtree: true });
    for (const delta of ["a", "b", "c"]) {
      page.kernel.events({ type: "text-delta", delta });
      await page.frame();
    }
    page.kernel.events({
      type: "tool-call",
      toolCallId: "1",
      toolName: "add",
      input: null,
      stepId: "s1",
    });
    await page.frame();
    page.kernel.change({ status: "stopping" });
    await page.frame();
    page.kernel.events({ type: "done", reason: "aborted" });
    page.kernel.change({ status: "idle" });
    await page.frame();
    expect(said).toEqual(["Running tool add", "Stopped"]);
    expect(page.find('[role="log"]').getAttribute("aria-live")).toBe("off");
  });
});
