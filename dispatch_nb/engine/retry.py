"""When a failed request is tried again.

Source: the Dispatch turn contract, section 5.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from .contracts import UNREACHABLE, AbortSignal, Failure
from .tasks import run_unless_aborted

__all__ = ["BackoffRetry", "dispatch_schedule"]


@dataclass(frozen=True, slots=True)
class BackoffRetry:
    """Growing delays, spread at random, never shorter than the server asks, within a budget.

    The defaults suit a person who waits at a notebook. The strategy keeps no state, so
    one may serve any number of turns at once.

    Parameters
    ----------
    delays_ms
        The delay before each retry; the last one repeats.
    budget_ms
        How much one step may wait in all. A retry that would pass it, because the server
        asks for a longer delay too, is not made.
    unreachable_retries
        How often to try again when no connection was made at all: an address that is wrong
        stays wrong, and a person is waiting.
    jitter
        By which part of itself a delay may be longer or shorter, 0 to 1.
    random
        Where chance comes from: a number from 0 up to 1.
    sleep_s
        How to wait a number of seconds.
    """

    delays_ms: Sequence[float] = (500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000)
    budget_ms: float = 120_000
    unreachable_retries: int | None = 2
    jitter: float = 0.25
    random: Callable[[], float] = random.random
    sleep_s: Callable[[float], Awaitable[None]] = asyncio.sleep

    def delay_for(self, attempt: int, failure: Failure, waited_ms: float) -> float | None:
        """Return the whole milliseconds to wait before the next try, or None to give up."""
        if not self.delays_ms:
            return None
        limit = self.unreachable_retries
        if failure.code == UNREACHABLE and limit is not None and attempt >= limit:
            return None
        nominal = self.delays_ms[min(attempt, len(self.delays_ms) - 1)]
        spread = nominal * (1 + self.jitter * (2 * self.random() - 1))
        delay = round(max(spread, failure.retry_after_ms or 0))
        return None if waited_ms + delay > self.budget_ms else delay

    async def sleep(self, delay_ms: float, signal: AbortSignal) -> None:
        """Wait `delay_ms`, but no longer than until `signal` aborts."""
        await run_unless_aborted(self._wait(delay_ms / 1_000), signal)

    async def _wait(self, seconds: float) -> None:
        await self.sleep_s(seconds)


def dispatch_schedule() -> BackoffRetry:
    """Return Dispatch's own patient schedule: 5 s growing to 30 min, 8 h in all, no jitter."""
    minute = 60_000
    return BackoffRetry(
        delays_ms=(
            5_000,
            10_000,
            30_000,
            minute,
            5 * minute,
            10 * minute,
            15 * minute,
            30 * minute,
        ),
        budget_ms=8 * 60 * minute,
        unreachable_retries=None,
        jitter=0,
    )
