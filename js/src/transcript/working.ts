/** Tool calls at work: being written by the model, or running; immutable. */

import type { LiveEvent, WorkingTool } from "../wire/types";

// Of what a tool writes while it runs the newest is kept: a terminal's worth.
const OUTPUT_CHARACTERS = 16_384;

/** The calls at work by id, in the order in which they began. */
export type WorkingTools = ReadonlyMap<string, WorkingTool>;

export const NO_TOOLS: WorkingTools = new Map();

/** Return the calls at work after `event`; the very same object if it changes none. */
export function foldWorking(tools: WorkingTools, event: LiveEvent): WorkingTools {
  switch (event.type) {
    case "nb.tool-input-delta": {
      const { toolCallId, toolName, stepId, delta } = event;
      const known = tools.get(toolCallId) ?? blank(toolCallId, toolName, stepId);
      return new Map(tools).set(toolCallId, { ...known, input: known.input + delta });
    }
    case "tool-output": {
      const known = tools.get(event.toolCallId) ?? blank(event.toolCallId, "", "");
      const output = (known.output + event.data).slice(-OUTPUT_CHARACTERS);
      return new Map(tools).set(event.toolCallId, { ...known, output });
    }
    case "tool-call":
    case "tool-result":
    case "nb.tool-settled": {
      if (!tools.has(event.toolCallId)) return tools;
      return new Map([...tools].filter(([id]) => id !== event.toolCallId));
    }
    case "provider-retry":
    case "turn-start":
    case "done":
    case "turn-sealed":
      return tools.size === 0 ? tools : NO_TOOLS;
    default:
      return tools;
  }
}

/** Return the calls that a snapshot names. */
export function workingTools(tools: readonly WorkingTool[]): WorkingTools {
  return tools.length === 0 ? NO_TOOLS : new Map(tools.map((tool) => [tool.toolCallId, tool]));
}

function blank(toolCallId: string, toolName: string, stepId: string): WorkingTool {
  return { toolCallId, toolName, stepId, input: "", output: "" };
}
