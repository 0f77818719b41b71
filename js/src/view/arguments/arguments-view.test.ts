import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { storedTexts } from "../../testing/kernel";
import { ChatPage } from "../../testing/page";
import * as sections from "../sections";

let page: ChatPage;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  page.close();
  vi.useRealTimers();
});

describe("arguments in their card", () => {
  it("touches one text for more of an argument, however much stands above and in it", async () => {
    const drawn = vi.spyOn(sections, "selectSections");
    const touchedWith = async (earlier: number, length: number) => {
      page = new ChatPage({ status: "running", last_seq: earlier });
      const texts = Array.from({ length: earlier }, (_, index) => `text ${index}`);
      page.kernel.snapshot({ committed: storedTexts(1, ...texts) });
      page.kernel.events({ type: "user-message", text: "go" }, { type: "turn-start" });
      const call = { toolCallId: "1", toolName: "write", stepId: "t#0" } as const;
      const more = (delta: string) =>
        page.kernel.events({ type: "nb.tool-input-delta", ...call, delta });
      more(`{"path": "a.md", "text": "${"one line\\n".repeat(length)}`);
      await page.frame();
      drawn.mockClear();
      const touched: MutationRecord[] = [];
      const observer = new MutationObserver((records) => touched.push(...records));
      const all = { subtree: true, childList: true, characterData: true, attributes: true };
      observer.observe(page.root, all);
      more("more ");
      more("and more");
      await page.frame();
      touched.push(...observer.takeRecords());
      const end = touched.at(-1)?.target.textContent?.slice(-18);
      expect(end).toBe("line\nmore and more");
      const counts = { drawn: drawn.mock.calls.length, touched: touched.length };
      page.close();
      return counts;
    };
    for (const [earlier, length] of [
      [0, 10],
      [200, 10],
      [0, 1_000],
    ] as const) {
      expect(await touchedWith(earlier, length)).toEqual({ drawn: 0, touched: 1 });
    }
    drawn.mockRestore();
  });

  it("keeps the nodes of an argument when it is written to its end", async () => {
    page = await ChatPage.running();
    const call = { toolCallId: "1", toolName: "write", stepId: "t#0" } as const;
    const code = "line\n".repeat(30);
    const text = JSON.stringify({ path: "a.md", code });
    page.kernel.events({ type: "nb.tool-input-delta", ...call, delta: text.slice(0, -32) });
    await page.frame();
    const [path, box] = page.root.querySelectorAll(".dnb-arguments pre");
    expect(path?.textContent).toBe("a.md");
    expect(box?.textContent).toBe("line\n".repeat(25));
    page.kernel.events({ type: "nb.tool-input-delta", ...call, delta: text.slice(-32) });
    page.kernel.events({ type: "tool-call", ...call, input: { path: "a.md", code } });
    await page.frame();
    expect([...page.root.querySelectorAll(".dnb-arguments pre")]).toEqual([path, box]);
    expect(box?.textContent).toBe("line\n".repeat(8).trimEnd());
    page.find(".dnb-tool .dnb-more").click();
    await page.frame();
    expect(box?.textContent).toBe(code);
  });

  it("starts the arguments anew when a retry writes the call again", async () => {
    page = await ChatPage.running();
    const call = { toolCallId: "1", toolName: "write", stepId: "t#0" } as const;
    const first = `{"text": "${"first ".repeat(30)}`;
    page.kernel.events({ type: "nb.tool-input-delta", ...call, delta: first });
    await page.frame();
    page.kernel.events(
      { type: "provider-retry", attempt: 0, delayMs: 0, message: "Overloaded" },
      { type: "nb.tool-input-delta", ...call, delta: '{"text": "second' },
    );
    await page.frame();
    expect(page.find(".dnb-tool").textContent).not.toContain("first");
    expect(page.find(".dnb-tool-inline").textContent).toBe('text: "second');
  });

  it("shows what would be markup as text, in names and values", async () => {
    page = await ChatPage.running();
    const call = { toolCallId: "1", toolName: "write", stepId: "t#0" } as const;
    const bad = '<img src=x onerror="alert(1)"> ';
    const text = JSON.stringify({ [bad]: bad.repeat(9), more: { [bad]: [bad] } });
    for (const part of [text.slice(0, 300), text.slice(300)]) {
      page.kernel.events({ type: "nb.tool-input-delta", ...call, delta: part });
      await page.frame();
    }
    const card = page.find(".dnb-tool");
    const names = [...card.querySelectorAll("dt")].map(({ textContent }) => textContent);
    expect(names).toEqual([bad, "more"]);
    expect(card.querySelector("dd pre")?.textContent).toBe(bad.repeat(9));
    expect(card.querySelector("img, script, [onerror]")).toBeNull();
  });

  it("cuts a name that no line could hold", async () => {
    page = await ChatPage.running();
    const call = { toolCallId: "1", toolName: "write", stepId: "t#0" } as const;
    const text = JSON.stringify({ ["x\n".repeat(40_000)]: "y".repeat(200) });
    page.kernel.events({ type: "nb.tool-input-delta", ...call, delta: text });
    await page.frame();
    expect(page.find(".dnb-tool dt").textContent).toHaveLength(160);
  });
});
