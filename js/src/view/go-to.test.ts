import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { storedTexts } from "../testing/kernel";
import { ChatPage } from "../testing/page";
import { GO_TO } from "./go-to";

let page: ChatPage;

/** Return messages `first` … `last`. */
function storedPage(first: number, last: number) {
  const texts = Array.from({ length: last - first + 1 }, (_, at) => `message ${first + at}`);
  return storedTexts(first, ...texts);
}

/** The text of what is marked. */
function marked(): (string | undefined)[] {
  return [...page.root.querySelectorAll("[data-found]")].map((node) => node.textContent?.trim());
}

function go(first: number, last = first): void {
  page.root.dispatchEvent(new CustomEvent(GO_TO, { detail: { first, last } }));
}

function asked(): unknown[] {
  return page.kernel.sent.filter(({ type }) => type === "older");
}

/** Open a chat of `count` messages whose newest ten are loaded. */
async function opened(count: number): Promise<void> {
  page = new ChatPage({ conversation_id: "talk", last_seq: count });
  page.kernel.snapshot({ committed: storedPage(count - 9, count) });
  await page.frame();
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "requestAnimationFrame"] });
});
afterEach(() => {
  page.close();
  vi.useRealTimers();
});

describe("going to a place in the log", () => {
  it("marks and focuses what is loaded, and takes the mark away again", async () => {
    await opened(40);
    go(35);
    await page.frame();
    expect(marked()).toEqual(["message 35"]);
    expect(document.activeElement?.textContent?.trim()).toBe("message 35");
    await vi.advanceTimersByTimeAsync(4100);
    expect(marked()).toEqual([]);
    expect(asked()).toEqual([]);
  });

  it("loads as many pages as lead there, each once", async () => {
    await opened(90);
    go(15, 16);
    expect(asked()).toEqual([{ type: "older", before: 81, from: 15 }]);
    page.kernel.say({ type: "history", chunks: storedPage(41, 80), latestSeq: 90 });
    await page.frame();
    expect(marked()).toEqual([]);
    expect(asked().at(-1)).toEqual({ type: "older", before: 41, from: 15 });
    page.kernel.say({ type: "history", chunks: storedPage(12, 40), latestSeq: 90 });
    await page.frame();
    expect(marked()).toEqual(["message 15", "message 16"]);
    expect(asked().length).toBe(2);
  });

  it("shows the place before when nothing is shown of what was asked for", async () => {
    await opened(40);
    go(400);
    await page.frame();
    expect(marked()).toEqual(["message 40"]);
  });

  it("waits for the kernel, and then goes", async () => {
    page = new ChatPage({ conversation_id: "talk", last_seq: 40 });
    go(33);
    await page.frame();
    expect(marked()).toEqual([]);
    page.kernel.snapshot({ committed: storedPage(31, 40) });
    await page.frame();
    expect(marked()).toEqual(["message 33"]);
  });

  it("gives up where a page brings nothing new", async () => {
    await opened(3000);
    go(500);
    page.kernel.say({ type: "history", chunks: [], latestSeq: 3000 });
    await page.frame();
    await page.frame();
    expect(asked().length).toBe(1);
    expect(page.root.getAttribute("data-conversation")).toBe("talk");
  });
});
