"""What turns cost and how long they took: from live events, and as the store has it.

Source: the Dispatch transcript contract, Part C. Live, a step's usage comes with `usage`
events that name the step, its timing with `step-complete`, the turn's own numbers with
`done`. Every other event is no part of the metrics: the very same state comes back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from pydantic import MISSING

from ..wire.conversation import StepMetrics, TurnMetrics, Usage
from ..wire.events import DoneEvent, StepCompleteEvent, UsageEvent
from ..wire.extensions import LiveEvent
from .log import Log
from .usage import NO_USAGE, add_usage

__all__ = [
    "MetricsState",
    "OrderedTurnMetrics",
    "TurnTotal",
    "apply_durable_metrics",
    "fold_metrics",
    "initial_metrics",
    "select_current_context_size",
    "select_ordered_turn_metrics",
]

_T = TypeVar("_T")

MetricsEvent = UsageEvent | StepCompleteEvent | DoneEvent


class MetricsState(NamedTuple):
    """What is known of a conversation's turns; an immutable value, O(1) to extend.

    `live` holds what events told of turns that are not in `durable`, oldest first;
    `durable` holds sealed turns in the order in which they first arrived.
    """

    live: Log[MetricsEvent]
    durable: Log[TurnMetrics]


class TurnTotal(NamedTuple):
    """The numbers of a whole turn; None where nobody told."""

    usage: Usage
    duration_ms: float | None
    context_size: int | None


class OrderedTurnMetrics(NamedTuple):
    """One turn's completed steps; `total` is None while it runs."""

    turn_id: str
    steps: list[StepMetrics]
    total: TurnTotal | None


def initial_metrics() -> MetricsState:
    """Return the metrics before any event."""
    return MetricsState(live=Log(), durable=Log())


def fold_metrics(state: MetricsState, event: LiveEvent) -> MetricsState:
    """Return the metrics after `event`; the very same object if it tells none."""
    match event.type:
        case "usage":
            if event.step_id is MISSING:
                return state
            return state._replace(live=state.live.append(event))
        case "step-complete" | "done":
            return state._replace(live=state.live.append(event))
        case _:
            return state


def apply_durable_metrics(state: MetricsState, turns: Iterable[TurnMetrics]) -> MetricsState:
    """Return the metrics with sealed turns as the store has them.

    They replace what is known of those turns, and leave every turn at its place.
    """
    incoming = {turn.turn_id: turn for turn in turns}
    if not incoming:
        return state
    known = {turn.turn_id: turn for turn in state.durable}
    new = [turn for turn_id, turn in incoming.items() if turn_id not in known]
    kept = state.durable
    if len(new) < len(incoming):
        kept = Log((known | incoming)[turn_id] for turn_id in known)
    live = Log(event for event in state.live if event.turn_id not in incoming)
    return MetricsState(live=live, durable=kept.extend(new))


def select_ordered_turn_metrics(state: MetricsState) -> list[OrderedTurnMetrics]:
    """Return every turn: sealed ones first, then live ones in the order they were first seen.

    Of a live turn only completed steps show, and the total once it is done; a turn with
    neither is left out. A step without usage counts as zeros.
    """
    ordered = [_durable(turn) for turn in state.durable]
    sealed = {turn.turn_id for turn in state.durable}
    live: dict[str, _Turn] = {}
    for event in state.live:
        if event.turn_id not in sealed:
            live.setdefault(event.turn_id, _Turn()).take(event)
    shown = ((turn_id, turn.completed(), turn.total()) for turn_id, turn in live.items())
    ordered += (
        OrderedTurnMetrics(turn_id, steps, total)
        for turn_id, steps, total in shown
        if steps or total is not None
    )
    return ordered


def select_current_context_size(state: MetricsState) -> int | None:
    """Return how many tokens the conversation fills, by its newest turn that tells.

    None when nobody told. A size of 0 means that the provider reported nothing, never that
    the context is empty, so it does not count.
    """
    for turn in reversed(select_ordered_turn_metrics(state)):
        if turn.total is not None and turn.total.context_size:
            return turn.total.context_size
    return None


@dataclass(slots=True)
class _Step:
    usage: Usage = NO_USAGE
    completed: StepCompleteEvent | None = None


@dataclass(slots=True)
class _Turn:
    steps: dict[str, _Step] = field(default_factory=dict)
    is_done: bool = False
    usage: Usage | None = None
    duration_ms: float | None = None
    context_size: int | None = None

    def take(self, event: MetricsEvent) -> None:
        if isinstance(event, DoneEvent):
            self.is_done = True
            self.usage = _given(event.usage, self.usage)
            self.duration_ms = _given(event.duration_ms, self.duration_ms)
            self.context_size = _given(event.context_size, self.context_size)
        elif isinstance(event, StepCompleteEvent):
            self._step(event.step_id).completed = event
        elif event.step_id is not MISSING:
            self._step(event.step_id).usage = event.usage

    def _step(self, step_id: str) -> _Step:
        return self.steps.setdefault(step_id, _Step())

    def completed(self) -> list[StepMetrics]:
        return [
            StepMetrics(
                step_id=step_id,
                usage=step.usage,
                ttft_ms=step.completed.ttft_ms,
                decode_ms=step.completed.decode_ms,
                gen_total_ms=step.completed.gen_total_ms,
            )
            for step_id, step in self.steps.items()
            if step.completed is not None
        ]

    def total(self) -> TurnTotal | None:
        if not self.is_done:
            return None
        summed = NO_USAGE
        for step in self.steps.values():
            summed = add_usage(summed, step.usage)
        usage = summed if self.usage is None else self.usage
        return TurnTotal(usage, self.duration_ms, self.context_size)


def _durable(turn: TurnMetrics) -> OrderedTurnMetrics:
    total = TurnTotal(turn.usage, _given(turn.duration_ms, None), _given(turn.context_size, None))
    return OrderedTurnMetrics(turn.turn_id, list(turn.steps), total)


def _given(value: _T | MISSING, otherwise: _T | None) -> _T | None:
    return otherwise if value is MISSING else value
