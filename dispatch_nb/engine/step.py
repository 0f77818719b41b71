"""One step: a model's answer and the runs of the tools it called.

Source: the Dispatch turn contract, sections 4 and 6.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import MISSING

from ..transcript.reconcile import reconcile
from ..wire.conversation import ChatMessage, ToolResultChunk, Usage
from ..wire.events import StepCompleteEvent, ToolResultEvent
from .contracts import AbortSignal, RunTurnInput, Tool, ToolCall
from .dispatch import Dispatcher, Settled
from .reading import AnswerReader
from .tasks import run_unless_aborted

__all__ = ["StepResult", "run_step"]


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step produced.

    `messages` is the assistant's message, if there is one, then one message per tool
    result in call order; the list is nobody else's.
    """

    messages: list[ChatMessage]
    usage: Usage
    finish_reason: str
    made_calls: bool


async def run_step(
    turn: RunTurnInput,
    step_id: str,
    history: Sequence[ChatMessage],
    tools: Mapping[str, Tool],
    signal: AbortSignal,
) -> StepResult:
    """Ask the provider once, with a history it can take, and run the tools it calls.

    An aborted step ends at once and keeps what it has: text so far, calls, and a result
    for every call.
    """
    dispatcher = Dispatcher(turn, step_id, tools, signal)
    eager = turn.dispatch.eager
    reader = AnswerReader(
        turn,
        step_id,
        reconcile(history),
        list(tools.values()),
        signal,
        on_call=dispatcher.submit if eager else _hold_back,
    )
    watch = asyncio.create_task(_abort_dispatcher(dispatcher, signal))
    started_ms = turn.now() if turn.now is not None else None
    try:
        await run_unless_aborted(reader.read(), signal)
        reader.count()
        turn.emit(_step_complete(turn, step_id, started_ms, reader.first_token_ms))
        if not eager:
            for call in reader.calls:
                dispatcher.submit(call)
        messages: list[ChatMessage] = []
        if (said := reader.message()) is not None:
            messages.append(said)
        for position, call in enumerate(reader.calls):
            settled = await dispatcher.result(position)
            messages.append(_report_result(turn, step_id, call, settled))
    finally:
        watch.cancel()
        await dispatcher.close()
    return StepResult(messages, reader.usage, reader.reason, made_calls=bool(reader.calls))


def _hold_back(call: ToolCall) -> None:
    """Leave a call where the reader keeps it, until the stream has ended."""


async def _abort_dispatcher(dispatcher: Dispatcher, signal: AbortSignal) -> None:
    await signal.wait()
    dispatcher.abort()


def _step_complete(
    turn: RunTurnInput, step_id: str, started_ms: float | None, first_token_ms: float | None
) -> StepCompleteEvent:
    ttft_ms: float | MISSING = MISSING
    decode_ms: float | MISSING = MISSING
    gen_total_ms: float | MISSING = MISSING
    if turn.now is not None and started_ms is not None:
        ended_ms = turn.now()
        gen_total_ms = ended_ms - started_ms
        if first_token_ms is not None:
            ttft_ms = first_token_ms - started_ms
            decode_ms = ended_ms - first_token_ms
            gen_total_ms = ttft_ms + decode_ms
    return StepCompleteEvent(
        conversation_id=turn.conversation_id,
        turn_id=turn.turn_id,
        step_id=step_id,
        ttft_ms=ttft_ms,
        decode_ms=decode_ms,
        gen_total_ms=gen_total_ms,
    )


def _report_result(
    turn: RunTurnInput, step_id: str, call: ToolCall, settled: Settled
) -> ChatMessage:
    """Emit the result of a call and return it as a message for the model."""
    chunk = ToolResultChunk(
        tool_call_id=call.tool_call_id,
        tool_name=call.tool_name,
        content=settled.outcome.content,
        is_error=settled.outcome.is_error,
        step_id=step_id,
    )
    turn.emit(
        ToolResultEvent(
            conversation_id=turn.conversation_id,
            turn_id=turn.turn_id,
            tool_call_id=chunk.tool_call_id,
            tool_name=chunk.tool_name,
            content=chunk.content,
            is_error=chunk.is_error,
            step_id=step_id,
            duration_ms=settled.duration_ms,
        )
    )
    return ChatMessage(role="tool", chunks=[chunk])
