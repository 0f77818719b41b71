import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { soon } from "./pacer";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance", "setTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

it("does work at once while there is time, and the rest in slices between which the page lives", () => {
  const done: number[] = [];
  const work = (name: number) => () => {
    done.push(name);
    // Each piece takes five milliseconds.
    const clock = performance.now() + 5;
    vi.spyOn(performance, "now").mockReturnValue(clock);
  };
  for (const name of [1, 2, 3, 4, 5, 6]) soon(work(name));
  expect(done).toEqual([1, 2]);
  vi.advanceTimersByTime(4);
  expect(done).toEqual([1, 2, 3, 4]);
  vi.advanceTimersByTime(4);
  expect(done).toEqual([1, 2, 3, 4, 5, 6]);
});
