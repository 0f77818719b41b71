"""The thinking of a chat completion, in the fields that servers put it in.

Some servers want it back with the tool calls that it led to: DeepSeek, Moonshot and others
as `reasoning_content`, OpenRouter as `reasoning_details`, LiteLLM as `thinking_blocks`. No
server wants it back under the name `reasoning`, and some refuse it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..engine.contracts import Detail, ProviderEvent, ReasoningDelta
from ..wire.conversation import Chunk, ThinkingChunk
from ..wire.extensions import ChunkDetail

__all__ = ["Thinking", "thinking_parts", "thinking_to_send"]

_PLAIN = "reasoning_content"
_LISTS = ("reasoning_details", "thinking_blocks")
_TEXTS = ("text", "summary", "data", "thinking")


class Thinking:
    """The thinking of one answer: `read` takes each delta, `detail` what is to be kept of it."""

    def __init__(self) -> None:
        self._is_plain = False
        self._lists: dict[str, list[dict[str, Any]]] = {}

    def read(self, delta: Mapping[str, Any]) -> str:
        """Return what a delta adds, once, though some servers send it under several names."""
        plain = delta.get(_PLAIN)
        found = plain if isinstance(plain, str) else ""
        self._is_plain |= bool(found)
        if not found:
            other = delta.get("reasoning")
            found = other if isinstance(other, str) else ""
        for name in _LISTS:
            entries = delta.get(name)
            if isinstance(entries, list):
                added = [dict(entry) for entry in entries if isinstance(entry, Mapping)]
                found = found or "".join(map(_words, added))
                kept = self._lists.setdefault(name, [])
                for entry in added:
                    _append(kept, entry)
        return found

    def detail(self) -> list[ProviderEvent]:
        """Return what the server wants back with the thinking so far, once."""
        data: dict[str, Any] = {name: kept for name, kept in self._lists.items() if kept}
        if not data and self._is_plain:
            data = {"field": _PLAIN}
        self._is_plain, self._lists = False, {}
        return [Detail(data)] if data else []


def thinking_to_send(
    chunks: Sequence[Chunk], details: Mapping[int, ChunkDetail], provider: str
) -> dict[str, Any]:
    """Return the fields of a message that give back to `provider` what it thought."""
    fields: dict[str, Any] = {}
    for index, chunk in enumerate(chunks):
        detail = details.get(index)
        if not isinstance(chunk, ThinkingChunk) or detail is None or detail.provider != provider:
            continue
        data = detail.data if isinstance(detail.data, Mapping) else {}
        if data.get("field") == _PLAIN and chunk.text.strip():
            fields[_PLAIN] = fields.get(_PLAIN, "") + chunk.text
        for name in _LISTS:
            entries = data.get(name)
            if isinstance(entries, list) and entries:
                fields[name] = [*fields.get(name, []), *entries]
    return fields


def thinking_parts(part: Mapping[str, Any]) -> list[ProviderEvent]:
    """Return the thinking in one part of a content that is a list."""
    thought = part.get("thinking")
    inner = thought if isinstance(thought, list) else [{"text": thought}]
    text = "".join(_words(each) for each in inner if isinstance(each, Mapping))
    return [ReasoningDelta(text)] if text else []


def _words(entry: Mapping[str, Any]) -> str:
    for name in ("text", "summary", "thinking"):
        if isinstance(text := entry.get(name), str) and text:
            return text
    return ""


def _append(kept: list[dict[str, Any]], entry: dict[str, Any]) -> None:
    """Add an entry, or join it to the last one if it is a fragment of the same block."""
    last = kept[-1] if kept else None
    if (
        last is None
        or any(last.get(name) != entry.get(name) for name in ("type", "index"))
        or (last.get("id") and entry.get("id") and last["id"] != entry["id"])
        or last.get("signature")  # it closes a block
    ):
        kept.append(entry)
        return
    for name, value in entry.items():
        if name in _TEXTS and isinstance(value, str) and isinstance(last.get(name), str):
            last[name] += value
        elif value is not None:
            last[name] = value
