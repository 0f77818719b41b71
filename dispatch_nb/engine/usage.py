"""Sums of tokens, whether there was anything to sum, and what stands in for a report.

Source: the Dispatch turn contract, section 4.4.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from pydantic import MISSING

from ..transcript.usage import NO_USAGE, add_usage
from ..wire.conversation import ChatMessage, ImageChunk, Usage
from .contracts import ProviderOptions, Tool

__all__ = ["NO_USAGE", "add_usage", "estimate_usage", "is_reported"]

_CHARACTERS_PER_TOKEN = 4


def is_reported(usage: Usage) -> bool:
    """Return whether a provider reported any tokens: some were counted, or a cache was."""
    return (
        usage.input_tokens > 0
        or usage.output_tokens > 0
        or usage.cache_read_tokens is not MISSING
        or usage.cache_write_tokens is not MISSING
    )


def estimate_usage(
    messages: Sequence[ChatMessage], tools: Sequence[Tool], options: ProviderOptions, said: int
) -> Usage:
    """Return the tokens of a request whose provider reported none: four characters are one.

    Images count nothing, so there the estimate is too low.

    Parameters
    ----------
    said
        Characters of the answer: text, thinking, and calls with their arguments.
    """
    sent = len(options.system_prompt or "")
    for message in messages:
        for chunk in message.chunks:
            if not isinstance(chunk, ImageChunk):
                fields = chunk.model_dump(exclude={"type", "step_id", "is_error"})
                sent += sum(map(_characters, fields.values()))
    for tool in tools:
        sent += len(tool.name) + len(tool.description) + len(json.dumps(dict(tool.parameters)))
    return Usage(input_tokens=_tokens(sent), output_tokens=_tokens(said))


def _characters(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(str(key)) + _characters(part) for key, part in value.items())
    if isinstance(value, list):
        return sum(map(_characters, value))
    return 0 if value is None or isinstance(value, bool) else len(str(value))


def _tokens(characters: int) -> int:
    return -(-characters // _CHARACTERS_PER_TOKEN)
