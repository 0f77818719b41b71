"""Sums of tokens, and whether there was anything to sum.

Source: the Dispatch turn contract, section 4.4.
"""

from __future__ import annotations

from pydantic import MISSING

from ..transcript.usage import NO_USAGE, add_usage
from ..wire.conversation import Usage

__all__ = ["NO_USAGE", "add_usage", "is_reported"]


def is_reported(usage: Usage) -> bool:
    """Return whether a provider reported any tokens: some were counted, or a cache was."""
    return (
        usage.input_tokens > 0
        or usage.output_tokens > 0
        or usage.cache_read_tokens is not MISSING
        or usage.cache_write_tokens is not MISSING
    )
