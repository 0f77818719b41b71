// @vitest-environment node
import { describe, expect, it } from "vitest";
import { canonical, readVectors } from "../testing/vectors";
import { parseLiveEvent, parseWsServerMessage } from "../wire/parse";
import type { Json, LiveEvent, StoredChunk, TurnMetrics } from "../wire/types";
import { groupRenderedChunks } from "./grouping";
import { applyHistory } from "./history";
import {
  applyDurableMetrics,
  foldMetrics,
  initialMetrics,
  type OrderedTurnMetrics,
  selectCurrentContextSize,
  selectOrderedTurnMetrics,
} from "./metrics";
import { interleaveTurnMetrics, type TranscriptRow } from "./placement";
import { foldEvent } from "./reducer";
import { selectRetryBanner } from "./retry-banner";
import type { RenderedChunk } from "./selectors";
import { initialState, type TranscriptState } from "./state";
import * as surfaces from "./surfaces";
import { syncHistory, toldState } from "./sync";
import * as trimming from "./trimming";

const ids = { conversationId: "c", turnId: "t" };

type Shown = Omit<RenderedChunk, "streaming">;

function rendered(chunks: readonly Shown[]): RenderedChunk[] {
  return chunks.map((chunk) => ({ ...chunk, streaming: false }));
}

interface GroupingCase {
  name: string;
  chunks: Shown[];
  groups: unknown[];
}

describe("groupRenderedChunks", () => {
  it.each(readVectors<GroupingCase>("grouping.jsonl"))("$name", ({ chunks: shown, groups }) => {
    const chunks = rendered(shown);
    const place = (chunk: RenderedChunk | null) => chunk && chunks.indexOf(chunk);
    const found = groupRenderedChunks(chunks).map((group) => {
      if (group.kind === "single") return { ...group, chunk: place(group.chunk) };
      return { ...group, entries: group.entries.map((e) => [place(e.call), place(e.result)]) };
    });
    expect(found).toEqual(groups);
  });
});

interface RetryCase {
  name: string;
  retry: object;
  banner: unknown;
}

describe("selectRetryBanner", () => {
  it.each(readVectors<RetryCase>("retry-banner.jsonl"))("$name", ({ retry, banner }) => {
    const event = parseLiveEvent({ type: "provider-retry", ...ids, ...retry });
    expect(selectRetryBanner(foldEvent(initialState(), event))).toEqual(banner);
  });

  it("gives null without a retry", () => {
    expect(selectRetryBanner(initialState())).toBeNull();
  });
});

type Range = [first: number, last: number, thinking: number[]];
type TrimmingStep = { after: unknown } & (
  | { op: "trim"; limit: number }
  | { op: "window"; newest: number }
  | { op: "restore"; chunks: Range; count: number }
  | { op: "load"; chunks: Range }
  | { op: "live"; chunks: number; growing: boolean }
);

function stored([first, last, thinking]: Range): StoredChunk[] {
  return Array.from({ length: last - first + 1 }, (_, index) => {
    const seq = first + index;
    const type = thinking.includes(seq) ? "thinking" : "text";
    return { seq, role: "assistant", chunk: { type, text: "" } };
  });
}

function stepOn(state: TranscriptState, step: TrimmingStep): TranscriptState {
  switch (step.op) {
    case "trim":
      return trimming.trimTranscript(state, step.limit);
    case "window":
      return trimming.windowTranscript(state, step.newest);
    case "restore":
      return trimming.restoreEarlier(state, stored(step.chunks).reverse(), step.count);
    case "load": {
      const chunks = stored(step.chunks);
      const told = syncHistory({ ...state, sync: toldState().sync }, chunks);
      const loaded = applyHistory(state, chunks);
      expect([...told.committed]).toEqual([...loaded.committed]);
      return loaded;
    }
    case "live": {
      let next = state;
      for (let count = 0; count < step.chunks; count += 1) {
        next = foldEvent(next, { type: "steering", ...ids, text: "x" });
      }
      return step.growing ? foldEvent(next, { type: "text-delta", ...ids, delta: "x" }) : next;
    }
  }
}

