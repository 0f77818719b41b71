"""A history repaired for providers: calls and results paired, nothing unsendable left.

Source: the Dispatch turn contract, 7.5, without its known defect: a missing result is put
next to its call. What is stored stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..wire.conversation import (
    ChatMessage,
    Chunk,
    ErrorChunk,
    TextChunk,
    ToolCallChunk,
    ToolResultChunk,
)

__all__ = ["INTERRUPTED", "reconcile"]

INTERRUPTED = "interrupted: tool execution did not complete"


@dataclass(slots=True)
class _Call:
    chunk: ToolCallChunk
    message: int
    result: ToolResultChunk | None = None


def reconcile(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Return the messages as a provider may get them.

    Each tool call is followed by its result, one message per result: results that exist in
    their order, then a synthesized error for every call without one. Results without a
    call, error chunks, and assistant messages without text or call are left out.
    """
    calls = _pair(messages)
    repaired: list[ChatMessage] = []
    for index, message in enumerate(messages):
        if message.role == "assistant":
            kept = _sendable(message)
            if kept is not None:
                repaired.append(kept)
            repaired += _results(calls.get(index, []))
        elif message.role != "tool":
            repaired.append(message)
    return repaired


def _pair(messages: Sequence[ChatMessage]) -> dict[int, list[_Call]]:
    """Return each message's calls, answered ones first in the order of their results."""
    calls: dict[int, list[_Call]] = {}
    unanswered: dict[str, list[_Call]] = {}
    answered: dict[int, list[_Call]] = {}
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
                    answered.setdefault(found.message, []).append(found)
    return {
        index: [*answered.get(index, []), *(call for call in mine if call.result is None)]
        for index, mine in calls.items()
    }


def _answered_by(result: ToolResultChunk, candidates: list[_Call]) -> _Call | None:
    """Return the first matching call of the newest message: call ids may repeat."""
    fitting = [call for call in candidates if _same_step(call.chunk, result)]
    newest = max((call.message for call in fitting), default=None)
    return next((call for call in fitting if call.message == newest), None)


def _same_step(call: ToolCallChunk, result: ToolResultChunk) -> bool:
    both_known = isinstance(call.step_id, str) and isinstance(result.step_id, str)
    return call.step_id == result.step_id if both_known else True


def _sendable(message: ChatMessage) -> ChatMessage | None:
    chunks: list[Chunk] = [chunk for chunk in message.chunks if not isinstance(chunk, ErrorChunk)]
    if not any(
        isinstance(chunk, ToolCallChunk) or (isinstance(chunk, TextChunk) and chunk.text)
        for chunk in chunks
    ):
        return None
    if len(chunks) == len(message.chunks):
        return message
    return ChatMessage(role="assistant", chunks=chunks)


def _results(calls: list[_Call]) -> Iterator[ChatMessage]:
    for call in calls:
        result = call.result or ToolResultChunk(
            tool_call_id=call.chunk.tool_call_id,
            tool_name=call.chunk.tool_name,
            content=INTERRUPTED,
            is_error=True,
            step_id=call.chunk.step_id,
        )
        yield ChatMessage(role="tool", chunks=[result])
