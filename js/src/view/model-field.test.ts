import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ChatPage } from "../testing/page";

const TABLE = [
  { name: "openai:gpt-a", contextWindow: 128_000, inputUsd: 2.5, outputUsd: 10 },
  { name: "openai:gpt-b-mini" },
  { name: "vllm:listed" },
];

let page: ChatPage;

beforeEach(async () => {
  vi.useFakeTimers();
  page = new ChatPage({ model: "vllm:own", settings: null });
  page.kernel.snapshot();
  await page.frame();
  page.find("button.dnb-model").click();
  await page.frame();
});
afterEach(() => {
  page.close();
  vi.useRealTimers();
});

function input(): HTMLInputElement {
  return page.find<HTMLInputElement>(".dnb-settings [name=model]");
}

async function press(key: string): Promise<KeyboardEvent> {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
  input().dispatchEvent(event);
  await page.frame();
  return event;
}

async function type(text: string): Promise<void> {
  input().value = text;
  input().dispatchEvent(new Event("input", { bubbles: true }));
  await page.frame();
}

async function answer(provider: string, models: unknown[], reason?: string): Promise<void> {
  page.kernel.say({ type: "models", provider, models, ...(reason ? { reason } : {}) });
  await page.frame();
}

function options(): string[] {
  const names = page.root.querySelectorAll("[role=option] .dnb-models-name");
  return [...names].map((each) => each.textContent ?? "");
}

function active(): string | null {
  const id = input().getAttribute("aria-activedescendant");
  return id === null ? null : (document.getElementById(id)?.title ?? null);
}

describe("the model field", () => {
  it("asks for nothing until it is used, and then once for each list", async () => {
    expect(page.kernel.count("list-models")).toBe(0);
    expect(input().getAttribute("aria-expanded")).toBe("false");
    await press("ArrowDown");
    await answer("", TABLE);
    await press("Escape");
    await press("ArrowDown");
    expect(page.kernel.sent.flatMap((m) => (m.type === "list-models" ? [m.provider] : []))).toEqual(
      ["", "vllm"],
    );
  });

  it("lists the models of its own server first, then those of the table", async () => {
    await press("ArrowDown");
    await answer("", TABLE);
    await answer("vllm", [{ name: "vllm:own" }]);
    expect(options()).toEqual(["vllm:own", "vllm:listed", "openai:gpt-a", "openai:gpt-b-mini"]);
    const facts = page.root.querySelectorAll(".dnb-models-facts")[2];
    expect(facts?.textContent).toBe("128k · $2.50 / $10.00");
  });

  it("filters by every word that is typed, and takes any text", async () => {
    await type("mini gpt");
    await answer("", TABLE);
    expect(options()).toEqual(["openai:gpt-b-mini"]);
    await type("openai:of-tomorrow");
    expect(options()).toEqual([]);
    await answer("openai", []);
    expect(page.find(".dnb-models-end").textContent).toContain("can be used all the same");
    await press("Enter");
    page.find<HTMLFormElement>(".dnb-settings form").requestSubmit();
    expect(page.kernel.act("configure").model).toBe("openai:of-tomorrow");
  });

  it("is walked by the arrow keys, and Enter takes the option, not the form", async () => {
    await press("ArrowDown");
    await answer("", TABLE);
    expect(active()).toBeNull();
    await press("ArrowDown");
    expect(active()).toBe("vllm:listed");
    await press("ArrowUp");
    expect(active()).toBeNull();
    await press("ArrowUp");
    expect(active()).toBe("openai:gpt-b-mini");
    const event = await press("Enter");
    expect(event.defaultPrevented).toBe(true);
    expect(input().value).toBe("openai:gpt-b-mini");
    expect(input().getAttribute("aria-expanded")).toBe("false");
    expect(document.activeElement).toBe(input());
    expect(page.kernel.count("configure")).toBe(0);
  });

  it("closes its list at the first Escape and the form at the second", async () => {
    await press("ArrowDown");
    await press("Escape");
    expect(input().getAttribute("aria-expanded")).toBe("false");
    await press("Escape");
    expect(page.find(".dnb-settings").hidden).toBe(true);
    expect(page.root.contains(document.activeElement)).toBe(true);
  });

  it("says why a server has no list, and that it looks", async () => {
    await type("ollama:");
    expect(page.find(".dnb-models-end").textContent).toBe("Looking for models…");
    await answer("ollama", [], "No connection to localhost.");
    await answer("", TABLE);
    expect(page.find(".dnb-models-end").textContent).toBe("No connection to localhost.");
  });

  it("draws a part of a long list and tells how much more there is", async () => {
    await press("ArrowDown");
    await answer(
      "",
      Array.from({ length: 1000 }, (_, n) => ({ name: `openrouter:m${n}` })),
    );
    expect(options()).toHaveLength(60);
    expect(page.find(".dnb-models-end").textContent).toContain("940 more");
  });
});
