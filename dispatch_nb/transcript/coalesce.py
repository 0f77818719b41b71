"""Fewer events with the same meaning, for the way to a view."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from itertools import groupby

from ..wire.events import ReasoningDeltaEvent, TextDeltaEvent, ToolOutputEvent
from ..wire.extensions import LiveEvent, ToolInputDeltaEvent

__all__ = ["join_deltas"]

_Deltas = TextDeltaEvent | ReasoningDeltaEvent | ToolInputDeltaEvent


def join_deltas(events: Iterable[LiveEvent]) -> list[LiveEvent]:
    """Return `events` with adjacent deltas of one kind and turn as one event each.

    Output of one tool call on one stream, and its arguments, are joined likewise. Folding the
    joined events gives the same state as folding all.
    """
    joined: list[LiveEvent] = []
    for _, run in groupby(enumerate(events), key=_run_key):
        together = [event for _, event in run]
        joined.append(together[0] if len(together) == 1 else _join(together))
    return joined


def _run_key(numbered: tuple[int, LiveEvent]) -> Hashable:
    position, event = numbered
    match event.type:
        case "text-delta" | "reasoning-delta":
            return (event.type, event.conversation_id, event.turn_id)
        case "tool-output":
            call = (event.tool_call_id, event.stream)
            return (event.type, event.conversation_id, event.turn_id, *call)
        case "nb.tool-input-delta":
            return (event.type, event.conversation_id, event.turn_id, event.tool_call_id)
        case _:
            return position


def _join(run: list[LiveEvent]) -> LiveEvent:
    first = run[0]
    if isinstance(first, ToolOutputEvent):
        data = "".join(event.data for event in run if isinstance(event, ToolOutputEvent))
        return first.model_copy(update={"data": data})
    deltas = (e.delta for e in run if isinstance(e, _Deltas))
    return first.model_copy(update={"delta": "".join(deltas)})
