"""Rows of the log: stored chunks by column, and behind them those that have no seq yet."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ..errors import StoreError
from ..transcript.live import LiveState
from ..transcript.state import Provisional, flushed
from .log_columns import CHUNKS
from .read import EVERYTHING, Columns, FrameStore, fetch_columns

__all__ = ["compact_json", "last_known_seq", "parse_all", "read_chunks"]


def compact_json(value: object) -> str:
    """Return `value` as JSON in the way the wire writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def parse_all(texts: Iterable[str]) -> list[dict[str, Any]]:
    """Parse many JSON objects in one go."""
    parsed: list[dict[str, Any]] = json.loads(f"[{','.join(texts)}]")
    return parsed


def last_known_seq(live: LiveState | None, conversation_id: str | None) -> int:
    """Return the last seq that `live` knows, or a bound that excludes nothing without it.

    Raises
    ------
    StoreError
        If `live` is given without the conversation it belongs to.
    """
    if live is None:
        return EVERYTHING
    if conversation_id is None:
        raise StoreError(
            "A live state belongs to one conversation: give conversation_id together with live."
        )
    committed = live.transcript.committed
    return committed[-1].seq if committed else 0


def read_chunks(
    store: FrameStore, conversation_id: str | None = None, live: LiveState | None = None
) -> Columns:
    """Return the columns of `CHUNKS`: what `live` knows to be stored, then what is not yet.

    Rows that were stored after `live` was taken are left out, because `live` still has
    them without a seq.
    """
    upto = last_known_seq(live, conversation_id)
    with store.connect() as connection:
        columns = fetch_columns(connection, CHUNKS, conversation_id, upto)
    stored = len(columns["seq"])
    for name in ("input_json", "content", "is_error", "error_code"):
        columns[name] = [None] * stored
    columns["is_partial"] = [False] * stored
    payloads = columns["payload"]
    positions = [position for position, payload in enumerate(payloads) if payload is not None]
    chunks = parse_all(payloads[position] for position in positions)
    for position, chunk in zip(positions, chunks, strict=True):
        for name, value in _contents(chunk).items():
            columns[name][position] = value
    if live is not None:
        for entry in flushed(live.transcript):
            row = {"conversation_id": conversation_id, **_provisional_row(entry)}
            for name, values in columns.items():
                values.append(row.get(name))
    return columns


def _provisional_row(entry: Provisional) -> dict[str, Any]:
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
        case "text" | "thinking" | "system":
            return {"text": chunk["text"]}
        case "tool-call":
            return {"text": None, "input_json": compact_json(chunk["input"])}
        case "tool-result":
            return {"text": None, "content": chunk["content"], "is_error": chunk["isError"]}
        case "error":
            return {"text": chunk["message"], "is_error": True, "error_code": chunk.get("code")}
        case "image":
            return {"text": None, "content": chunk["url"]}
        case kind:
            raise StoreError(f"The store holds a chunk of the kind {kind!r}, which no frame knows.")
