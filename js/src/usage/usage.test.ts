import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeModel } from "../testing/kernel";
import { GO_TO } from "../view/go-to";
import type { UsageBar, UsageHead, UsageKernelMessage, UsageLook, UsageSums } from "../wire/types";
import { compact, costOf, notes, parts, scale, tokensOf } from "./stacks";
import define from "./widget";

type Props = Parameters<ReturnType<typeof define>["render"]>[0];

const NONE: UsageSums = {
  ...{ steps: 1, inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 },
  ...{ reasoningTokens: 0, costUsd: null, inputUsd: 0, outputUsd: 0, cacheReadUsd: 0 },
  ...{ cacheWriteUsd: 0, reasoningUsd: 0, savedUsd: 0, priced: 0, unpriced: 0, uncounted: 0 },
  ...{ estimated: 0, partial: 0, failed: 0, stopped: 0, retried: 0 },
};

function sums(more: Partial<UsageSums> = {}): UsageSums {
  const used = { inputTokens: 1000, outputTokens: 200, cacheReadTokens: 600, priced: 1 };
  return { ...NONE, ...used, costUsd: 0.0042, inputUsd: 0.003, outputUsd: 0.0012, ...more };
}

function head(more: Partial<UsageHead> = {}): UsageHead {
  return {
    ...{ title: "lab.db", totals: sums({ steps: 3 }), turns: 2, conversations: 1, running: 0 },
    ...{ ttftS: { median: 0.8, p95: 2.5, count: 3 }, tokensPerS: null, unpriced: [] },
    ...{ models: ["large"], barCount: 1, firstBar: 0, others: null, period: null },
    ...more,
  };
}

function bar(key: string, more: Partial<UsageBar> = {}): UsageBar {
  return { key, label: `Bar ${key}`, sums: sums(), ...more };
}

function stepBar(key: string, step: number, more: object = {}): UsageBar {
  const told = { turn: 1, step, attempt: 0, status: "ok", model: "large", atMs: 1e12 } as const;
  return bar(key, {
    label: `Turn 1, step ${step}`,
    step: { ...told, calls: [], callCount: 0, ...more },
  });
}

let model: FakeModel;
let root: HTMLElement;
let cleanups: (() => void)[] = [];
let n: number;

function open(traits: Record<string, unknown> = {}): void {
  model = new FakeModel({ of: "store", opened: null, saved: null, latest: 0, ...traits });
  const el = document.body.appendChild(document.createElement("div"));
  const definition = define();
  const wrapped = Object.assign(model.proxy(), {
    widget_manager: {
      get_model: async (id: string) => id,
      create_view: async () => {
        const view = document.createElement("div");
        view.innerHTML = '<div class="dnb-chat" data-conversation="talk"></div>';
        return { el: view, remove: () => view.remove() };
      },
    },
  });
  cleanups = [definition.initialize({ model: wrapped } as unknown as Props)];
  cleanups.push(definition.render({ model: wrapped, el } as unknown as Props));
  root = el.querySelector(".dnb-usage") as HTMLElement;
  n = 0;
}

function sent<T extends UsageKernelMessage["type"]>(type: T) {
  const messages = model.sent as unknown as UsageKernelMessage[];
  return messages.filter((each) => each.type === type) as Extract<
    UsageKernelMessage,
    { type: T }
  >[];
}

function looked(): UsageLook {
  const last = sent("look").at(-1);
  if (!last) throw new Error("Nothing was looked at");
  return last.look;
}

async function answer(bars: UsageBar[], more: Partial<UsageHead> = {}): Promise<void> {
  n += 1;
  const { requestId, look } = sent("look").at(-1) as { requestId: string; look: UsageLook };
  model.say({ type: "figures", n, requestId, look, head: head(more), bars });
  await frame();
}

async function update(bars: UsageBar[], order?: string[], number = n + 1): Promise<void> {
  n = number;
  const told = { type: "update", n, head: head({ barCount: 9 }), bars };
  model.say(order === undefined ? told : { ...told, order });
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

function keys(): (string | undefined)[] {
  return [...root.querySelectorAll<HTMLElement>(".dnb-usage-bar")].map(
    ({ dataset }) => dataset.key,
  );
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
  document.body.replaceChildren();
  vi.useRealTimers();
});

