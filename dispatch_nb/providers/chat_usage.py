"""The usage that chat completions report, under the contract's names.

`prompt_tokens` is the whole prompt everywhere, cached tokens included. Counts that a server
does not name are absent, not 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..wire.conversation import Usage

__all__ = ["count", "first_count", "read_reasoning", "read_usage"]

# Where servers put a count: its path in the usage object, the first that is there counts.
_CACHE_READ = (
    ("cache_read_tokens",),
    ("prompt_tokens_details", "cached_tokens"),
    ("prompt_cache_hit_tokens",),
    ("cached_tokens",),
    ("cache_read_input_tokens",),
)
_CACHE_WRITE = (
    ("cache_write_tokens",),
    ("prompt_tokens_details", "cache_write_tokens"),
    ("prompt_tokens_details", "cache_creation_tokens"),
    ("cache_creation_input_tokens",),
)
_REASONING = (("completion_tokens_details", "reasoning_tokens"), ("reasoning_tokens",))


def read_usage(raw: Mapping[str, Any]) -> Usage:
    """Return a server's usage object under the contract's names."""
    counts: dict[str, int] = {}
    if (cache_read := first_count(raw, _CACHE_READ)) is not None:
        counts["cache_read_tokens"] = cache_read
    if (cache_write := first_count(raw, _CACHE_WRITE)) is not None:
        counts["cache_write_tokens"] = cache_write
    return Usage(
        input_tokens=count(raw.get("prompt_tokens")) or 0,
        output_tokens=count(raw.get("completion_tokens")) or 0,
        **counts,
    )


def read_reasoning(raw: Mapping[str, Any]) -> int | None:
    """Return the tokens that were thought, None if the server does not say."""
    return first_count(raw, _REASONING)


def first_count(raw: Mapping[str, Any], paths: tuple[tuple[str, ...], ...]) -> int | None:
    """Return the count at the first of `paths` where there is one."""
    for path in paths:
        value: Any = raw
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        if (found := count(value)) is not None:
            return found
    return None


def count(value: Any) -> int | None:
    """Return a number of tokens, None for anything else."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
