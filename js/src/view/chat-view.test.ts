import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { snapshotMessage, storedTexts } from "../testing/kernel";
import { ChatPage } from "../testing/page";

let page: ChatPage;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  page.close();
  vi.useRealTimers();
});

describe("around the conversation", () => {
  it("shows title, model, status, tokens and what the kernel says about trouble", async () => {
    page = new ChatPage({ title: "Rain", model: "scripted:demo", notice: "The store is full." });
    page.kernel.snapshot();
    page.kernel.change({ totals: { inputTokens: 12345, outputTokens: 67 } });
    await page.frame();
    expect(page.find(".dnb-title").textContent).toBe("Rain");
    expect(page.find(".dnb-model-name").textContent).toBe("scripted:demo");
    expect(page.find(".dnb-usage").textContent?.replace(/\s+/g, " ").trim()).toBe(
      "Tokens: 12,345 in, 67 out",
    );
    expect(page.find(".dnb-word").textContent).toBe("The store is full.");
    expect(page.root.dataset.status).toBe("idle");
  });

  it("shows the saved conversation without a kernel, and nothing can be sent", async () => {
    page = new ChatPage({ saved: snapshotMessage(3, { committed: storedTexts(1, "q", "**a**") }) });
    expect(page.find(".dnb-text strong").textContent).toBe("a");
    await vi.advanceTimersByTimeAsync(2100);
    expect(page.find(".dnb-word").textContent).toBe("No kernel: showing the saved conversation");
    expect(page.find<HTMLTextAreaElement>("textarea").disabled).toBe(true);
    expect(page.find<HTMLButtonElement>(".dnb-send").disabled).toBe(true);
  });

  it("loads earlier messages on request", async () => {
    page = new ChatPage();
    page.kernel.snapshot({ committed: storedTexts(3, "c", "d") });
    await page.frame();
    const kept = page.find('[data-role="user"]');
    page.find(".dnb-earlier button").click();
    page.kernel.say({ type: "history", chunks: storedTexts(1, "a", "b"), latestSeq: 2 });
    await page.frame();
    expect(page.root.querySelector(".dnb-earlier")).toBeNull();
    expect([...page.root.querySelectorAll("[data-role]")].indexOf(kept)).toBe(2);
  });

  it("leaves nothing behind when its views and its model are gone", () => {
    page = new ChatPage();
    page.close();
    expect(document.querySelector(".dnb-chat")).toBeNull();
    expect(page.kernel.listeners()).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});
