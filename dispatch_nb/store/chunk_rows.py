"""From messages to the rows of their chunks and tool calls; nothing here touches a database."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, assert_never

from pydantic import MISSING

from ..errors import StoreError
from ..wire.conversation import (
    ChatMessage,
    Chunk,
    ErrorChunk,
    ImageChunk,
    Role,
    StoredChunk,
    SystemChunk,
    TextChunk,
    ThinkingChunk,
    ToolCallChunk,
    ToolResultChunk,
)
from .rows import ChunkSide, ToolCallRow, ToolStatus

__all__ = ["ChunkPlacement", "chunk_rows", "compact_json", "tool_call_rows"]

_NO_SIDE = ChunkSide()


@dataclass(frozen=True, slots=True)
class ChunkPlacement:
    """Where appended chunks belong, and the first numbers they get."""

    conversation_id: str
    turn_id: str
    step_id: str | None
    first_seq: int
    first_message_index: int


def chunk_rows(
    messages: Sequence[ChatMessage], sides: Sequence[ChunkSide], placement: ChunkPlacement
) -> tuple[list[dict[str, Any]], list[StoredChunk]]:
    """Return the column values of every chunk, and the chunks as the contract shows them."""
    values: list[dict[str, Any]] = []
    stored: list[StoredChunk] = []
    for message_index, (role, group) in enumerate(
        _messages(messages), placement.first_message_index
    ):
        for chunk_index, chunk in enumerate(group):
            seq = placement.first_seq + len(stored)
            side = sides[len(stored)] if sides else _NO_SIDE
            stored.append(StoredChunk(seq=seq, role=role, chunk=chunk))
            values.append(
                {
                    "conversation_id": placement.conversation_id,
                    "seq": seq,
                    "turn_id": placement.turn_id,
                    "step_id": placement.step_id,
                    "message_id": f"{placement.conversation_id}/{message_index}",
                    "message_index": message_index,
                    "chunk_index": chunk_index,
                    "role": role,
                    "chunk_type": chunk.type,
                    "chunk_json": chunk.to_json(),
                    **_searchable(chunk),
                    "started_us": side.started_us,
                    "completed_us": side.completed_us,
                    "delta_count": side.delta_count,
                    "is_interrupted": side.is_interrupted,
                    "detail_json": side.detail.to_json() if side.detail else None,
                }
            )
    return values, stored


def compact_json(value: object) -> str:
    """Return `value` as compact JSON, the way the frames show it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _messages(messages: Sequence[ChatMessage]) -> Iterator[tuple[Role, Sequence[Chunk]]]:
    """Yield the messages to number: none that is empty, and one per tool result."""
    for message in messages:
        if message.role == "tool":
            for chunk in message.chunks:
                yield message.role, [chunk]
        elif message.chunks:
            yield message.role, message.chunks


def _searchable(chunk: Chunk) -> dict[str, Any]:
    """Return the columns that repeat a part of the chunk so that queries can use it."""
    text = tool_call_id = tool_name = input_json = content = is_error = error_code = None
    match chunk:
        case TextChunk() | ThinkingChunk() | SystemChunk():
            text = chunk.text
        case ErrorChunk():
            text, is_error = chunk.message, True
            error_code = None if chunk.code is MISSING else chunk.code
        case ToolCallChunk():
            tool_call_id, tool_name = chunk.tool_call_id, chunk.tool_name
            input_json = compact_json(chunk.input)
        case ToolResultChunk():
            tool_call_id, tool_name = chunk.tool_call_id, chunk.tool_name
            content, is_error = chunk.content, chunk.is_error
        case ImageChunk():
            content = chunk.url
        case _:
            assert_never(chunk)
    return {
        "text": text,
        "tool_call_id": tool_call_id,
        "tool_name": tool_name,
        "input_json": input_json,
        "content": content,
        "is_error": is_error,
        "error_code": error_code,
    }


def tool_call_rows(
    stored: Sequence[StoredChunk], known: Sequence[ToolCallRow], placement: ChunkPlacement
) -> list[ToolCallRow]:
    """Return one row for every tool call among the stored chunks.

    Rows and results meet their calls by id; where an id is repeated, in order.

    Raises
    ------
    StoreError
        If a row is for a call that is not among the chunks.
    """
    rows: defaultdict[str, deque[ToolCallRow]] = defaultdict(deque)
    for row in known:
        rows[row.tool_call_id].append(row)
    results: defaultdict[str, deque[tuple[int, ToolResultChunk]]] = defaultdict(deque)
    for item in stored:
        if isinstance(item.chunk, ToolResultChunk):
            results[item.chunk.tool_call_id].append((item.seq, item.chunk))
    filled = []
    for item in stored:
        if isinstance(item.chunk, ToolCallChunk):
            call = item.chunk
            waiting = rows[call.tool_call_id]
            row = waiting.popleft() if waiting else ToolCallRow(call.tool_call_id)
            answers = results[call.tool_call_id]
            result_seq, result = answers.popleft() if answers else (None, None)
            row = replace(
                row,
                conversation_id=placement.conversation_id,
                call_seq=item.seq,
                turn_id=placement.turn_id,
                step_id=placement.step_id,
                result_seq=result_seq,
                tool_name=call.tool_name,
            )
            filled.append(_with_result(row, result))
    left = [row.tool_call_id for waiting in rows.values() for row in waiting]
    if left:
        raise StoreError(
            f"Tool call {left[0]!r} came with data but is not among the chunks to store."
        )
    return filled


def _with_result(row: ToolCallRow, result: ToolResultChunk | None) -> ToolCallRow:
    if result is None:
        return replace(row, status=row.status or "pending")
    status: ToolStatus = "completed"
    if result.is_error:
        status = "aborted" if result.content == "Aborted" else "error"
    has_message = row.error_message is not None or not result.is_error
    return replace(
        row,
        status=row.status or status,
        error_message=row.error_message if has_message else result.content,
        result_bytes=(
            len(result.content.encode()) if row.result_bytes is None else row.result_bytes
        ),
    )
