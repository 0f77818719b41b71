// @vitest-environment node
import { describe, expect, it } from "vitest";
import { Log } from "./log";

describe("Log", () => {
  it("lets an older view that grows go its own way", () => {
    const first = Log.of([1, 2]);
    const [second, third] = [first.append(3), first.append(4)];
    expect([[...first], [...second], [...third]]).toEqual([
      [1, 2],
      [1, 2, 3],
      [1, 2, 4],
    ]);
  });

  it("keeps the rest and the older view when items are dropped", () => {
    const log = Log.of([0, 1, 2, 3, 4]);
    expect([...log.drop(2)]).toEqual([2, 3, 4]);
    expect([...log.drop(4).append(9)]).toEqual([4, 9]);
    expect([...log.drop(1).append(5)]).toEqual([1, 2, 3, 4, 5]);
    expect(log.drop(5).length).toBe(0);
    expect([...log]).toEqual([0, 1, 2, 3, 4]);
  });

  it("reads by index from both ends, within its view only", () => {
    const log = Log.of([0, 1, 2, 3]).drop(1);
    log.append(9);
    expect([log.at(0), log.at(-1), log.at(-3), log.at(3), log.at(-4)]).toEqual([
      1,
      3,
      1,
      undefined,
      undefined,
    ]);
    expect(log.slice(1)).toEqual([2, 3]);
    expect(log.slice(0, 9)).toEqual([1, 2, 3]);
  });
});