describe("what bars are made of", () => {
  it("has parts that do not overlap and add up to the whole", () => {
    const all = sums({ cacheWriteTokens: 100, reasoningTokens: 50, costUsd: 0.005 });
    const total = (measure: "tokens" | "cost") =>
      parts(all, measure).reduce((sum, { value }) => sum + value, 0);
    expect(total("tokens")).toBe(1200);
    expect(total("cost")).toBeCloseTo(0.005, 12);
    expect(parts(sums(), "cost").at(-1)?.value).toBe(0);
  });

  it("never calls unknown what is nothing, nor nothing what is unknown", () => {
    expect(costOf(NONE)).toBe("price unknown");
    expect(costOf({ ...NONE, steps: 0 })).toBe("$0");
    expect(costOf(sums({ unpriced: 2 }))).toBe("≥ $0.0042");
    expect(tokensOf({ ...NONE, uncounted: 1 })).toBe("unknown");
    expect(tokensOf(sums({ estimated: 1 }))).toBe("≈ 1.2k");
    expect(tokensOf(sums({ partial: 1 }))).toBe("≥ 1.2k");
    expect(notes(bar("a", { sums: sums({ failed: 2, unpriced: 1 }) }))).toEqual([
      "2 failed",
      "1 without a price",
    ]);
  });

  it("writes counts short and gives axes round ticks above every bar", () => {
    expect([12, 3420, 12_315_054].map(compact)).toEqual(["12", "3.42k", "12.3M"]);
    for (const value of [0.0042, 1, 7, 1234, 98_765, 1e6]) {
      const { top, ticks } = scale(value);
      expect(top).toBeGreaterThanOrEqual(value);
      expect(ticks.at(-1)).toBe(top);
      expect(ticks.length).toBeLessThanOrEqual(4);
    }
  });
});

