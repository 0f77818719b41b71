"""A history repaired for providers: calls and results paired, nothing unsendable left.

Source: the Dispatch turn contract, 7.5, without its known defects: a missing result is put
next to its call, and a message of thinking alone stays. What is stored stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

from ..wire.conversation import (
    ChatMessage,
    Chunk,
    ErrorChunk,
    TextChunk,
    ThinkingChunk,
    ToolCallChunk,
    ToolResultChunk,
)
from ..wire.extensions import ChunkDetail, PromptMessage

__all__ = ["INTERRUPTED", "LONGEST_CALL_ID", "reconcile"]

_C = TypeVar("_C", ToolCallChunk, ToolResultChunk)

INTERRUPTED = "interrupted: tool execution did not complete"

LONGEST_CALL_ID = 40
"""Characters of a tool call id that every provider takes."""


@dataclass(slots=True)
class _Call:
    chunk: ToolCallChunk
    message: int
    sent_id: str = ""
    result: ToolResultChunk | None = None


def reconcile(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Return the messages as a provider may get them.

    Each message with tool calls is followed by their results in call order, one message
    per result: the stored one, or an error that stands for it. An id that is blank, too
    long or used before is replaced, in call and result alike. Results without a call,
    error chunks, and assistant messages that say nothing are left out. Details stay with
    their chunks.

    A history and its beginning are repaired alike, and a repaired one stays as it is: what
    a provider has cached of a conversation stays valid while it grows.
    """
    calls = _pair(messages)
    _choose_ids(calls)
    repaired: list[ChatMessage] = []
    for index, message in enumerate(messages):
        if message.role == "assistant":
            mine = calls.get(index, [])
            kept = _sendable(message, mine)
            if kept is not None:
                repaired.append(kept)
            repaired += _results(mine)
        elif message.role != "tool":
            repaired.append(message)
    return repaired


def _pair(messages: Sequence[ChatMessage]) -> dict[int, list[_Call]]:
    """Return each message's calls in order, with the results that are theirs."""
    calls: dict[int, list[_Call]] = {}
    unanswered: dict[str, list[_Call]] = {}
    for index, message in enumerate(messages):
        for chunk in message.chunks:
            if message.role == "assistant" and isinstance(chunk, ToolCallChunk):
                call = _Call(chunk, index)
                calls.setdefault(index, []).append(call)
                unanswered.setdefault(chunk.tool_call_id, []).append(call)
            elif message.role == "tool" and isinstance(chunk, ToolResultChunk):
                found = _answered_by(chunk, unanswered.get(chunk.tool_call_id, []))
                if found is not None:
                    found.result = chunk
                    unanswered[chunk.tool_call_id].remove(found)
    return calls


def _answered_by(result: ToolResultChunk, candidates: list[_Call]) -> _Call | None:
    """Return the first matching call of the newest message: call ids may repeat."""
    fitting = [call for call in candidates if _same_step(call.chunk, result)]
    newest = max((call.message for call in fitting), default=None)
    return next((call for call in fitting if call.message == newest), None)


def _same_step(call: ToolCallChunk, result: ToolResultChunk) -> bool:
    both_known = isinstance(call.step_id, str) and isinstance(result.step_id, str)
    return call.step_id == result.step_id if both_known else True


def _choose_ids(calls: dict[int, list[_Call]]) -> None:
    """Give every call an id of its own: the one it has, if that will do."""
    used: set[str] = set()
    in_order = [call for mine in calls.values() for call in mine]
    for position, call in enumerate(in_order):
        wanted = call.chunk.tool_call_id
        will_do = wanted.strip() and len(wanted) <= LONGEST_CALL_ID and wanted not in used
        call.sent_id = wanted if will_do else _unused_id(position, used)
        used.add(call.sent_id)


def _unused_id(position: int, used: set[str]) -> str:
    # Nine letters and digits: some servers take no other form.
    candidates = (f"call{number:05}" for number in count(position))
    return next(candidate for candidate in candidates if candidate not in used)


def _sendable(message: ChatMessage, calls: list[_Call]) -> ChatMessage | None:
    ids = iter([call.sent_id for call in calls])
    known = message.details if isinstance(message, PromptMessage) else {}
    chunks: list[Chunk] = []
    details: dict[int, ChunkDetail] = {}
    for index, chunk in enumerate(message.chunks):
        if isinstance(chunk, ErrorChunk):
            continue
        if index in known:
            details[len(chunks)] = known[index]
        chunks.append(_with_id(chunk, next(ids)) if isinstance(chunk, ToolCallChunk) else chunk)
    if not details and not any(map(_says_something, chunks)):
        return None
    if chunks == message.chunks:
        return message
    if not details:
        return ChatMessage(role="assistant", chunks=chunks)
    return PromptMessage(role="assistant", chunks=chunks, details=details)


def _says_something(chunk: Chunk) -> bool:
    match chunk:
        case TextChunk() | ThinkingChunk():
            return bool(chunk.text.strip())
        case _:
            return isinstance(chunk, ToolCallChunk)


def _results(calls: list[_Call]) -> Iterator[ChatMessage]:
    for call in calls:
        result = call.result or ToolResultChunk(
            tool_call_id=call.chunk.tool_call_id,
            tool_name=call.chunk.tool_name,
            content=INTERRUPTED,
            is_error=True,
            step_id=call.chunk.step_id,
        )
        yield ChatMessage(role="tool", chunks=[_with_id(result, call.sent_id)])


def _with_id(chunk: _C, call_id: str) -> _C:
    if chunk.tool_call_id == call_id:
        return chunk
    return chunk.model_copy(update={"tool_call_id": call_id})
