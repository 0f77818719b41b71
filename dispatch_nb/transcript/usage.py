"""Sums of tokens.

Source: the Dispatch turn contract, section 4.4.
"""

from __future__ import annotations

from pydantic import MISSING

from ..wire.conversation import Usage

__all__ = ["NO_USAGE", "add_usage"]

NO_USAGE = Usage(input_tokens=0, output_tokens=0)


def add_usage(left: Usage, right: Usage) -> Usage:
    """Return the sum of two usages; a cache counter is present if either side has it."""
    return Usage(
        input_tokens=left.input_tokens + right.input_tokens,
        output_tokens=left.output_tokens + right.output_tokens,
        cache_read_tokens=_add_optional(left.cache_read_tokens, right.cache_read_tokens),
        cache_write_tokens=_add_optional(left.cache_write_tokens, right.cache_write_tokens),
    )


def _add_optional(left: int | MISSING, right: int | MISSING) -> int | MISSING:
    if left is MISSING:
        return right
    return left if right is MISSING else left + right
