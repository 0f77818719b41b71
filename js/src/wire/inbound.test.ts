// @vitest-environment node
import { describe, expect, it } from "vitest";
import { canonical, readVectors } from "../testing/vectors";
import { foldLive, initialLive } from "../transcript/live";
import { queuedMessages, readServerMessage } from "./inbound";
import { parseConversationMeta } from "./parse";
import type { Json, LiveEvent, SurfaceSpec } from "./types";

interface Case {
  name: string;
  text?: string;
  frame?: unknown;
  message: unknown;
}

const cases = readVectors<Case>("inbound.jsonl");

describe("readServerMessage", () => {
  it.each(cases)("$name", ({ text, frame, message }) => {
    const sources = text === undefined ? [frame, JSON.stringify(frame)] : [text];
    for (const source of sources) {
      expect(canonical(readServerMessage(source))).toBe(canonical(message));
    }
  });

  it("drops a frame that is nested without end", () => {
    const depth = 100_000;
    const nested = `${"[".repeat(depth)}${"]".repeat(depth)}`;
    const text = `{"type": "chat.delta", "event": {"type": "x", "a": ${nested}}}`;
    expect(readServerMessage(text)).toBeNull();
  });

  it("drops what is no frame at all", () => {
    for (const source of [undefined, Symbol("x"), () => 1, new Date(0), Number.NaN]) {
      expect(readServerMessage(source)).toBeNull();
    }
  });

  it("gives an unknown event that changes no state", () => {
    const live = initialLive();
    for (const type of ["text-delta", "nb.chunks-committed", "new"]) {
      const message = readServerMessage({ type: "chat.delta", event: { type } });
      const event = message?.type === "chat.delta" ? message.event : undefined;
      expect(event).toEqual({ type: "unknown", event: { type } });
      expect(foldLive(live, event as unknown as LiveEvent)).toBe(live);
    }
  });
});

describe("parseConversationMeta", () => {
  const times = { createdAt: 1_765_000_000_000, lastActivityAt: 1_765_000_000_000.5 };
  const meta = { id: "c", ...times, title: "Untitled", status: "idle" };

  it("takes metadata with and without its options", () => {
    for (const value of [meta, { ...meta, workspaceId: "default", compactedFrom: "archive" }]) {
      expect(parseConversationMeta(JSON.stringify(value))).toEqual(value);
    }
  });

  it("refuses an unknown status", () => {
    expect(() => parseConversationMeta({ ...meta, status: "asleep" })).toThrow("'status'");
  });
});

describe("queuedMessages", () => {
  const spec = (payload: Json, rendererId = "message-queue"): SurfaceSpec => {
    const fields = [{ kind: "custom", rendererId, payload }] as const;
    return { id: "message-queue", region: "composer", title: "Queue", fields };
  };

  it("reads the texts that wait", () => {
    const messages = [{ id: "m1", text: "and then?", queuedAt: 1_765_000_000_000 }];
    expect(queuedMessages(spec({ messages }))).toEqual(messages);
    expect(queuedMessages(spec({ messages: [] }))).toEqual([]);
  });

  it("gives null for any other surface", () => {
    const broken = { messages: [{ id: "m1", text: "x", queued_at: 1 }] };
    for (const other of [spec(null), spec(broken), spec({ messages: [] }, "table")]) {
      expect(queuedMessages(other)).toBeNull();
    }
    expect(queuedMessages({ ...spec(null), fields: [] })).toBeNull();
  });
});
