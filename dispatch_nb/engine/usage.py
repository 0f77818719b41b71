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

__all__ = [
    "NO_USAGE",
    "TOKENS_PER_IMAGE",
    "add_usage",
    "estimate_tokens",
    "estimate_usage",
    "is_reported",
]

_CHARACTERS_PER_TOKEN = 4

TOKENS_PER_IMAGE = 765
"""What an image counts in an estimate: OpenAI's rule for one of 1024 x 1024 pixels.

That is 85 and 170 for each of its four tiles; Anthropic's rule, width x height / 750, gives
between 54 (200 x 200) and 1600 tokens.
"""


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

    An image is `TOKENS_PER_IMAGE`, whatever its size, for an address does not tell it.

    Parameters
    ----------
    said
        Characters of the answer: text, thinking, and calls with their arguments.
    """
    sent, images = len(options.system_prompt or ""), 0
    for message in messages:
        for chunk in message.chunks:
            if isinstance(chunk, ImageChunk):
                images += 1
            else:
                fields = chunk.model_dump(exclude={"type", "step_id", "is_error"})
                sent += sum(map(_characters, fields.values()))
    for tool in tools:
        sent += len(tool.name) + len(tool.description) + len(json.dumps(dict(tool.parameters)))
    input_tokens = estimate_tokens(sent) + images * TOKENS_PER_IMAGE
    return Usage(input_tokens=input_tokens, output_tokens=estimate_tokens(said))


def estimate_tokens(characters: int) -> int:
    """Return the tokens of so many characters."""
    return -(-characters // _CHARACTERS_PER_TOKEN)


def _characters(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(str(key)) + _characters(part) for key, part in value.items())
    if isinstance(value, list):
        return sum(map(_characters, value))
    return 0 if value is None or isinstance(value, bool) else len(str(value))