describe("trimming", () => {
  const cases = readVectors<{ name: string; steps: TrimmingStep[] }>("trimming.jsonl");

  it.each(cases)("$name", ({ steps }) => {
    let state = initialState();
    for (const step of steps) {
      const before = state;
      state = stepOn(state, step);
      const seqs = [...state.committed].map(({ seq }) => seq);
      expect({
        committed: seqs.length > 0 ? [seqs[0], seqs.at(-1)] : null,
        watermark: state.hiddenBeforeSeq,
        thinking: state.hiddenThinkingCount,
        earlier: trimming.selectHasEarlier(state),
        same: state === before,
      }).toEqual(step.after);
      expect(seqs).toEqual(seqs.map((_, index) => (seqs[0] ?? 0) + index));
    }
  });

  it("takes a limit that is not finite as none, or as the default", () => {
    const state = applyHistory(initialState(), stored([1, 300, []]));
    for (const limit of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(trimming.trimTranscript(state, limit)).toBe(state);
      expect(trimming.chunkLimit(limit)).toBe(256);
    }
  });

  type Limits = { value: unknown; limit: number } | { for: number; unit: number; window: number };

  it.each(readVectors<Limits>("limits.jsonl"))("keeps the limits of %j", (limits) => {
    if ("limit" in limits) {
      expect(trimming.chunkLimit(limits.value)).toBe(limits.limit);
    } else {
      expect(trimming.unloadUnit(limits.for)).toBe(limits.unit);
      expect(trimming.freshWindow(limits.for)).toBe(limits.window);
    }
  });
});

interface MetricsCase {
  name: string;
  ops: ({ event: LiveEvent } | { durable: TurnMetrics[] })[];
  noop: number[];
  ordered: unknown;
  contextSize: number | null;
}

describe("metrics", () => {
  it.each(readVectors<MetricsCase>("metrics.jsonl"))(
    "$name",
    ({ ops, noop, ordered, contextSize }) => {
      let state = initialMetrics();
      const states = [];
      const shown = [];
      for (const [index, op] of ops.entries()) {
        const after =
          "event" in op ? foldMetrics(state, op.event) : applyDurableMetrics(state, op.durable);
        expect(after === state).toBe(noop.includes(index));
        state = after;
        states.push(state);
        shown.push(canonical(selectOrderedTurnMetrics(state)));
      }
      expect(canonical(selectOrderedTurnMetrics(state))).toBe(canonical(ordered));
      expect(selectCurrentContextSize(state)).toBe(contextSize);
      expect(states.map((each) => canonical(selectOrderedTurnMetrics(each)))).toEqual(shown);
    },
  );
});

interface PlacementCase {
  name: string;
  chunks: Shown[];
  turns: OrderedTurnMetrics[];
  rows: unknown;
}

describe("interleaveTurnMetrics", () => {
  it.each(readVectors<PlacementCase>("placement.jsonl"))("$name", ({ chunks, turns, rows }) => {
    const groups = groupRenderedChunks(rendered(chunks));
    const short = (row: TranscriptRow): unknown[] => {
      if (row.kind === "group") return [row.kind, groups.indexOf(row.group)];
      if (row.kind === "step") return [row.kind, row.turnId, row.step.stepId];
      const previous = row.previous?.inputTokens ?? null;
      return [row.kind, row.turnId, row.number, row.running.inputTokens, previous];
    };
    expect(interleaveTurnMetrics(groups, turns).map(short)).toEqual(rows);
  });
});

interface SurfaceOp {
  op: "subscribe" | "unsubscribe" | "invoke" | "resubscribe" | "receive";
  surfaceId: string;
  actionId: string;
  conversationId: string | null;
  payload?: Json;
  message: unknown;
  sends: unknown[];
  same: boolean;
}

function act(state: surfaces.SurfacesState, op: SurfaceOp) {
  const { surfaceId, conversationId } = op;
  switch (op.op) {
    case "subscribe":
      return surfaces.subscribeSurface(state, surfaceId, conversationId);
    case "unsubscribe":
      return surfaces.unsubscribeSurface(state, surfaceId, conversationId);
    case "invoke": {
      const given = "payload" in op ? { payload: op.payload ?? null } : {};
      return surfaces.invokeSurface(state, surfaceId, op.actionId, { conversationId, ...given });
    }
    case "resubscribe":
      return surfaces.resubscribeSurfaces(state);
    case "receive":
      return [surfaces.foldSurfaceMessage(state, parseWsServerMessage(op.message)), []] as const;
  }
}

describe("surfaces", () => {
  const cases = readVectors<{ name: string; ops: SurfaceOp[]; final: unknown }>("surfaces.jsonl");

  it.each(cases)("$name", ({ ops, final }) => {
    let state = surfaces.initialSurfaces();
    for (const op of ops) {
      const [after, sent] = act(state, op);
      expect(sent).toEqual(op.sends);
      expect(after === state).toBe(op.same);
      state = after;
    }
    expect(state).toEqual(final);
    for (const { surfaceId, conversationId, spec } of state.subscriptions) {
      expect(surfaces.selectSurface(state, surfaceId, conversationId)).toBe(spec);
    }
    expect(surfaces.selectSurface(state, "nobody asked for this one")).toBeNull();
  });
});
