import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ChatPage } from "../testing/page";

const SETTINGS = {
  temperature: 0.2,
  topP: null,
  maxTokens: null,
  seed: null,
  reasoningEffort: null,
};

let page: ChatPage;

beforeEach(() => {
  vi.useFakeTimers();
  page = new ChatPage({ title: "Oslo", model: "scripted:demo", settings: SETTINGS });
  page.kernel.snapshot();
});
afterEach(() => {
  page.close();
  vi.useRealTimers();
});

function field(name: string): HTMLInputElement {
  return page.find<HTMLInputElement>(`.dnb-settings [name=${name}]`);
}

async function open(): Promise<void> {
  page.find("button.dnb-model").click();
  await page.frame();
}

async function apply(): Promise<void> {
  page.find<HTMLFormElement>(".dnb-settings form").requestSubmit();
  await page.frame();
}

describe("the title", () => {
  it("is renamed in its place, on Enter", async () => {
    page.find("button.dnb-title").click();
    const input = page.find<HTMLInputElement>(".dnb-title-input");
    expect(document.activeElement).toBe(input);
    input.value = "Weather in Oslo";
    input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    const act = page.kernel.act("rename");
    expect(act.title).toBe("Weather in Oslo");
    expect(document.activeElement).toBe(page.find("button.dnb-title"));
    page.kernel.say({ type: "reply", requestId: act.requestId, accepted: true });
    page.kernel.change({ title: "Weather in Oslo" });
    await page.frame();
    expect(page.find("button.dnb-title").textContent).toBe("Weather in Oslo");
  });

  it("stays as it was on Escape", () => {
    page.find("button.dnb-title").click();
    const input = page.find<HTMLInputElement>(".dnb-title-input");
    input.value = "no";
    input.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
    expect(page.kernel.count("rename")).toBe(0);
    expect(page.find("button.dnb-title").textContent).toBe("Oslo");
  });

  it("says why it was not changed", async () => {
    page.find("button.dnb-title").click();
    page.find<HTMLInputElement>(".dnb-title-input").value = "new";
    page.find<HTMLInputElement>(".dnb-title-input").blur();
    const { requestId } = page.kernel.act("rename");
    page.kernel.say({ type: "reply", requestId, accepted: false, reason: "The disk is full." });
    await page.frame();
    expect(page.find(".dnb-header [role=alert]").textContent).toBe("The disk is full.");
  });
});

describe("the settings", () => {
  it("show what is chosen and send what is changed, all of it", async () => {
    await open();
    expect(field("model").value).toBe("scripted:demo");
    expect(field("temperature").value).toBe("0.2");
    expect(document.activeElement).toBe(field("model"));
    field("temperature").value = "";
    field("maxTokens").value = "500";
    page.find<HTMLSelectElement>("[name=reasoningEffort]").value = "low";
    await apply();
    const act = page.kernel.act("configure");
    expect(act).toMatchObject({
      model: "scripted:demo",
      settings: { ...SETTINGS, temperature: null, maxTokens: 500, reasoningEffort: "low" },
    });
    page.kernel.say({ type: "reply", requestId: act.requestId, accepted: true });
    await page.frame();
    expect(page.root.querySelector(".dnb-settings form")).toBeNull();
    expect(document.activeElement).toBe(page.find("button.dnb-model"));
  });

  it("stay open with what was typed when they are refused", async () => {
    await open();
    field("model").value = "opnai:x";
    await apply();
    const { requestId } = page.kernel.act("configure");
    page.kernel.say({ type: "reply", requestId, accepted: false, reason: "opnai is not known." });
    await page.frame();
    expect(page.find(".dnb-settings [role=alert]").textContent).toBe("opnai is not known.");
    expect(field("model").value).toBe("opnai:x");
    page.kernel.change({ status: "running" });
    await page.frame();
    expect(field("model").value).toBe("opnai:x");
  });

  it("say so when no kernel answers", async () => {
    await open();
    await apply();
    await vi.advanceTimersByTimeAsync(4000);
    await page.frame();
    expect(page.find(".dnb-settings [role=alert]").textContent).toMatch(
      /No answer from the kernel/,
    );
  });

  it("close on Escape and cannot be opened without a kernel", async () => {
    await open();
    field("seed").dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
    await page.frame();
    expect(page.find(".dnb-settings").hidden).toBe(true);
    expect(page.kernel.count("configure")).toBe(0);
  });
});
