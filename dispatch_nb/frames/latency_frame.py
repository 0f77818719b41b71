"""The frame of latency: how long each step let one wait, and where its time went."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Connection

from ..store.segments import EventLine
from ..transcript.live import LiveState
from .build import build_frame, typed
from .cache import Kind, Rows, asked
from .columns import DELTA_TYPES, FLOAT, INTEGER, TEXT, TIME, Column, FrameSpec
from .delta_frame import read_lines
from .live_rows import parse_all, scoped
from .read import FrameStore, fetch
from .refreshing import refresh_latency
from .run_frames import read_steps
from .scope import Scope
from .step_columns import STEPS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LATENCY", "STALL_S", "latency_frame"]

STALL_S = 1.0
"""A gap between two pieces of one answer that is longer than this many seconds is a stall."""

_PIECES = (*DELTA_TYPES, "nb.tool-input-delta")
_RETRY = "provider-retry"
_COMMITTED = "nb.chunks-committed"
_CALLS = """SELECT step_id, SUM(duration_ms) AS tool_ms, SUM(COALESCE(approval_wait_ms,
        (approved_us - requested_us) / 1000.0)) AS wait_ms
    FROM tool_calls WHERE {tool_calls} AND call_seq <= :upto GROUP BY step_id"""

LATENCY = FrameSpec(
    name="latency",
    row="one model request of a turn, timed from the event log",
    columns=(
        Column("conversation_id", TEXT, None, "Its conversation"),
        Column("turn_id", TEXT, None, "Its turn"),
        Column("step_id", TEXT, None, "The step"),
        Column("model", TEXT, None, "The model that answered, else the one asked for"),
        Column("requested_at", TIME, None, "When the request went out"),
        Column("time_to_first_chunk_s", FLOAT, None, "Wait for a delta, as in the frame of steps"),
        Column(
            "decode_s",
            FLOAT,
            None,
            "From the first piece to the last: the sum of all gaps",
        ),
        Column(
            "output_tokens_per_s",
            FLOAT,
            None,
            "Decode rate: output_tokens over the time after the first delta, as in steps",
        ),
        Column("model_time_s", FLOAT, None, "From request to end: duration_s of steps"),
        Column("tool_time_s", FLOAT, None, "Own runs of its tool calls, summed, without waiting"),
        Column(
            "approval_wait_s",
            FLOAT,
            None,
            "Waits of its tool calls for a person, summed; in neither of the two times before",
        ),
        Column("piece_count", INTEGER, None, "Deltas of text, of thought and of tool calls' input"),
        Column("gap_median_s", FLOAT, None, "Median time from one piece to the next"),
        Column("gap_p95_s", FLOAT, None, "95th percentile of the gaps"),
        Column("gap_max_s", FLOAT, None, "The longest gap"),
        Column("stall_count", INTEGER, None, f"Stalls: gaps over {STALL_S:g} s"),
        Column("stall_s", FLOAT, None, "Their lengths, summed"),
    ),
)

_STEP = ("conversation_id", "turn_id", "step_id", "request_model", "response_model")
_TIMED = ("requested_at", "time_to_first_chunk_s", "output_tokens_per_s", "duration_s")


def latency_frame(
    store: FrameStore,
    conversation_id: str | None = None,
    *,
    live: LiveState | None = None,
    scope: Scope | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return how long each step took for what, one row a model request, in order.

    Gaps are between neighbouring pieces of one try of one step, by a clock that never
    jumps; the waits for a first delta, for tools and for a person are no gaps.

    Parameters
    ----------
    store
        Where to read.
    conversation_id
        Which conversation; all of them without it, none for an id the store does not hold.
    live
        Changes nothing here but how many tool calls count.
    """
    return asked(_LATENCY, store, scoped(conversation_id, scope, live), live, columns)


def _read_latency(
    store: FrameStore,
    connection: Connection,
    spec: FrameSpec,
    scope: Scope,
    live: LiveState | None,
) -> Rows:
    read = read_steps(store, connection, STEPS.only([*_STEP, *_TIMED]), scope, live)
    steps = read.frame
    calls = fetch(connection, _CALLS, ["step_id", "tool_ms", "wait_ms"], scope)
    lines = read_lines(connection, scope) if len(steps) else []
    pieces = _pieces(lines)
    ids = steps["step_id"].tolist()
    of_step = [_measured(pieces.get(step_id)) for step_id in ids]
    values: dict[str, Any] = {
        **{name: steps[name] for name in (*_STEP[:3], *_TIMED[:3])},
        "model": steps["response_model"].fillna(steps["request_model"]),
        "model_time_s": steps["duration_s"],
        "tool_time_s": _seconds(ids, calls["step_id"], calls["tool_ms"]),
        "approval_wait_s": _seconds(ids, calls["step_id"], calls["wait_ms"]),
    }
    for place, name in enumerate(_MEASURES):
        column = next(each for each in LATENCY.columns if each.name == name)
        values[name] = typed([measured[place] for measured in of_step], column.dtype)
    return Rows(build_frame(spec, values), read.keys)


_LATENCY = Kind(LATENCY, _read_latency, refresh_latency)


def _seconds(
    ids: Sequence[str], step_ids: Iterable[str], milliseconds: Iterable[float | None]
) -> pd.Series[Any]:
    known = dict(zip(step_ids, milliseconds, strict=True))
    found = (known.get(step_id) for step_id in ids)
    return typed([None if each is None else each / 1000 for each in found], FLOAT)


@dataclass
class _Pieces:
    """What came of one step: how many pieces, and the gaps between them in microseconds."""

    count: int = 0
    gaps: list[int] = field(default_factory=list)
    last_us: int | None = None

    def take(self, mono_us: int) -> None:
        if self.last_us is not None:
            self.gaps.append(mono_us - self.last_us)
        self.count += 1
        self.last_us = mono_us


def _pieces(lines: Sequence[EventLine]) -> dict[str, _Pieces]:
    """Return what came of each stored step; a step of which nothing came is not there."""
    found: dict[str, _Pieces] = {}
    waiting: dict[str | None, _Pieces] = defaultdict(_Pieces)
    for line, event in zip(lines, parse_all(line.event_json for line in lines), strict=True):
        kind, turn_id = event["type"], line.turn_id
        if kind in _PIECES:
            waiting[turn_id].take(line.mono_us)
        elif kind == _RETRY:
            waiting[turn_id].last_us = None  # the next try begins anew
        elif kind == _COMMITTED and "stepId" in event:
            pieces = waiting.pop(turn_id, None)
            if pieces is not None and pieces.count:
                found[event["stepId"]] = pieces
    return found


_MEASURES = (
    *("decode_s", "piece_count", "gap_median_s", "gap_p95_s"),
    *("gap_max_s", "stall_count", "stall_s"),
)


def _measured(pieces: _Pieces | None) -> tuple[float | None, ...]:
    """Return what `_MEASURES` names; nothing of a step that had no pieces."""
    if pieces is None:
        return (None,) * len(_MEASURES)
    if not pieces.gaps:
        return (0.0, pieces.count, None, None, None, 0, 0.0)
    seconds = np.array(pieces.gaps) / 1e6
    middle, high = np.percentile(seconds, [50, 95]).tolist()
    stalls = seconds[seconds > STALL_S]
    return (
        *(float(seconds.sum()), pieces.count, middle, high),
        *(float(seconds.max()), len(stalls), float(stalls.sum())),
    )
