/**
 * What is shown while a failed request waits for its retry.
 *
 * Source: the Dispatch transcript contract, B.6.
 */

import type { TranscriptState } from "./state";

/** An announced retry in words; `message` and `code` are the provider's own. */
export interface RetryBanner {
  readonly label: string;
  readonly delay: string;
  readonly message: string;
  readonly code: string | null;
}

/** Return the banner of the announced retry; null when none is announced. */
export function selectRetryBanner({ providerRetry }: TranscriptState): RetryBanner | null {
  if (providerRetry === null) return null;
  const { attempt, delayMs, message, code } = providerRetry;
  return { label: `Retry #${attempt + 1}`, delay: delay(delayMs), message, code: code ?? null };
}

function delay(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1_000 + 0.5);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(milliseconds / 60_000 + 0.5);
  return minutes < 60 ? `${minutes}m` : `${Math.floor(milliseconds / 3_600_000 + 0.5)}h`;
}
