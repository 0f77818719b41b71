"""What the conversions of a history to every provider's API have in common."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from pydantic import TypeAdapter

from ..wire.base import Json
from ..wire.conversation import Chunk, TextChunk, ToolResultChunk

__all__ = [
    "NO_IMAGE",
    "NO_PROMPT",
    "arguments_object",
    "arguments_text",
    "joined_text",
    "result_text",
    "tool_name",
]

NO_IMAGE = "(an image that cannot be sent from here)"
"""Stands where an image was whose address no provider could use."""

NO_PROMPT = "(no prompt)"
"""Stands before a history that an assistant begins, which providers do not take."""

_HINT_LENGTH = 200
_LONGEST_NAME = 64
_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_NO_OUTPUT = "(no output)"
_JSON: TypeAdapter[Any] = TypeAdapter(Json)


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
    return json.dumps(_invalid(written), ensure_ascii=False)


def arguments_object(given: Any) -> dict[str, Any]:
    """Return arguments as a JSON object, also where the model's own were none."""
    if isinstance(given, dict):
        return given
    written = arguments_text(given)
    try:
        made: dict[str, Any] = _JSON.validate_python(json.loads(written))
    except ValueError:  # such as 1e999, which reads as infinite
        return _invalid(written)
    return made


def _invalid(written: str) -> dict[str, Any]:
    """Return what stands for arguments that are none: where they began."""
    return {"invalid_arguments": written[:_HINT_LENGTH]}


def result_text(result: ToolResultChunk) -> str:
    """Return what a tool gave back; no provider takes blank text."""
    return result.content if result.content.strip() else _NO_OUTPUT


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
