/** What drawings depend on, as values that are compared: nothing is drawn again without need. */
import type { WorkingTools } from "../transcript/working";
import type { Section } from "./sections";

/** Return what of calls at work makes their cards: the rest only grows in these. */
export function shapeOf(working: WorkingTools): string {
  if (working.size === 0) return "";
  const parts = [...working.values()].map(({ toolCallId, input, output }) => [
    ...[toolCallId, input !== "", output !== ""],
  ]);
  return JSON.stringify(parts);
}

export function wasStopped({ key, last }: Section, stops: ReadonlySet<number>): boolean {
  return [...stops].some((place) => place >= key && place <= last);
}

/** Return everything that a section's drawing depends on, compared part by part. */
export function identity(section: Section): unknown[] {
  const parts = section.entries.flatMap((entry): unknown[] => {
    switch (entry.kind) {
      case "text":
      case "thinking":
        return [entry.key, entry.text, entry.isStreaming];
      case "tools":
        // A call that is being written is made anew for each drawing: its id says which it is.
        return entry.tools.flatMap((tool) => [
          ...[tool.input === null ? tool.call : tool.call.toolCallId, tool.result, tool.state],
          ...[tool.durationMs, tool.input, tool.output],
        ]);
      case "error":
        return [entry.key, entry.message];
      case "note":
        return [entry.key, entry.text];
      case "image":
        return [entry.key, entry.url];
      default:
        entry satisfies never;
        return [];
    }
  });
  return [section.isSending, ...parts];
}
