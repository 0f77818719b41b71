/** What the vector tests share: the files of tests/vectors, states as JSON, hashes of them. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { LiveState } from "../transcript/live";
import type { TranscriptState } from "../transcript/state";
import type { SnapshotMessage, TranscriptSnapshot } from "../wire/types";

const folder = join(dirname(fileURLToPath(import.meta.url)), "../../../tests/vectors");

/** Return the lines of a vector file; only a newline ends one. */
export function readVectors<T>(name: string): T[] {
  const lines = readFileSync(join(folder, name), "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as T);
}

export function stateAsJson(state: TranscriptState): TranscriptSnapshot {
  return {
    committed: [...state.committed],
    provisional: [...state.provisional],
    accumulating: state.accumulating,
    currentTurnId: state.currentTurnId,
    latestUsage: state.latestUsage,
    sealedTurnId: state.sealedTurnId,
    generating: state.generating,
    providerRetry: state.providerRetry,
  };
}

export function liveAsJson({ transcript, extensions }: LiveState, next: number): SnapshotMessage {
  return {
    type: "snapshot",
    next,
    transcript: stateAsJson(transcript),
    settledTools: [...extensions.settledTools],
    ...(extensions.workingTools.size > 0 && {
      workingTools: [...extensions.workingTools.values()],
    }),
  };
}

/** Return ASCII text that is the same for equal JSON values, and for no others. */
export function canonical(value: unknown): string {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "number") return numeral(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).sort(([a], [b]) => byCodePoint(a, b));
    return `{${entries.map(([key, item]) => `${quoted(key)}:${canonical(item)}`).join(",")}}`;
  }
  return String(value);
}

export function shortHash(value: unknown): string {
  return createHash("sha256").update(canonical(value), "ascii").digest("hex").slice(0, 12);
}

function quoted(text: string): string {
  return JSON.stringify(text).replace(/[^ -~]/g, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

function numeral(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) <= 2 ** 53) return String(value + 0);
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return `d${bytes.toString("hex")}`;
}

function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
