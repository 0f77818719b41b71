import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ChatPage } from "../testing/page";

let page: ChatPage;

beforeEach(async () => {
  vi.useFakeTimers();
  page = await ChatPage.running();
});
afterEach(() => {
  page.close();
  vi.useRealTimers();
});

describe("the focus", () => {
  it("goes to the composer when Stop goes", async () => {
    const stop = page.find<HTMLButtonElement>(".dnb-stop");
    stop.focus();
    stop.click();
    await page.frame();
    expect(document.activeElement).toBe(page.find("textarea"));
  });

  it("goes to the composer when Send is switched off", async () => {
    page.type("more");
    await page.frame();
    const send = page.find<HTMLButtonElement>(".dnb-send");
    send.focus();
    send.click();
    await page.frame();
    expect(send.disabled).toBe(true);
    expect(document.activeElement).toBe(page.find("textarea"));
  });

  it("stays in the log when what had it there goes", async () => {
    page.close();
    page = new ChatPage();
    const chunk = { type: "text", text: "later" } as const;
    page.kernel.snapshot({ committed: [{ seq: 9, role: "user", chunk }] });
    await page.frame();
    const more = page.find<HTMLButtonElement>(".dnb-earlier button");
    more.focus();
    more.click();
    await page.frame();
    expect(document.activeElement).toBe(page.find("[role=log]"));
  });

  it("is left alone where the person has taken it meanwhile", async () => {
    const stop = page.find<HTMLButtonElement>(".dnb-stop");
    const elsewhere = document.body.appendChild(document.createElement("input"));
    stop.focus();
    stop.click();
    elsewhere.focus();
    await page.frame();
    expect(document.activeElement).toBe(elsewhere);
  });
});
