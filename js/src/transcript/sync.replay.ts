/**
 * Folds recorded sequences of a client's operations and compares each screen.
 *
 * `node <bundle of this file> --stdin`: each line that comes in is one client of one
 * interleaving, `{isTold, ops, screens}`, with the CRC-32 of the screen after each operation. What
 * goes out is the number of lines, or the first difference.
 */

import { createInterface } from "node:readline";
import { crc32 } from "node:zlib";
import type { Chunk, LiveEvent, SnapshotMessage, StoredChunk } from "../wire/types";
import { foldLive, fromSnapshot, initialLive, type LiveState } from "./live";
import { foldEvent } from "./reducer";
import { selectChunks } from "./selectors";
import { initialState, type TranscriptState } from "./state";
import { appendUserMessage, beginReplay, claimEcho, rejectEcho, syncHistory } from "./sync";
import { trimTranscript } from "./trimming";

/** One operation of a client, as `tests/sync_record.py` writes it. */
export type Op =
  | { op: "fold"; event: LiveEvent }
  | { op: "begin_replay"; turnId: string }
  | {
      op: "sync";
      chunks: StoredChunk[];
      afterSeal?: string[];
      afterStart?: string[];
      turnIds?: Record<string, string>;
    }
  | { op: "append" | "reject"; text: string; clientMessageId?: string }
  | { op: "claim"; clientMessageId: string };

export function apply(state: TranscriptState, op: Op): TranscriptState {
  switch (op.op) {
    case "fold":
      return foldEvent(state, op.event);
    case "begin_replay":
      return beginReplay(state, op.turnId);
    case "sync":
      return syncHistory(state, op.chunks, {
        requestedAfterSeal: op.afterSeal ?? [],
        requestedAfterStart: op.afterStart ?? [],
        turnIds: bySeq(op.turnIds ?? {}),
      });
    case "append":
      return appendUserMessage(state, op.text, { clientMessageId: op.clientMessageId });
    case "reject":
      return rejectEcho(state, op.text, op.clientMessageId ?? null);
    case "claim":
      return claimEcho(state, op.clientMessageId);
  }
}

/** One operation of a reader of our own log, as `tests/sync_record.py` writes it. */
export type ToldOp =
  | { op: "fold_live"; event: LiveEvent }
  | { op: "snapshot"; snapshot: SnapshotMessage }
  | { op: "begin_replay"; turnId: string; firstSeq?: number | null }
  | {
      op: "sync";
      chunks: StoredChunk[];
      clientMessageIds?: Record<string, string>;
      isPage?: boolean;
    }
  | { op: "trim"; limit: number }
  | { op: "append" | "reject"; text: string; clientMessageId: string };

export function applyTold(live: LiveState, op: ToldOp): LiveState {
  if (op.op === "fold_live") return foldLive(live, op.event);
  if (op.op === "snapshot") return fromSnapshot(op.snapshot, live);
  return { ...live, transcript: changed(live.transcript, op) };
}

function changed(
  state: TranscriptState,
  op: Exclude<ToldOp, { op: "fold_live" | "snapshot" }>,
): TranscriptState {
  switch (op.op) {
    case "begin_replay":
      return beginReplay(state, op.turnId, op.firstSeq ?? null);
    case "sync":
      return syncHistory(state, op.chunks, {
        clientMessageIds: bySeq(op.clientMessageIds ?? {}),
        isPage: op.isPage ?? false,
      });
    case "trim":
      return trimTranscript(state, op.limit);
    case "append":
      return appendUserMessage(state, op.text, { clientMessageId: op.clientMessageId });
    case "reject":
      return rejectEcho(state, op.text, op.clientMessageId);
  }
}

function bySeq(ids: Record<string, string>): Map<number, string> {
  return new Map(Object.entries(ids).map(([seq, id]) => [Number(seq), id]));
}

/** Return the screen as lines of text, one per chunk. */
export function screen(state: TranscriptState): string {
  const lines: string[] = [];
  for (const { seq, role, chunk } of selectChunks(state)) {
    lines.push(`${seq ?? "-"} ${role} ${keyOf(chunk)}`);
  }
  return lines.join("\n");
}

function keyOf(chunk: Chunk): string {
  switch (chunk.type) {
    case "text":
    case "thinking":
      return `${chunk.type}:${chunk.text}`;
    case "tool-call":
      return `call:${chunk.toolCallId}:${chunk.stepId}`;
    case "tool-result":
      return `result:${chunk.toolCallId}:${chunk.stepId}:${chunk.content}`;
    case "error":
      return `error:${chunk.message}`;
    default:
      return chunk.type;
  }
}

type Recorded = { screens: number[] } & (
  | { isTold: false; ops: Op[] }
  | { isTold: true; ops: ToldOp[] }
);

function* statesOf(client: Recorded): Iterable<[number, TranscriptState]> {
  let live = initialLive();
  let state = initialState();
  if (client.isTold) {
    for (const [index, op] of client.ops.entries()) {
      live = applyTold(live, op);
      yield [index, live.transcript];
    }
  } else {
    for (const [index, op] of client.ops.entries()) {
      state = apply(state, op);
      yield [index, state];
    }
  }
}

async function main(): Promise<void> {
  let count = 0;
  for await (const line of createInterface({ input: process.stdin })) {
    const client = JSON.parse(line) as Recorded;
    const { screens } = client;
    for (const [index, state] of statesOf(client)) {
      if (crc32(screen(state)) !== screens[index]) {
        console.log(`line ${count + 1}, operation ${index}: shown is\n${screen(state)}`);
        process.exit(1);
      }
    }
    count += 1;
  }
  console.log(count);
}

if (process.argv.includes("--stdin")) await main();
