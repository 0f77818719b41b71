import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { snapshotMessage, storedTexts } from "./testing/kernel";
import { open, opened, shown } from "./testing/opened";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a notebook without its kernel", () => {
  const saved = snapshotMessage(5, { committed: storedTexts(1, "kept", "answer") });

  it("shows the saved conversation at once, and after two seconds says that there is no kernel", () => {
    const { kernel, store } = open({ saved, status: "running" });
    expect(shown(store)).toEqual(["kept", "answer"]);
    expect(store.state().connection).toBe("waiting");
    vi.advanceTimersByTime(2000);
    expect(store.state()).toMatchObject({ connection: "saved", status: "idle" });
    store.edit("hello?");
    store.submit();
    expect(kernel.count("send")).toBe(0);
    expect(store.state().draft).toBe("hello?");
  });

  it("goes live when a busy kernel answers late", () => {
    const { kernel, store } = open({ saved, status: "running" });
    vi.advanceTimersByTime(2000);
    kernel.snapshot({ committed: storedTexts(1, "kept", "answer", "more") });
    expect(store.state()).toMatchObject({ connection: "live", status: "running" });
    expect(shown(store)).toEqual(["kept", "answer", "more"]);
  });

  it("tells a kernel that never answered from a saved conversation", () => {
    const { store } = open();
    vi.advanceTimersByTime(2000);
    expect(store.state().connection).toBe("absent");
  });

  it("says when what was saved cannot be read", () => {
    const { store } = open({ saved: { type: "snapshot", next: "five" } });
    expect(store.state().notice).toMatch(/next/);
  });
});

it("leaves no handler and no timer behind when it is closed", () => {
  const { kernel, store } = opened({ status: "running" });
  store.stop();
  store.close();
  expect(kernel.listeners()).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});
