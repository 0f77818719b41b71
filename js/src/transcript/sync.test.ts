// @vitest-environment node
import { describe, expect, it } from "vitest";
import { readVectors } from "../testing/vectors";
import { initialLive } from "./live";
import { selectMessages } from "./selectors";
import { initialState } from "./state";
import { appendUserMessage, rejectEcho, toldState } from "./sync";
import { apply, applyTold, type Op, screen, type ToldOp } from "./sync.replay";

interface ToldCase {
  name: string;
  ops: ToldOp[];
  screens: string[];
}

describe("stored and live chunks of our own log", () => {
  it.each(readVectors<ToldCase>("told.jsonl"))("$name", ({ ops, screens }) => {
    const states = [initialLive()];
    for (const op of ops) states.push(applyTold(states.at(-1) ?? initialLive(), op));
    const shown = states.map(({ transcript }) => screen(transcript));
    expect(shown.slice(1)).toEqual(screens);
    expect(states.map(({ transcript }) => screen(transcript))).toEqual(shown);
  });

  it("demands an id of a prompt", () => {
    expect(() => appendUserMessage(toldState(), "hi")).toThrow("client message id");
  });
});

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
