"""Where the metrics of steps and turns stand among the groups of the transcript.

Source: the Dispatch transcript contract, Part C, placement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..wire.conversation import StepMetrics, Usage
from .grouping import RenderedGroup, SingleGroup, step_of
from .metrics import OrderedTurnMetrics, TurnTotal
from .usage import NO_USAGE, add_usage

__all__ = ["GroupRow", "StepRow", "TranscriptRow", "TurnRow", "interleave_turn_metrics"]


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group of the transcript."""

    group: RenderedGroup


@dataclass(frozen=True, slots=True)
class StepRow:
    """The metrics of a step, behind its last group."""

    turn_id: str
    step: StepMetrics


@dataclass(frozen=True, slots=True)
class TurnRow:
    """The metrics of a turn, behind its last segment.

    `number` counts the conversation's turns from 1, `running` sums the usage up to this
    turn, `previous` is the usage of the turn before; None for the first.
    """

    turn_id: str
    number: int
    total: TurnTotal
    running: Usage
    previous: Usage | None


TranscriptRow = GroupRow | StepRow | TurnRow


@dataclass(slots=True)
class _Segment:
    """Groups from one user chunk to before the next, and the turn they belong to."""

    start: int
    stop: int
    turn: int | None = None


def interleave_turn_metrics(
    groups: Sequence[RenderedGroup], turns: Sequence[OrderedTurnMetrics]
) -> list[TranscriptRow]:
    """Return the groups with the rows of steps and turns between them.

    Every user chunk begins a segment. A segment belongs to the turn with which it shares
    most steps; a turn that steering has split owns several. Segments that share none are
    counted off against the turns that are left, newest to newest where older ones are
    unloaded, and never past a segment whose turn is known. Turns without a segment come
    before everything.
    """
    segments = _segments(groups)
    _match_by_steps(segments, groups, turns)
    _match_by_order(segments, len(turns))
    turn_rows = _turn_rows(turns)
    ends = {segment.turn: segment.stop for segment in segments if segment.turn is not None}
    rows: list[TranscriptRow] = [row for index, row in turn_rows.items() if index not in ends]
    closing = {stop: turn_rows[turn] for turn, stop in ends.items() if turn in turn_rows}
    steps = _step_rows(segments, groups, turns)
    for index, group in enumerate(groups):
        rows.append(GroupRow(group))
        if index in steps:
            rows.append(steps[index])
        if index + 1 in closing:
            rows.append(closing[index + 1])
    return rows


def _segments(groups: Sequence[RenderedGroup]) -> list[_Segment]:
    roles = [each.chunk.role if isinstance(each, SingleGroup) else None for each in groups]
    starts = [index for index, role in enumerate(roles) if role == "user"]
    # A window may begin inside a turn; what the system put before the first prompt is none.
    first = starts[0] if starts else len(groups)
    if any(role != "system" for role in roles[:first]):
        starts.insert(0, 0)
    return [_Segment(start, stop) for start, stop in pairwise([*starts, len(groups)])]


def _step_of_group(group: RenderedGroup) -> str | None:
    return step_of(group.chunk.chunk) if isinstance(group, SingleGroup) else group.step_id


def _match_by_steps(
    segments: list[_Segment], groups: Sequence[RenderedGroup], turns: Sequence[OrderedTurnMetrics]
) -> None:
    turn_of = {step.step_id: index for index, turn in enumerate(turns) for step in turn.steps}
    for segment in segments:
        steps = {_step_of_group(group) for group in groups[segment.start : segment.stop]}
        shared = Counter(turn_of[step] for step in steps if step in turn_of)
        if shared:
            segment.turn = min(shared, key=lambda turn: (-shared[turn], turn))


def _match_by_order(segments: list[_Segment], turns: int) -> None:
    before, gap = -1, list[_Segment]()
    for segment in segments:
        if segment.turn is None:
            gap.append(segment)
            continue
        _count_off(gap, range(before + 1, segment.turn), from_end=before < 0)
        before, gap = segment.turn, []
    _count_off(gap, range(before + 1, turns), from_end=before < 0)


def _count_off(gap: list[_Segment], free: range, *, from_end: bool) -> None:
    if from_end and len(free) > len(gap):
        free = free[len(free) - len(gap) :]
    for segment, turn in zip(gap, free, strict=False):
        segment.turn = turn


def _turn_rows(turns: Sequence[OrderedTurnMetrics]) -> dict[int, TurnRow]:
    rows: dict[int, TurnRow] = {}
    running, previous = NO_USAGE, None
    for index, turn in enumerate(turns):
        if turn.total is None:
            continue
        running = add_usage(running, turn.total.usage)
        rows[index] = TurnRow(turn.turn_id, index + 1, turn.total, running, previous)
        previous = turn.total.usage
    return rows


def _step_rows(
    segments: list[_Segment], groups: Sequence[RenderedGroup], turns: Sequence[OrderedTurnMetrics]
) -> dict[int, StepRow]:
    last_group: dict[tuple[int, str], int] = {}
    for segment in segments:
        for index in range(segment.start, segment.stop):
            step_id = _step_of_group(groups[index])
            if segment.turn is not None and step_id is not None:
                last_group[segment.turn, step_id] = index
    steps = {(index, step.step_id): step for index, turn in enumerate(turns) for step in turn.steps}
    return {
        index: StepRow(turns[turn].turn_id, steps[turn, step_id])
        for (turn, step_id), index in last_group.items()
        if (turn, step_id) in steps
    }
