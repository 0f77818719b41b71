/**
 * The direction of a text, by its first letter, as `dir="auto"` has it. That attribute itself is
 * for short texts: for each block that comes below it the browser looks through the others.
 */

const LETTER = /\p{L}/u;
/** The blocks of Unicode whose letters run from right to left. */
const RIGHT_TO_LEFT =
  /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** Return the direction of a text, or null while it has no letter. */
export function directionOf(text: string): "ltr" | "rtl" | null {
  const first = LETTER.exec(text)?.[0];
  if (first === undefined) return null;
  return RIGHT_TO_LEFT.test(first) ? "rtl" : "ltr";
}
