"""The turn loop: steps until the model stops, the limit is reached, or someone aborts.

Source: the Dispatch turn contract, sections 1 to 6.
"""

from __future__ import annotations

from collections.abc import Awaitable
from itertools import count

from pydantic import MISSING

from ..wire.base import mend_surrogates
from ..wire.conversation import ChatMessage, Usage
from ..wire.events import DoneEvent, TurnStartEvent
from .contracts import AbortSignal, RunTurnInput, RunTurnResult
from .step import StepResult, run_step
from .usage import NO_USAGE, add_usage, is_reported

__all__ = ["run_turn"]


async def run_turn(input: RunTurnInput) -> RunTurnResult:
    """Run a turn to its end and return what it produced.

    Failures of the provider and of tools become part of the transcript. Only exceptions
    of the caller's own `emit`, `now`, `on_step_complete`, `drain_steering` and `retry`
    are raised; no `done` is emitted then.
    """
    signal = input.signal if input.signal is not None else AbortSignal()
    tools = {tool.name: tool for tool in input.tools}
    history = list(input.messages)
    produced: list[ChatMessage] = []
    total, last = NO_USAGE, NO_USAGE
    started_ms = input.now() if input.now is not None else None
    input.emit(TurnStartEvent(conversation_id=input.conversation_id, turn_id=input.turn_id))

    for index in count():
        if signal.aborted:
            reason = "aborted"
            break
        step = await run_step(input, f"{input.turn_id}#{index}", history, tools, signal)
        total, last = add_usage(total, step.usage), step.usage
        history.extend(step.messages)
        produced.extend(step.messages)
        if step.messages and input.on_step_complete is not None:
            stored = input.on_step_complete(step.messages)
            if isinstance(stored, Awaitable):
                await stored
        stop = _reason_to_stop(input, signal, step, index)
        if stop is not None:
            reason = stop
            break
        if input.drain_steering is not None:
            steering = input.drain_steering()
            history.extend(await steering if isinstance(steering, Awaitable) else steering)

    input.emit(_done(input, reason, started_ms, total, last))
    return RunTurnResult(messages=produced, usage=total, finish_reason=reason)


def _reason_to_stop(
    input: RunTurnInput, signal: AbortSignal, step: StepResult, index: int
) -> str | None:
    if signal.aborted:
        return "aborted"
    if not step.made_calls:
        return mend_surrogates(step.finish_reason)
    if 0 < input.max_steps <= index + 1:
        return "max-steps"
    return None


def _done(
    input: RunTurnInput, reason: str, started_ms: float | None, total: Usage, last: Usage
) -> DoneEvent:
    reported = is_reported(total)
    duration_ms: float | MISSING = MISSING
    if input.now is not None and started_ms is not None:
        duration_ms = input.now() - started_ms
    return DoneEvent(
        conversation_id=input.conversation_id,
        turn_id=input.turn_id,
        reason=reason,
        duration_ms=duration_ms,
        usage=total if reported else MISSING,
        context_size=last.input_tokens + last.output_tokens if reported else MISSING,
    )
