// @vitest-environment node
import { describe, expect, it } from "vitest";
import { canonical, readVectors } from "../testing/vectors";
import * as guard from "./conformance";
import { UnknownVariantError, WireError } from "./errors";
import * as parse from "./parse";
import schema from "./schema.json";
import type {
  AgentEvent,
  Chunk,
  SeedAgentEvent,
  SeedChunk,
  SeedWsClientMessage,
  SeedWsServerMessage,
  StoredChunk,
} from "./types";

interface Sample {
  kind: string;
  value: unknown;
  label?: string;
  valid?: false;
  why?: string;
}

const samples = readVectors<Sample>("wire.jsonl");
const valid = samples.filter((sample) => sample.valid !== false);
const invalid = samples.filter((sample) => sample.valid === false);

const parsers: Record<string, (source: unknown) => unknown> = {
  AgentEvent: parse.parseAgentEvent,
  Chunk: parse.parseChunk,
  StoredChunk: parse.parseStoredChunk,
  WsServerMessage: parse.parseWsServerMessage,
  WsClientMessage: parse.parseWsClientMessage,
  ChatSendMessage: parse.parseChatSendMessage,
  ConversationHistoryResponse: parse.parseHistoryResponse,
};

const labels: Record<string, (value: unknown) => string> = {
  AgentEvent: (value) => guard.assertAgentEventExhaustive(value as SeedAgentEvent),
  Chunk: (value) => guard.assertChunkExhaustive(value as SeedChunk),
  StoredChunk: (value) => guard.assertChunkExhaustive((value as StoredChunk).chunk as SeedChunk),
  WsServerMessage: (value) => guard.assertWsServerMessageExhaustive(value as SeedWsServerMessage),
  WsClientMessage: (value) => guard.assertWsClientMessageExhaustive(value as SeedWsClientMessage),
  ChatSendMessage: (value) => guard.assertWsClientMessageExhaustive(value as SeedWsClientMessage),
};

function parserOf(kind: string): (source: unknown) => unknown {
  const found = parsers[kind];
  if (found === undefined) throw new Error(`No parser is known for the kind ${kind}.`);
  return found;
}

const ids = { conversationId: "c", turnId: "t" };
const call = { type: "tool-call", toolCallId: "a", toolName: "f" };

describe("the wire vectors", () => {
  it("are all here", () => {
    expect([valid.length, invalid.length]).toEqual([116, 356]);
  });

  it.each(valid)("takes a $kind with the label $label", ({ kind, value, label }) => {
    for (const source of [value, JSON.stringify(value)]) {
      const parsed = parserOf(kind)(source);
      expect(canonical(parsed)).toBe(canonical(value));
      if (label !== undefined) expect(labels[kind]?.(parsed)).toBe(label);
    }
  });

  it.each(invalid)("refuses $kind: $why", ({ kind, value }) => {
    for (const source of [value, JSON.stringify(value)]) {
      expect(() => parserOf(kind)(source)).toThrow(WireError);
    }
  });
});

