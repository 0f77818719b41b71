/** Fewer events with the same meaning. */

import type {
  LiveEvent,
  ReasoningDeltaEvent,
  TextDeltaEvent,
  ToolInputDeltaEvent,
  ToolOutputEvent,
} from "../wire/types";

/**
 * Return `events` with adjacent deltas of one kind and turn as one event each.
 *
 * Output of one tool call on one stream, and its arguments, are joined likewise. Folding the joined events gives
 * the same state as folding all.
 */
export function joinDeltas(events: Iterable<LiveEvent>): LiveEvent[] {
  const joined: LiveEvent[] = [];
  for (const event of events) {
    const previous = joined.at(-1);
    const both = previous && join(previous, event);
    if (both) joined[joined.length - 1] = both;
    else joined.push(event);
  }
  return joined;
}

function join(first: LiveEvent, next: LiveEvent): LiveEvent | undefined {
  switch (first.type) {
    case "text-delta":
    case "reasoning-delta":
      return next.type === first.type && isOfSameTurn(first, next)
        ? { ...first, delta: first.delta + next.delta }
        : undefined;
    case "tool-output":
      return next.type === first.type &&
        isOfSameTurn(first, next) &&
        next.toolCallId === first.toolCallId &&
        next.stream === first.stream
        ? { ...first, data: first.data + next.data }
        : undefined;
    case "nb.tool-input-delta":
      return next.type === first.type &&
        isOfSameTurn(first, next) &&
        next.toolCallId === first.toolCallId
        ? { ...first, delta: first.delta + next.delta }
        : undefined;
    default:
      return undefined;
  }
}

type Joinable = TextDeltaEvent | ReasoningDeltaEvent | ToolInputDeltaEvent | ToolOutputEvent;

function isOfSameTurn(first: Joinable, next: Joinable): boolean {
  return first.conversationId === next.conversationId && first.turnId === next.turnId;
}
