"""What is shown while a failed request waits for its retry.

Source: the Dispatch transcript contract, B.6.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pydantic import MISSING

from .state import TranscriptState

__all__ = ["RetryBanner", "select_retry_banner"]


@dataclass(frozen=True, slots=True)
class RetryBanner:
    """An announced retry in words; `message` and `code` are the provider's own."""

    label: str
    delay: str
    message: str
    code: str | None


def select_retry_banner(state: TranscriptState) -> RetryBanner | None:
    """Return the banner of the announced retry; None when none is announced."""
    retry = state.provider_retry
    if retry is None:
        return None
    return RetryBanner(
        label=f"Retry #{retry.attempt + 1}",
        delay=_delay(retry.delay_ms),
        message=retry.message,
        code=None if retry.code is MISSING else retry.code,
    )


def _delay(milliseconds: float) -> str:
    seconds = _rounded(milliseconds / 1_000)
    if seconds < 60:
        return f"{seconds}s"
    minutes = _rounded(milliseconds / 60_000)
    return f"{minutes}m" if minutes < 60 else f"{_rounded(milliseconds / 3_600_000)}h"


def _rounded(number: float) -> int:
    # Halves go up, as in JavaScript: `round` would make 2.5 seconds 2.
    return math.floor(number + 0.5)
