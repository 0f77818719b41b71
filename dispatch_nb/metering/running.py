"""The step that runs, as far as its events tell: a bar that grows, marked as an estimate."""

from __future__ import annotations

import json

from ..engine.usage import estimate_tokens
from ..transcript.live import LiveState
from ..transcript.state import flushed
from ..wire.conversation import TextChunk, ThinkingChunk, ToolCallChunk
from ..wire.usage_view import UsageBar, UsageStep
from .sums import ADDED, told_sums

__all__ = ["running_step", "running_turn"]


def running_turn(live: LiveState) -> str | None:
    """Return the turn that has not ended, if any."""
    transcript = live.transcript
    return transcript.current_turn_id if transcript.generating else None


def running_step(
    live: LiveState, *, turn_id: str, turn: int, step: int, model: str, at_ms: float
) -> UsageBar:
    """Return the bar of the step that runs; nobody has counted its tokens yet.

    Parameters
    ----------
    turn, step
        Their numbers, from 1.
    at_ms
        When the turn began, in milliseconds since 1970.
    """
    said = thought = 0
    for entry in flushed(live.transcript):
        if entry.turn_id != turn_id:
            continue
        match entry.chunk:
            case TextChunk(text=text) if entry.role == "assistant":
                said += len(text)
            case ThinkingChunk(text=text):
                thought += len(text)
            case ToolCallChunk(input=given):
                said += len(json.dumps(given))
            case _:
                pass
    known = {
        "steps": 1,
        "output_tokens": estimate_tokens(said + thought),
        "reasoning_tokens": estimate_tokens(thought),
        "uncounted": 1,
        "estimated": 1,
        "partial": 1,
    }
    return UsageBar(
        key=f"{turn_id}#{step - 1}",
        label=f"Turn {turn}, step {step}",
        sums=told_sums(tuple(known.get(name, 0) for name in ADDED)),
        step=UsageStep(
            turn=turn,
            step=step,
            attempt=0,
            status="running",
            model=model,
            at_ms=at_ms,
            calls=[],
            call_count=0,
        ),
    )
