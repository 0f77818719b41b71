import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeModel } from "../testing/kernel";
import define from "./widget";

type Props = Parameters<ReturnType<typeof define>["render"]>[0];

let model: FakeModel;
let root: HTMLElement;
let cleanups: (() => void)[];

function row(id: string, more: object = {}) {
  return {
    ...{ id, title: `Title ${id}`, model: "m", updatedMs: Date.now() - 7_200_000, turns: 2 },
    ...{ tokens: 1234, costUsd: 0.0123, isCostPartial: false, ...more },
  };
}

function sent(type: string) {
  const messages = model.sent as unknown as { type: string; requestId: string; query: string }[];
  return messages.filter((message) => message.type === type);
}

function answer(rows: object[], total = rows.length): void {
  const requestId = sent("list").at(-1)?.requestId;
  model.say({ type: "listing", requestId, total, rows });
}

function find<T extends Element = HTMLElement>(selector: string): T {
  const found = root.querySelector<T>(selector);
  if (!found) throw new Error(`${selector} is not shown`);
  return found;
}

beforeEach(() => {
  vi.useFakeTimers();
  model = new FakeModel({ location: "lab/notes.db", opened: null, revision: 0 });
  const el = document.body.appendChild(document.createElement("div"));
  const definition = define();
  const wrapped = Object.assign(model.proxy(), {
    widget_manager: {
      get_model: async (id: string) => id,
      create_view: async (id: string) => {
        const view = document.createElement("p");
        view.textContent = `chat ${id}`;
        return { el: view, remove: () => view.remove() };
      },
    },
  });
  cleanups = [definition.initialize({ model: wrapped } as unknown as Props)];
  cleanups.push(definition.render({ model: wrapped, el } as unknown as Props));
  root = el.querySelector(".dnb-library") as HTMLElement;
});
afterEach(() => {
  for (const cleanup of cleanups.reverse()) cleanup();
  document.body.replaceChildren();
  vi.useRealTimers();
});

describe("the list of a store", () => {
  it("shows what each conversation was and cost", () => {
    answer([row("a"), row("b", { costUsd: null }), row("c", { isCostPartial: true })]);
    expect(find(".dnb-library-head").textContent).toContain("notes.db");
    expect(find(".dnb-library-count").textContent).toBe("3 conversations");
    const facts = [...root.querySelectorAll(".dnb-library-facts")].map((each) =>
      [...each.children].map((fact) => fact.textContent),
    );
    expect(facts[0]).toEqual(["m", "2 turns", "1,234 tokens", "$0.0123", "2 hours ago"]);
    expect(facts[1]?.[3]).toBe("no price");
    expect(facts[2]?.[3]).toBe("at least $0.0123");
  });

  it("looks for words when the person pauses, and takes the last answer only", () => {
    const input = find<HTMLInputElement>("input");
    for (const text of ["o", "os", "oslo"]) {
      input.value = text;
      input.dispatchEvent(new Event("input"));
    }
    expect(sent("list").length).toBe(1);
    vi.advanceTimersByTime(150);
    expect(sent("list").at(-1)?.query).toBe("oslo");
    model.say({ type: "listing", requestId: sent("list")[0]?.requestId, total: 9, rows: [] });
    expect(find(".dnb-library-count").textContent).toBe("");
    answer([]);
    expect(find(".dnb-empty-title").textContent).toBe("Nothing found");
  });

  it("loads more below what is there", () => {
    answer([row("a")], 2);
    find(".dnb-library-more").click();
    answer([row("b")], 2);
    expect(root.querySelectorAll(".dnb-library-row").length).toBe(2);
    expect(root.querySelector(".dnb-library-more")).toBeNull();
  });

  it("opens a conversation in its place, goes back to the list, and to the same line", async () => {
    answer([row("a"), row("b")]);
    find("[data-id=b]").click();
    expect(sent("open").length).toBe(1);
    model.change({ opened: "IPY_MODEL_17" });
    await vi.advanceTimersByTimeAsync(0);
    expect(root.textContent).toContain("chat 17");
    expect(document.activeElement).toBe(find(".dnb-library-back"));
    find(".dnb-library-back").click();
    expect(sent("close").length).toBe(1);
    model.change({ opened: null });
    expect(document.activeElement).toBe(find("[data-id=b]"));
    expect(root.textContent).not.toContain("chat 17");
  });

  it("goes from line to line with the arrow keys", () => {
    answer([row("a"), row("b")]);
    const press = (key: string) =>
      document.activeElement?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    find<HTMLInputElement>("input").focus();
    press("ArrowDown");
    press("ArrowDown");
    expect(document.activeElement).toBe(find("[data-id=b]"));
    press("ArrowUp");
    press("ArrowUp");
    expect(document.activeElement).toBe(find("input"));
  });

  it("says why a conversation was not opened, and when nobody answers", () => {
    answer([row("a")]);
    find("[data-id=a]").click();
    const requestId = sent("open").at(-1)?.requestId;
    model.say({ type: "reply", requestId, accepted: false, reason: "It is gone." });
    expect(find("[role=alert]").textContent).toBe("It is gone.");
    find(".dnb-quiet").click();
    vi.advanceTimersByTime(4000);
    expect(find("[role=alert]").textContent).toMatch(/No answer from the kernel/);
  });
});
