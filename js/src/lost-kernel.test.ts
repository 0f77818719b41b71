import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ChatPage } from "./testing/page";

let page: ChatPage;

beforeEach(async () => {
  vi.useFakeTimers();
  page = await ChatPage.running("question");
  page.kernel.events({ type: "text-delta", delta: "the part that came" });
  await page.frame();
});
afterEach(() => {
  page.close();
  vi.useRealTimers();
});

function word(): string | null {
  return page.root.querySelector(".dnb-word")?.textContent ?? null;
}

describe("a kernel that was restarted", () => {
  it("is told of at once; the text stays, nothing turns or can be sent", async () => {
    page.kernel.die();
    await page.frame();
    expect(word()).toContain("run the cell again");
    expect(page.root.dataset).toMatchObject({ connection: "lost", status: "idle" });
    expect(page.root.textContent).toContain("the part that came");
    expect(page.root.querySelector(".dnb-spinner, .dnb-activity, .dnb-stop")).toBeNull();
    expect(page.find<HTMLTextAreaElement>("textarea").disabled).toBe(true);
    expect(page.find(".dnb-status").textContent).toContain("run the cell again");
  });

  it("gives back what was on its way", async () => {
    page.type("and this");
    page.press({ key: "Enter" });
    page.type("then that");
    page.kernel.die();
    await page.frame();
    expect(page.find<HTMLTextAreaElement>("textarea").value).toBe("and this\n\nthen that");
  });

  it("is missed within seconds when no one tells of it", async () => {
    page.kernel.die(false);
    await vi.advanceTimersByTimeAsync(3100);
    expect(word()).toContain("run the cell again");
  });

  it("is not missed while it lives and is silent", async () => {
    const acks = page.kernel.count("ack");
    await vi.advanceTimersByTimeAsync(30_000);
    expect(word()).toBeNull();
    expect(page.kernel.count("ack") - acks).toBeLessThanOrEqual(11);
    page.kernel.events({ type: "turn-sealed" });
    page.kernel.change({ status: "idle" });
    const before = page.kernel.sent.length;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(page.kernel.sent.slice(before).filter(({ type }) => type === "ack").length).toBeLessThan(
      2,
    );
  });

  it("may be there again: then the view asks what it has missed", async () => {
    page.kernel.die();
    page.kernel.isGone = false;
    page.kernel.die();
    page.kernel.isGone = false;
    page.kernel.snapshot();
    await page.frame();
    expect(page.root.dataset.connection).toBe("live");
    expect(word()).toBeNull();
  });
});
