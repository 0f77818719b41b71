import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ChatPage } from "../testing/page";

let page: ChatPage;

const queue = [
  { id: "q1", text: "in French", queuedAt: 1, kept: false },
  { id: "q2", text: "and short", queuedAt: 2, kept: false },
];

function shown(part: string): string[] {
  const items = page.root.querySelectorAll(`[data-part="${part}"] .dnb-queue-text`);
  return [...items].map(({ textContent }) => textContent ?? "");
}

function labels(): (string | null)[] {
  const buttons = page.root.querySelectorAll(".dnb-queue button");
  return [...buttons].map((button) => button.getAttribute("aria-label") ?? button.textContent);
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  page.close();
  vi.useRealTimers();
});

describe("the queue above the composer", () => {
  it("is not there while nothing waits", async () => {
    page = await ChatPage.running();
    expect(page.find(".dnb-queue").hidden).toBe(true);
  });

  it("shows what waits with labelled buttons, and in every view", async () => {
    page = await ChatPage.running();
    page.kernel.change({ queue });
    await page.frame();
    expect(page.find(".dnb-queue").hidden).toBe(false);
    expect(shown("waiting")).toEqual(["in French", "and short"]);
    expect(labels()).toEqual([
      ...["Edit: in French", "Cancel: in French"],
      ...["Edit: and short", "Cancel: and short"],
    ]);
    expect(page.find('[role="status"]').textContent).toBe("The message waits for the next step");
    expect(page.show().querySelectorAll(".dnb-queue-item")).toHaveLength(2);
  });

  it("shows a text on its way without buttons, in the same place", async () => {
    page = await ChatPage.running();
    page.type("shorter, please");
    page.press({ key: "Enter" });
    await page.frame();
    expect(shown("waiting")).toEqual(["shorter, please"]);
    expect(labels()).toEqual([]);
    expect(page.root.querySelector("[data-sending]")).toBeNull();
  });

  it("puts a text into the composer to be edited, and the cursor with it", async () => {
    page = await ChatPage.running();
    page.kernel.change({ queue });
    await page.frame();
    page.find('[aria-label="Edit: in French"]').click();
    const { requestId, id } = page.kernel.act("cancel-queued");
    expect(id).toBe("q1");
    page.kernel.change({ queue: queue.slice(1) });
    page.kernel.say({ type: "reply", requestId, accepted: true });
    await page.frame();
    const input = page.find<HTMLTextAreaElement>("textarea.dnb-input");
    expect(input.value).toBe("in French");
    expect(document.activeElement).toBe(input);
    expect(shown("waiting")).toEqual(["and short"]);
  });

  it("offers to send, edit or discard what was kept once no turn runs", async () => {
    page = await ChatPage.running();
    page.kernel.change({ queue: queue.map((entry) => ({ ...entry, kept: true })) });
    await page.frame();
    expect(shown("kept")).toEqual(["in French", "and short"]);
    expect(labels()).not.toContain("Send now");
    page.kernel.change({ status: "idle" });
    await page.frame();
    expect(labels().slice(0, 3)).toEqual(["Send now", "Edit: in French", "Discard: in French"]);
    page.find(".dnb-queue-send").click();
    expect(page.kernel.count("send-queued")).toBe(1);
  });

  it("shows without a kernel what was not sent, and nothing can be done about it", async () => {
    page = new ChatPage({ queue });
    await vi.advanceTimersByTimeAsync(2100);
    expect(shown("kept")).toEqual(["in French", "and short"]);
    expect(labels()).toEqual([]);
  });
});
