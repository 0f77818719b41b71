import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { storedTexts } from "../testing/kernel";
import { ChatPage } from "../testing/page";

let page: ChatPage;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  page.close();
  sessionStorage.clear();
  vi.useRealTimers();
});

describe("the composer", () => {
  it("sends on Enter, not on Shift+Enter and not while an input method composes", async () => {
    page = new ChatPage();
    page.kernel.snapshot();
    page.type("hello");
    expect(page.press({ key: "Enter", shiftKey: true }).defaultPrevented).toBe(false);
    expect(page.press({ key: "Enter", isComposing: true }).defaultPrevented).toBe(false);
    expect(page.press({ key: "Enter", keyCode: 229 }).defaultPrevented).toBe(false);
    expect(page.kernel.count("send")).toBe(0);
    expect(page.press({ key: "Enter" }).defaultPrevented).toBe(true);
    expect(page.kernel.act("send").text).toBe("hello");
    await page.frame();
    expect(page.find<HTMLTextAreaElement>("textarea").value).toBe("");
    const sending = page.find('.dnb-user[data-sending][aria-busy="true"]');
    expect(sending.querySelector(".dnb-bubble")?.textContent).toBe("hello");
    expect(sending.querySelector(".dnb-sending")?.textContent).toBe("sending");
    const { requestId } = page.kernel.act("send");
    page.kernel.events(
      { type: "nb.prompt-sent", clientMessageId: requestId },
      { type: "user-message", text: "hello" },
    );
    await page.frame();
    // The very same bubble, only that it is not marked any more.
    expect(sending.isConnected).toBe(true);
    expect(sending.matches("[data-sending], [aria-busy]")).toBe(false);
    expect(page.root.querySelectorAll(".dnb-user")).toHaveLength(1);
    expect(page.root.querySelector(".dnb-sending")).toBeNull();
  });

  it("keeps keys from the notebook", () => {
    page = new ChatPage();
    const heard = vi.fn();
    for (const name of ["keydown", "keypress", "keyup"])
      document.body.addEventListener(name, heard);
    for (const name of ["keydown", "keypress", "keyup"]) {
      page.find("textarea").dispatchEvent(new KeyboardEvent(name, { key: "d", bubbles: true }));
    }
    expect(heard).not.toHaveBeenCalled();
    expect(page.root.dataset.lmSuppressShortcuts).toBe("true");
  });

  it("keeps the draft when the view is drawn anew, and in a second view", async () => {
    page = new ChatPage();
    page.kernel.snapshot();
    page.type("half a thou");
    page.kernel.events(
      { type: "user-message", text: "from a cell" },
      { type: "text-delta", delta: "x" },
    );
    await page.frame();
    expect(page.find<HTMLTextAreaElement>("textarea").value).toBe("half a thou");
    const second = page.show();
    expect(second.querySelector("textarea")?.value).toBe("half a thou");
    expect(second.querySelector(".dnb-text")?.textContent?.trim()).toBe("x");
  });

  it("keeps the draft over a reload of the page, for its conversation alone", () => {
    page = new ChatPage({ conversation_id: "monday" });
    page.type("half a thought");
    page.close();
    page = new ChatPage({ conversation_id: "tuesday" });
    expect(page.find<HTMLTextAreaElement>("textarea").value).toBe("");
    page.close();
    page = new ChatPage({ conversation_id: "monday" });
    expect(page.find<HTMLTextAreaElement>("textarea").value).toBe("half a thought");
    page.kernel.snapshot();
    page.press({ key: "Enter" });
    page.close();
    page = new ChatPage({ conversation_id: "monday" });
    expect(page.find<HTMLTextAreaElement>("textarea").value).toBe("");
  });

  it("recalls earlier prompts with the arrow keys, and the draft after them", async () => {
    page = new ChatPage();
    page.kernel.snapshot({ committed: storedTexts(1, "one", "answer", "two", "answer") });
    await page.frame();
    const input = page.find<HTMLTextAreaElement>("textarea");
    page.type("three");
    for (const expected of ["two", "one"]) {
      expect(page.press({ key: "ArrowUp" }).defaultPrevented).toBe(true);
      expect(input.value).toBe(expected);
    }
    expect(page.press({ key: "ArrowUp" }).defaultPrevented).toBe(false);
    page.press({ key: "ArrowDown" });
    page.press({ key: "ArrowDown" });
    expect(input.value).toBe("three");
    expect(page.press({ key: "ArrowDown" }).defaultPrevented).toBe(false);
  });

  it("leaves the arrow keys to the text while the caret is inside it", () => {
    page = new ChatPage();
    page.kernel.snapshot({ committed: storedTexts(1, "one") });
    page.type("first line\nsecond line");
    expect(page.press({ key: "ArrowUp" }).defaultPrevented).toBe(false);
    page.find<HTMLTextAreaElement>("textarea").setSelectionRange(0, 0);
    expect(page.press({ key: "ArrowDown" }).defaultPrevented).toBe(false);
    expect(page.press({ key: "ArrowUp", shiftKey: true }).defaultPrevented).toBe(false);
  });

  it("offers Stop while a turn runs and steers with what is written", async () => {
    page = await ChatPage.running();
    page.type("shorter, please");
    page.press({ key: "Enter" });
    expect(page.kernel.act("steer").text).toBe("shorter, please");
    page.find(".dnb-stop").click();
    await page.frame();
    expect(page.kernel.count("stop")).toBe(1);
    expect(page.root.dataset.status).toBe("stopping");
    expect(page.find<HTMLButtonElement>(".dnb-stop").disabled).toBe(true);
    await vi.advanceTimersByTimeAsync(1100);
    expect(page.find(".dnb-word").textContent).toBe(
      "The kernel is busy: use the notebook's interrupt button",
    );
    page.kernel.change({ status: "idle" });
    await page.frame();
    expect(page.root.querySelector(".dnb-stop, .dnb-word")).toBeNull();
  });

  it("gets a refused text back with the reason", async () => {
    page = new ChatPage();
    page.kernel.snapshot();
    page.type("hello");
    page.press({ key: "Enter" });
    const { requestId } = page.kernel.act("send");
    page.kernel.say({ type: "reply", requestId, accepted: false, reason: "A turn is running." });
    await page.frame();
    expect(page.find<HTMLTextAreaElement>("textarea").value).toBe("hello");
    expect(page.find(".dnb-refused").textContent).toBe("A turn is running.");
    expect(page.find('[role="status"]').textContent).toBe("A turn is running.");
    expect(page.root.querySelector("[data-sending]")).toBeNull();
  });
});