describe("the usage of a store", () => {
  beforeEach(() => open());

  it("shows meters and bars, and names a price that is not known", async () => {
    await answer([bar("1", { fromMs: 0, toMs: 3_600_000 })], {
      period: "hour",
      unpriced: [{ model: "own", steps: 3 }],
      totals: sums({ steps: 5, unpriced: 3, failed: 1, savedUsd: 0.02 }),
    });
    const meters = [...root.querySelectorAll(".dnb-usage-meter")].map((each) =>
      each.textContent?.replace(/\s+/g, " ").trim(),
    );
    expect(meters[0]).toContain("≥ $0.0042 $0.0200 saved by caching");
    expect(meters[0]).toContain("Price unknown for 3 steps of own");
    expect(meters[2]).toContain("800 ms 95 % within 2.5 s");
    expect(meters[3]).toContain("1 failed");
    expect(find(".dnb-usage-bar").getAttribute("aria-label")).toContain("1.2k tokens, $0.0042");
  });

  it("draws again only the bars that an update tells of", async () => {
    await answer([bar("1"), bar("2")]);
    const [first, second] = root.querySelectorAll(".dnb-usage-bar");
    await update([bar("2", { sums: sums({ outputTokens: 900 }) }), bar("3")], ["2", "3"]);
    expect(keys()).toEqual(["2", "3"]);
    expect(root.querySelector("[data-key='2']")).toBe(second);
    expect(first?.isConnected).toBe(false);
    expect(sent("painted").at(-1)?.n).toBe(2);
  });

  it("looks again where a message was lost, be it the last one", async () => {
    await answer([bar("1")]);
    await update([bar("1")], undefined, 3);
    expect(sent("look").length).toBe(2);
    n = 3;
    await answer([bar("1")]);
    model.change({ latest: 9 });
    await vi.advanceTimersByTimeAsync(1600);
    expect(sent("look").length).toBe(3);
  });

  it("narrows by model, outcome, time and words, and clears it all", async () => {
    await answer([bar("1", { fromMs: 0, toMs: 86_400_000 })], { period: "day" });
    const choose = (label: string, value: string) => {
      const select = find<HTMLSelectElement>(`select[aria-label=${label}]`);
      select.value = value;
      select.dispatchEvent(new Event("change"));
    };
    choose("Model", "large");
    choose("Outcome", "error");
    expect([looked().models, looked().statuses]).toEqual([["large"], ["error"]]);
    choose("Time", "7");
    expect(Date.now() - (looked().sinceMs ?? 0)).toBe(7 * 86_400_000);
    const search = find<HTMLInputElement>("input");
    for (const text of ["o", "oslo"]) {
      search.value = text;
      search.dispatchEvent(new Event("input"));
    }
    const before = sent("look").length;
    await vi.advanceTimersByTimeAsync(250);
    expect(sent("look").length).toBe(before + 1);
    expect(looked().words).toBe("oslo");
    await answer([]);
    expect(find(".dnb-empty").textContent).toContain("No step is like that.");
    [...root.querySelectorAll("button")].find((each) => each.textContent === "Clear")?.click();
    expect(looked()).toMatchObject({ models: [], statuses: [], words: "", sinceMs: null });
  });

  it("goes from a conversation to its steps and back to where it was", async () => {
    await answer([bar("1", { fromMs: 0, toMs: 86_400_000 })], { period: "day" });
    [...root.querySelectorAll("button")]
      .find((each) => /By conv/.test(each.textContent ?? ""))
      ?.click();
    await answer([bar("talk"), bar("other")], { conversations: 2 });
    find("[data-key=other]").click();
    expect(looked()).toMatchObject({ by: "step", conversationId: "other" });
    await answer([stepBar("s1", 1)]);
    find(".dnb-usage-up").click();
    await answer([bar("talk"), bar("other")], { conversations: 2 });
    await frame();
    expect(looked()).toMatchObject({ by: "conversation", conversationId: null });
    expect((document.activeElement as HTMLElement).dataset.key).toBe("other");
  });

  it("takes a bar for what it was drawn as, though another answer has come since", async () => {
    await answer([bar("1", { fromMs: 0, toMs: 86_400_000 })], { period: "day" });
    const press = (name: string) =>
      [...root.querySelectorAll("button")]
        .find((each) => each.textContent?.trim() === name)
        ?.click();
    press("By model");
    await answer([bar("large")]);
    press("By conversation");
    const painted = answer([bar("talk")], { conversations: 1 });
    find("[data-key=large]").click();
    expect(looked()).toMatchObject({ models: ["large"], conversationId: null });
    await painted;
  });

  it("says the same in a table", async () => {
    await answer([bar("talk"), bar("other", { sums: sums({ failed: 1 }) })]);
    [...root.querySelectorAll("button")].find((each) => each.textContent === "Table")?.click();
    await frame();
    const cells = [...root.querySelectorAll("tbody tr")].map((row) =>
      [...row.children].map((cell) => cell.textContent?.trim()),
    );
    expect(cells[0]).toEqual(["Bar talk", "1", "1,000", "600", "200", "0", "$0.0042", "1 step"]);
    expect(cells[1]?.at(-1)).toBe("1 step, 1 failed");
  });
});