describe("parsing", () => {
  it.each([
    [parse.parseChunk, { type: "text" }, "Chunk: field 'text' is missing."],
    [parse.parseChunk, { type: "text", text: 5 }, "Chunk: field 'text' must be text, not 5."],
    [parse.parseChunk, { text: "x" }, "Chunk has no type."],
    [parse.parseChunk, [], "Chunk must be an object, not a list."],
    [parse.parseChunk, { type: "blob" }, 'Chunk has an unknown type, "blob".'],
    [
      parse.parseViewMessage,
      { type: "events", from: 1, upto: 1, events: [{ type: "text-delta", ...ids }] },
      "ViewMessage: field 'events.0.delta' is missing.",
    ],
    [
      parse.parseAgentEvent,
      { type: "done", ...ids, reason: "stop", durationMs: Number.NaN },
      "AgentEvent: field 'durationMs' must be a finite number, not NaN.",
    ],
    [
      parse.parseChunk,
      { ...call, input: { a: [Number.POSITIVE_INFINITY] } },
      "Chunk: field 'input.a.0' must not contain NaN or Infinity.",
    ],
    [
      parse.parseChunk,
      { ...call, input: () => 1 },
      "Chunk: field 'input' must be JSON, not a JavaScript function.",
    ],
    [
      parse.parseChunk,
      { ...call, input: JSON.parse("[".repeat(201) + "]".repeat(201)) },
      "Chunk: field 'input' must not be nested deeper than 200 levels.",
    ],
  ])("says what is wrong and where (%#)", (parser, value, sentence) => {
    expect(() => parser(value)).toThrow(WireError);
    expect(() => parser(value)).toThrow(sentence);
  });

  it("takes JSON of 200 levels", () => {
    const input = JSON.parse("[".repeat(200) + "]".repeat(200));
    expect(parse.parseChunk({ ...call, input })).toEqual({ ...call, input });
  });

  it("refuses text that is not JSON", () => {
    for (const text of ["{", "NaN", '{"type": "text", "text": NaN}']) {
      expect(() => parse.parseChunk(text)).toThrow(/^This is not JSON/);
    }
  });

  it("replaces a lone surrogate and keeps a pair", () => {
    const value = { ...call, toolName: "a\ud800b", input: { "\udc00": ["😀\ud83d"] } };
    for (const source of [value, JSON.stringify(value)]) {
      expect(parse.parseChunk(source)).toEqual({
        ...call,
        toolName: "a\ufffdb",
        input: { "\ufffd": ["😀\ufffd"] },
      });
    }
  });

  it("keeps a null input, refuses a null option, leaves an absent one absent", () => {
    expect(parse.parseChunk({ ...call, input: null })).toEqual({ ...call, input: null });
    expect(() => parse.parseChunk({ ...call, input: null, stepId: null })).toThrow("stepId");
    expect(Object.keys(parse.parseChunk({ ...call, input: {} }))).not.toContain("stepId");
  });

  it("drops unknown fields and refuses snake_case", () => {
    const source = '{"type": "text", "text": "x", "color": "red", "__proto__": {"polluted": 1}}';
    const chunk = parse.parseChunk(source);
    expect(Object.keys(chunk)).toEqual(["type", "text"]);
    expect((chunk as { polluted?: unknown }).polluted).toBeUndefined();
    const snake = { type: "tool-call", tool_call_id: "a", tool_name: "f", input: {} };
    expect(() => parse.parseChunk(snake)).toThrow("'toolCallId' is missing");
  });

  it("keeps a key named __proto__ inside free-form JSON as an ordinary key", () => {
    const chunk = parse.parseChunk(`${JSON.stringify(call).slice(0, -1)},"input":{"__proto__":1}}`);
    expect(JSON.stringify((chunk as { input?: unknown }).input)).toBe('{"__proto__":1}');
  });

  it("leaves the given data as it is and takes frozen data", () => {
    const value = Object.freeze({ type: "text", text: "\ud800", extra: 1 });
    expect(parse.parseChunk(value)).toEqual({ type: "text", text: "\ufffd" });
    expect(value.text).toBe("\ud800");
  });

  it("takes snapshots with their nulls", () => {
    for (const { final } of readVectors<{ final: unknown }>("live.jsonl")) {
      expect(canonical(parse.parseViewMessage(final))).toBe(canonical(final));
    }
  });
});

describe("the guards", () => {
  const seed = [
    "status",
    "turn-start",
    "text-delta",
    "reasoning-delta",
    "tool-call",
    "tool-result",
    "tool-output",
    "usage",
    "error",
    "done",
    "turn-sealed",
  ];
  const later = ["user-message", "step-complete", "steering", "provider-retry"];
  const event = (type: string) => ({ type, ...ids }) as unknown as AgentEvent;

  it("of the seed know exactly its eleven events", () => {
    const found = valid.filter(({ kind }) => kind === "AgentEvent").map(({ label }) => label);
    expect([...new Set(found)]).toEqual(seed);
    for (const type of seed) {
      expect(guard.assertAgentEventExhaustive(event(type) as SeedAgentEvent)).toBe(type);
    }
    for (const type of later) {
      expect(() => guard.assertAgentEventExhaustive(event(type) as SeedAgentEvent)).toThrow(
        UnknownVariantError,
      );
    }
  });

  it("that are wider know fifteen", () => {
    const all = [...seed, ...later];
    expect(all.map((type) => guard.agentEventLabel(event(type)))).toEqual(all);
    const known = Object.keys(schema.$defs.AgentEvent.discriminator.mapping);
    expect(known.sort()).toEqual([...all].sort());
  });

  it("know what came later apart from the seed", () => {
    const image = { type: "image", url: "data:," } as const;
    expect(guard.chunkLabel(image)).toBe("image");
    expect(guard.wsServerMessageLabel({ type: "conversation.open", conversationId: "c" })).toBe(
      "conversation.open",
    );
    const queued = { type: "chat.queue", conversationId: "c", text: "x" } as const;
    expect(guard.wsClientMessageLabel(queued)).toBe("chat.queue");
    const unknown = image as Chunk as SeedChunk;
    expect(() => guard.assertChunkExhaustive(unknown)).toThrow(UnknownVariantError);
  });

  it.each(["text-delta", { type: "constructor" }, {}])(
    "raise for a value of no variant (%#)",
    (value) => {
      for (const label of Object.values(guard)) {
        const unchecked = label as (given: unknown) => string;
        expect(() => unchecked(value)).toThrow(UnknownVariantError);
      }
    },
  );
});
