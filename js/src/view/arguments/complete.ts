/** What is told of a call's arguments: on one line if they fit, and by name. */
import { inlineInput } from "../words";

/** One argument: a string stands as it is, everything else as JSON. */
export interface Argument {
  /** Null for what has no name: arguments that are no object, and what is no JSON. */
  readonly name: string | null;
  readonly text: string;
}

export interface Arguments {
  readonly entries: readonly Argument[];
  /** All of it on one line, if it fits there; else null. */
  readonly inline: string | null;
}

export const INLINE_CHARACTERS = 72;
/** Each name makes nodes: what comes behind this many is one text. */
export const MOST_NAMED = 60;
export const INDENT = 2;

/** Return the arguments of a call that is written to its end. */
export function completeArguments(input: unknown): Arguments {
  const inline = inlineInput(input, INLINE_CHARACTERS);
  if (input === null || typeof input !== "object" || Array.isArray(input)) {
    return { entries: [{ name: null, text: shown(input) }], inline };
  }
  const all = Object.entries(input);
  const entries: Argument[] = all
    .slice(0, MOST_NAMED)
    .map(([name, value]) => ({ name, text: shown(value) }));
  if (all.length > MOST_NAMED) {
    const others = all.slice(MOST_NAMED).map(([name, value]) => `${name}: ${json(value)}`);
    entries.push({ name: null, text: others.join("\n") });
  }
  return { entries, inline };
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : json(value, INDENT);
}

function json(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent) ?? "";
}