describe("the usage of a chat", () => {
  beforeEach(() => open({ of: "chat", conversation_id: "talk" }));

  const look = { by: "step", conversationId: "talk" } as const;
  const place = async (first: number, last = first) => {
    const { requestId } = sent("open").at(-1) as { requestId: string };
    const where = { conversationId: "talk", firstSeq: first, lastSeq: last };
    model.say({ type: "place", requestId, ...where });
    await frame();
  };
  const told = async (bars: UsageBar[], more: Partial<UsageHead> = {}) => {
    n += 1;
    const { requestId, look: asked } = sent("look").at(-1) as {
      requestId: string;
      look: UsageLook;
    };
    model.say({
      type: "figures",
      n,
      requestId,
      look: { ...asked, ...look },
      head: head(more),
      bars,
    });
    await frame();
  };

  it("goes to a step where the chat is on the page already", async () => {
    const chat = document.body.appendChild(document.createElement("div"));
    chat.className = "dnb-chat";
    chat.dataset.conversation = "talk";
    chat.checkVisibility = () => true;
    const asked: unknown[] = [];
    chat.addEventListener(GO_TO, (event) => asked.push((event as CustomEvent).detail));
    await told([stepBar("s1", 1), stepBar("s2", 2)]);
    find("[data-key=s2]").click();
    expect(sent("open").at(-1)).toMatchObject({ stepId: "s2", inPlace: false });
    await place(5, 7);
    expect(asked).toEqual([{ first: 5, last: 7 }]);
    expect(find(".dnb-usage-panel").hidden).toBe(false);
  });

  it("opens the chat in its place where it is not, goes there, and comes back to the bar", async () => {
    await told([stepBar("s1", 1), stepBar("s2", 2)]);
    find("[data-key=s1]").click();
    expect(sent("open").at(-1)).toMatchObject({ stepId: "s1", inPlace: true });
    const asked: unknown[] = [];
    root.addEventListener(GO_TO, (event) => asked.push((event as CustomEvent).detail), true);
    model.change({ opened: "IPY_MODEL_17" });
    await place(2, 4);
    await frame();
    expect(find(".dnb-usage-panel").hidden).toBe(true);
    expect(asked).toEqual([{ first: 2, last: 4 }]);
    find(".dnb-usage-back").click();
    expect(sent("close").length).toBe(1);
    model.change({ opened: null });
    await frame();
    await frame();
    expect((document.activeElement as HTMLElement).dataset.key).toBe("s1");
  });

  it("leads to a tool call, with its own place", async () => {
    const call = { seq: 12, name: "weather", status: "error", durationS: 0.34 };
    await told([stepBar("s1", 1, { calls: [call], callCount: 3 })]);
    const button = find(".dnb-usage-call");
    expect(button.textContent?.replace(/\s+/g, " ").trim()).toBe("weather error 340 ms");
    expect(find(".dnb-usage-calls").textContent).toContain("and 2 more");
    button.click();
    expect(sent("open").at(-1)).toMatchObject({ seq: 12, conversationId: "talk" });
  });

  it("marks what runs and what failed", async () => {
    await told([
      { ...stepBar("s1", 1, { status: "error" }), sums: sums({ failed: 1 }) },
      {
        ...stepBar("s2", 2, { status: "running" }),
        sums: { ...NONE, outputTokens: 9, estimated: 1 },
      },
    ]);
    const statuses = [...root.querySelectorAll<HTMLElement>(".dnb-usage-bar")].map(
      ({ dataset }) => dataset.status,
    );
    expect(statuses).toEqual(["error", "running"]);
    expect(find("[data-key=s2]").getAttribute("aria-label")).toContain("running, estimated so far");
  });

  it("goes from bar to bar with the arrow keys, with one stop for the Tab key", async () => {
    await told([stepBar("a", 1), stepBar("b", 2), stepBar("c", 3)]);
    const press = async (key: string) => {
      document.activeElement?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      await frame();
    };
    const stops = () => [...root.querySelectorAll<HTMLElement>(".dnb-usage-bar[tabindex='0']")];
    expect(stops().map(({ dataset }) => dataset.key)).toEqual(["c"]);
    stops()[0]?.focus();
    await press("ArrowLeft");
    expect((document.activeElement as HTMLElement).dataset.key).toBe("b");
    await press("Home");
    expect(stops().map(({ dataset }) => dataset.key)).toEqual(["a"]);
    expect(find(".dnb-usage-step").textContent).toContain("Turn 1, step 1");
  });

  it("pages through steps that are more than fit", async () => {
    await told([stepBar("a", 9)], { barCount: 60, firstBar: 59 });
    expect(find(".dnb-usage-range").textContent).toBe("Steps 60–60 of 60");
    find("[aria-label='Earlier steps']").click();
    expect(looked().before).toBe(59);
  });

  it("says so when the kernel does not answer, and shows what the notebook kept", async () => {
    for (const cleanup of cleanups.splice(0).reverse()) cleanup();
    const kept = { look: { ...looked(), by: "step" }, head: head(), bars: [stepBar("s1", 1)] };
    open({ of: "chat", conversation_id: "talk", saved: kept });
    await frame();
    expect(keys()).toEqual(["s1"]);
    await vi.advanceTimersByTimeAsync(4100);
    expect(find("[role=alert]").textContent).toMatch(/No answer from the kernel/);
    expect(find("[data-key=s1]").getAttribute("aria-disabled")).toBe("true");
    find("[data-key=s1]").click();
    expect(sent("open")).toEqual([]);
  });

  it("says why something was refused", async () => {
    await told([stepBar("s1", 1)]);
    find("[data-key=s1]").click();
    const { requestId } = sent("open").at(-1) as { requestId: string };
    model.say({ type: "reply", requestId, accepted: false, reason: "It is gone." });
    await frame();
    expect(find("[role=alert]").textContent).toBe("It is gone.");
  });
});
