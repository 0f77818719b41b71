import { describe, expect, it } from "vitest";
import type { RenderedChunk } from "../transcript/selectors";
import { NO_TOOLS } from "../transcript/working";
import type { Chunk, Role, SettledTool } from "../wire/types";
import {
  type Entry,
  type LogSource,
  type Section,
  selectSections,
  streamingEntry,
} from "./sections";

function chunk(role: Role, part: Chunk, seq: number | null, streaming = false): RenderedChunk {
  return { seq, role, chunk: part, provisional: seq === null, streaming };
}

const say = (role: Role, text: string, seq: number | null = null) =>
  chunk(role, { type: "text", text }, seq);
const call = (id: string, stepId?: string, seq: number | null = null) =>
  chunk(
    "assistant",
    {
      type: "tool-call",
      toolCallId: id,
      toolName: `tool-${id}`,
      input: {},
      ...(stepId && { stepId }),
    },
    seq,
  );
const result = (id: string, content: string, isError = false, seq: number | null = null) =>
  chunk(
    "tool",
    { type: "tool-result", toolCallId: id, toolName: `tool-${id}`, content, isError },
    seq,
  );

function sections(chunks: RenderedChunk[], more: Partial<LogSource> = {}): Section[] {
  return selectSections({
    chunks,
    settled: () => undefined,
    isGenerating: false,
    working: NO_TOOLS,
    ...more,
  });
}

function tools(entry: Entry | undefined) {
  if (entry?.kind !== "tools") throw new Error("not tools");
  return entry.tools;
}

describe("selectSections", () => {
  it("gives each message of the person a section and the answer between them one", () => {
    const made = sections([
      say("user", "a"),
      say("user", "b"),
      chunk("assistant", { type: "thinking", text: "hm" }, null),
      call("1", "s1"),
      result("1", "r"),
      say("assistant", "c"),
      say("user", "d"),
    ]);
    expect(made.map(({ role }) => role)).toEqual(["user", "user", "assistant", "user"]);
    expect(made[2]?.entries.map(({ kind }) => kind)).toEqual(["thinking", "tools", "text"]);
  });

  it("keeps every key when chunks get their seq and when older ones come before them", () => {
    const live = [say("user", "q"), call("1", "s1"), result("1", "r"), say("assistant", "a")];
    const stored = live.map((each, index) => ({ ...each, seq: index + 41, provisional: false }));
    const old = [say("user", "x", 39), say("assistant", "y", 40)];
    const keys = (made: Section[]) => made.flatMap(({ entries }) => entries.map(({ key }) => key));
    const provisional = sections([...old, ...live]);
    expect(keys(provisional)).toEqual([39, 40, 41, 42, 44]);
    expect(keys(sections([...old, ...stored]))).toEqual(keys(provisional));
    expect(keys(sections(stored))).toEqual([41, 42, 44]);
  });

  it("puts the calls of one step together with their results, and only those", () => {
    const [section] = sections([
      call("1", "s1"),
      call("2", "s1"),
      result("2", "second"),
      result("1", "first"),
      call("3", "s2"),
      call("4"),
      call("5"),
    ]);
    const groups = section?.entries.map((entry) =>
      tools(entry).map((tool) => tool.call.toolCallId),
    );
    expect(groups).toEqual([["1", "2"], ["3"], ["4"], ["5"]]);
    expect(tools(section?.entries[0]).map((tool) => tool.result?.content)).toEqual([
      "first",
      "second",
    ]);
  });

  it("pairs a call id that a provider repeats with the results in order", () => {
    const [section] = sections([
      call("0", "s1"),
      result("0", "a"),
      call("0", "s2"),
      result("0", "b"),
    ]);
    expect(section?.entries.map((entry) => tools(entry)[0]?.result?.content)).toEqual(["a", "b"]);
  });

  it("shows a result without its call as a note instead of losing it", () => {
    const [section] = sections([result("9", "orphan")]);
    expect(section?.entries).toEqual([
      { kind: "note", key: 1, text: "tool-9 gave a result: orphan" },
    ]);
  });

  it("tells how a call stands", () => {
    const settled = (stepId: string, toolCallId: string): SettledTool | undefined =>
      toolCallId === "3" ? { stepId, toolCallId, isError: true, durationMs: 5 } : undefined;
    const chunks = [
      say("user", "old"),
      call("0", "s0"),
      say("user", "new"),
      call("1", "s1"),
      call("2", "s1"),
      call("3", "s1"),
      call("4", "s1"),
      call("5", "s1"),
      call("6", "s1"),
      result("1", "fine"),
      result("2", "boom", true),
      result("4", "Aborted", true),
      result("5", "interrupted: tool execution did not complete", true),
    ];
    const states = (isGenerating: boolean) =>
      sections(chunks, { settled, isGenerating })
        .filter(({ role }) => role === "assistant")
        .map(({ entries }) => tools(entries[0]).map(({ state }) => state));
    const known = ["done", "error", "error", "aborted", "aborted"];
    expect(states(true)).toEqual([["aborted"], [...known, "running"]]);
    expect(states(false)).toEqual([["aborted"], [...known, "aborted"]]);
  });

  it("tells steering from the next prompt", () => {
    const made = sections([
      say("user", "q"),
      call("1", "s1"),
      result("1", "r"),
      say("user", "in French"),
      say("assistant", "voilà"),
      say("user", "next"),
      call("2", "s2"),
      result("2", "Aborted", true),
      say("user", "after a stop"),
    ]);
    const users = made.filter(({ role }) => role === "user");
    expect(users.map(({ isSteering }) => isSteering)).toEqual([false, true, false, false]);
  });

  it("puts the images of a prompt with its text, and shows nothing of an empty chunk", () => {
    const image = (seq: number) => chunk("user", { type: "image", url: "images/a" }, seq);
    const thought = chunk("assistant", { type: "thinking", text: "" }, 4);
    const chunks = [say("user", "a", 1), image(2), image(3), thought, say("assistant", "b", 5)];
    const sections = selectSections({
      chunks,
      settled: () => undefined,
      isGenerating: false,
      working: NO_TOOLS,
    });
    const kinds = sections.map(({ entries }) => entries.map(({ kind }) => kind));
    expect(kinds).toEqual([["text", "image", "image"], ["text"]]);
  });

  it("puts a prompt that is being sent last, and takes it neither for steering nor for a turn", () => {
    const sending = { ...say("user", "next"), sending: true as const };
    const writing = { toolCallId: "2", toolName: "f", stepId: "s2", input: "{", output: "" };
    const made = sections([say("user", "a"), call("1", "s1"), result("1", "r"), sending], {
      isGenerating: true,
      working: new Map([["2", writing]]),
    });
    expect(made.map(({ role, isSending }) => [role, isSending])).toEqual([
      ["user", false],
      ["assistant", false],
      ["user", true],
    ]);
    expect(made[2]?.isSteering).toBe(false);
    expect(made[1]?.entries.flatMap((entry) => tools(entry)).at(-1)?.state).toBe("writing");
    const text = chunk("assistant", { type: "text", text: "so" }, null, true);
    expect(streamingEntry(sections([text, sending]))).toMatchObject({ text: "so" });
  });
});
