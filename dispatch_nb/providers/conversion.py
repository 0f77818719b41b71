"""What the conversions of a history to every provider's API have in common."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ..wire.conversation import Chunk, TextChunk, ToolResultChunk

__all__ = ["NO_IMAGE", "arguments_text", "joined_text", "result_text", "tool_name"]

NO_IMAGE = "(an image that cannot be sent from here)"
"""Stands where an image was whose address no provider could use."""

_HINT_LENGTH = 200
_LONGEST_NAME = 64
_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_NO_OUTPUT = "(no output)"


def joined_text(chunks: Sequence[Chunk]) -> str:
    """Return the text of a message, or "" if it is blank."""
    text = "".join(chunk.text for chunk in chunks if isinstance(chunk, TextChunk))
    return text if text.strip() else ""


def tool_name(called: str) -> str:
    """Return the name a model called, which need not be one that a tool can have."""
    return _NOT_IN_A_NAME.sub("_", called)[:_LONGEST_NAME] or "unknown"


def arguments_text(given: Any) -> str:
    """Return arguments as the text of a JSON object, also where the model's own were none."""
    if given is None or (isinstance(given, str) and not given.strip()):
        return "{}"
    written = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
    with suppress(ValueError, RecursionError):
        if isinstance(json.loads(written, parse_constant=_refuse), dict):
            return written
    return json.dumps({"invalid_arguments": written[:_HINT_LENGTH]}, ensure_ascii=False)


def result_text(result: ToolResultChunk) -> str:
    """Return what a tool gave back; no provider takes blank text."""
    return result.content if result.content.strip() else _NO_OUTPUT


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
