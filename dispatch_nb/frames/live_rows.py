"""Rows of what a running turn has said and the store has not got yet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from ..errors import FrameError
from ..store.chunk_rows import compact_json
from ..transcript.live import LiveState
from ..transcript.state import Provisional, flushed
from .scope import Scope

__all__ = ["live_chunk_rows", "live_entries", "parse_all", "scoped"]


def parse_all(texts: Iterable[str]) -> list[dict[str, Any]]:
    """Parse many JSON objects in one go."""
    parsed: list[dict[str, Any]] = json.loads(f"[{','.join(texts)}]")
    return parsed


def scoped(conversation_id: str | None, scope: Scope | None, live: LiveState | None) -> Scope:
    """Return what is to be read: a conversation or a scope, up to what `live` knows of it.

    Raises
    ------
    FrameError
        If `live` is given without the conversation it belongs to.
    """
    if scope is None:
        scope = Scope(None if conversation_id is None else (conversation_id,))
    if live is None:
        return scope
    if scope.conversation_ids is None or len(scope.conversation_ids) != 1:
        raise FrameError(
            "A live state belongs to one conversation: give conversation_id together with live."
        )
    committed = live.transcript.committed
    return replace(scope, upto=committed[-1].seq if committed else 0)


def live_entries(live: LiveState | None, turns: frozenset[str] | None) -> Iterator[Provisional]:
    """Yield what has no seq yet, of these turns or of all."""
    if live is not None:
        for entry in flushed(live.transcript):
            if turns is None or entry.turn_id in turns:
                yield entry


def live_chunk_rows(
    conversation_id: str, entries: Iterable[Provisional], names: Iterable[str]
) -> dict[str, list[Any]]:
    """Return entries as columns of the frame of chunks."""
    rows = [{"conversation_id": conversation_id, **_row(entry)} for entry in entries]
    return {name: [row.get(name) for row in rows] for name in names}


def _row(entry: Provisional) -> dict[str, Any]:
    chunk = entry.chunk.to_wire()
    return {
        "turn_id": entry.turn_id,
        "step_id": chunk.get("stepId"),
        "role": entry.role,
        "chunk_type": chunk["type"],
        "tool_call_id": chunk.get("toolCallId"),
        "tool_name": chunk.get("toolName"),
        "is_partial": True,
        "is_interrupted": False,
        **_contents(chunk),
    }


def _contents(chunk: dict[str, Any]) -> dict[str, Any]:
    """Return what a chunk says, by column."""
    match chunk["type"]:
        case "tool-call":
            return {"input_json": compact_json(chunk["input"])}
        case "tool-result":
            return {"content": chunk["content"], "is_error": chunk["isError"]}
        case "error":
            return {"text": chunk["message"], "is_error": True, "error_code": chunk.get("code")}
        case "image":
            return {"content": chunk["url"]}
        case _:
            return {"text": chunk["text"]}
