/**
 * Sums of tokens.
 *
 * Source: the Dispatch turn contract, section 4.4.
 */

import type { Usage } from "../wire/types";

export const NO_USAGE: Usage = { inputTokens: 0, outputTokens: 0 };

/** Return the sum of two usages; a cache counter is present if either side has it. */
export function addUsage(left: Usage, right: Usage): Usage {
  const cacheReadTokens = addOptional(left.cacheReadTokens, right.cacheReadTokens);
  const cacheWriteTokens = addOptional(left.cacheWriteTokens, right.cacheWriteTokens);
  return {
    inputTokens: left.inputTokens + right.inputTokens,
    outputTokens: left.outputTokens + right.outputTokens,
    ...(cacheReadTokens === undefined ? {} : { cacheReadTokens }),
    ...(cacheWriteTokens === undefined ? {} : { cacheWriteTokens }),
  };
}

function addOptional(left: number | undefined, right: number | undefined): number | undefined {
  if (left === undefined) return right;
  return right === undefined ? left : left + right;
}
