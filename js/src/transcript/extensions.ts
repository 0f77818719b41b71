/** What events tell beside the transcript: tool calls that are at work, and that have ended. */

import type { LiveEvent, SettledTool } from "../wire/types";
import { foldWorking, NO_TOOLS, type WorkingTools } from "./working";

/**
 * Ended tool calls by step and call id, oldest first; immutable.
 *
 * Adding to the newest value is O(1) amortised. Some providers repeat a call id within a
 * step: the first one to end keeps the key.
 */
export class SettledTools implements Iterable<SettledTool> {
  private constructor(
    private readonly entries: SettledTool[],
    private readonly positions: Map<string, number>,
    readonly size: number,
  ) {}

  static of(tools: Iterable<SettledTool> = []): SettledTools {
    let settled = new SettledTools([], new Map(), 0);
    for (const tool of tools) settled = settled.withTool(tool);
    return settled;
  }

  /** Return the ended call, or undefined while it runs. */
  get(stepId: string, toolCallId: string): SettledTool | undefined {
    const position = this.positions.get(keyOf(stepId, toolCallId));
    return position === undefined || position >= this.size ? undefined : this.entries[position];
  }

  /** Return the calls with one more; the same object if its key is taken. */
  withTool(tool: SettledTool): SettledTools {
    if (this.get(tool.stepId, tool.toolCallId) !== undefined) return this;
    // A newer value already grew the shared part: this one goes its own way.
    if (this.entries.length > this.size) return SettledTools.of([...this, tool]);
    this.positions.set(keyOf(tool.stepId, tool.toolCallId), this.size);
    this.entries.push(tool);
    return new SettledTools(this.entries, this.positions, this.size + 1);
  }

  *[Symbol.iterator](): Iterator<SettledTool> {
    for (let position = 0; position < this.size; position += 1) {
      yield this.entries[position] as SettledTool;
    }
  }
}

/** Ids are opaque and may hold any character, so they are quoted before they are joined. */
function keyOf(stepId: string, toolCallId: string): string {
  return JSON.stringify([stepId, toolCallId]);
}

/** Side data of a conversation, apart from the contract's transcript. */
export interface ExtensionState {
  readonly settledTools: SettledTools;
  readonly workingTools: WorkingTools;
}

/** Return the side data before any event. */
export function initialExtensions(): ExtensionState {
  return { settledTools: SettledTools.of(), workingTools: NO_TOOLS };
}

/** Return the side data after `event`; the very same object for events without any. */
export function foldExtension(state: ExtensionState, event: LiveEvent): ExtensionState {
  const workingTools = foldWorking(state.workingTools, event);
  let { settledTools } = state;
  if (event.type === "nb.tool-settled") {
    const { stepId, toolCallId, isError, durationMs } = event;
    const tool = { stepId, toolCallId, isError };
    settledTools = settledTools.withTool(durationMs === undefined ? tool : { ...tool, durationMs });
  }
  const isSame = workingTools === state.workingTools && settledTools === state.settledTools;
  return isSame ? state : { settledTools, workingTools };
}
