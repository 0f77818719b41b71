// @vitest-environment node
import { describe, expect, it } from "vitest";
import { canonical, readVectors, shortHash, stateAsJson } from "../testing/vectors";
import { parseAgentEvent, parseStoredChunk } from "../wire/parse";
import { applyHistory } from "./history";
import { foldEvent } from "./reducer";
import { selectChunks, selectMessages } from "./selectors";
import { initialState, type TranscriptState } from "./state";

type Op = { op: "fold"; event: unknown } | { op: "history"; chunks: unknown[] };

interface Case {
  name: string;
  ops: Op[];
  states?: unknown[];
  final?: unknown;
  hashes?: string[];
  chunks: unknown;
  messages: unknown;
  noop: number[];
}

const cases = readVectors<Case>("transcript.jsonl");

/** The fields that the vectors compare, in their own shape. */
function compared(state: TranscriptState): unknown {
  const { committed, provisional, accumulating, currentTurnId, latestUsage, sealedTurnId } =
    stateAsJson(state);
  return {
    committed,
    provisional: provisional.map(({ role, chunk }) => ({ role, chunk })),
    accumulating: accumulating && { kind: accumulating.kind, text: accumulating.text },
    currentTurnId,
    latestUsage,
    sealedTurnId,
  };
}

function apply(state: TranscriptState, op: Op): TranscriptState {
  if (op.op === "fold") return foldEvent(state, parseAgentEvent(op.event));
  return applyHistory(state, op.chunks.map(parseStoredChunk));
}

describe("the golden vectors of the transcript contract, Part A", () => {
  it("are all here", () => {
    expect(cases.length).toBe(214);
    expect(cases.reduce((sum, { ops }) => sum + ops.length, 0)).toBe(2750);
  });

  it.each(cases)("$name", ({ ops, states: wanted, final, hashes, chunks, messages, noop }) => {
    let state = initialState();
    const states = [state];
    const shown = [canonical(compared(state))];
    for (const [index, op] of ops.entries()) {
      const after = apply(state, op);
      expect(after === state).toBe(noop.includes(index));
      state = after;
      states.push(state);
      shown.push(canonical(compared(state)));
    }
    if (wanted !== undefined && wanted.length > 0) {
      expect(shown.slice(1)).toEqual(wanted.map(canonical));
    } else {
      expect(states.slice(1).map((each) => shortHash(compared(each)))).toEqual(hashes ?? []);
      expect(shown.at(-1)).toBe(canonical(final));
    }
    const rendered = selectChunks(state).map(({ seq, role, chunk, provisional }) => {
      return { seq, role, chunk, provisional };
    });
    expect(canonical(rendered)).toBe(canonical(chunks));
    expect(canonical([...selectMessages(state)])).toBe(canonical(messages));
    expect(states.map((each) => canonical(compared(each)))).toEqual(shown);
  });
});
