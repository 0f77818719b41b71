// @vitest-environment node
import { describe, expect, it } from "vitest";
import { readVectors } from "../testing/vectors";
import { selectMessages } from "./selectors";
import { initialState } from "./state";
import { appendUserMessage, rejectEcho } from "./sync";
import { apply, type Op, screen } from "./sync.replay";

interface Case {
  name: string;
  ops: Op[];
  screens: string[];
}

describe("stored and live chunks of a foreign backend", () => {
  it.each(readVectors<Case>("sync.jsonl"))("$name", ({ ops, screens }) => {
    const states = [initialState()];
    for (const op of ops) states.push(apply(states.at(-1) ?? initialState(), op));
    const shown = states.map(screen);
    expect(shown.slice(1)).toEqual(screens);
    expect(states.map(screen)).toEqual(shown);
  });

  it("shows an open prompt as the last message and takes it back", () => {
    const state = appendUserMessage(initialState(), "hi");
    expect([...selectMessages(state)]).toEqual([
      { role: "user", chunks: [{ type: "text", text: "hi" }] },
    ]);
    expect(rejectEcho(state, "other")).toBe(state);
    expect([...selectMessages(rejectEcho(state, "hi"))]).toEqual([]);
  });
});
