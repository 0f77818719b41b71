"""The figures of a store or of one conversation, which cost as much as what is new."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import MISSING

from ..frames.read import FrameStore
from ..transcript.live import LiveState
from ..wire.usage_view import UsageBar, UsageCall, UsageHead, UsageLook, UsageStep
from . import query
from .periods import HOUR_MS, Period, period_starts
from .running import running_step, running_turn
from .sums import ADDED, Sums, Tally, spread, told_sums

__all__ = ["MOST_STEPS", "Figures", "UsageMeter"]

MOST_STEPS = 48
"""Steps on one page."""

_MOST_ROWS = 12
_MOST_CALLS = 8
_MOST_MODELS = 40
_MOST_UNPRICED = 4


@dataclass(frozen=True)
class Figures:
    """What is told of a look: the head, and the bars in their order."""

    look: UsageLook
    head: UsageHead
    bars: list[UsageBar]


class UsageMeter:
    """Reads what is looked at; the same look again reads only the rows that are new.

    Parameters
    ----------
    store
        Where the steps are.
    conversation_id
        The only conversation that is looked at; None for all of the store.
    """

    def __init__(self, store: FrameStore, conversation_id: str | None = None) -> None:
        self._store = store
        self._conversation_id = conversation_id
        self._key: tuple[object, ...] | None = None
        self._tally = Tally()
        self._rows: tuple[int, int] | None = None
        self._models: list[str] = []
        self._running: set[str] = set()
        self._started_us = 0
        self._calls: dict[str, list[UsageCall]] = {}
        self._calls_of: str | None = None
        self._last_call = 0

    def figures(self, look: UsageLook, live: LiveState | None = None) -> Figures:
        """Return the figures of a look as they stand.

        Parameters
        ----------
        live
            The state of the conversation that is looked at, whose running step is a bar too.
        """
        if self._conversation_id is not None:
            look = look.model_copy(update={"conversation_id": self._conversation_id})
        if look.by == "step" and look.conversation_id is None:
            look = look.model_copy(update={"by": "time"})
        with self._store.connect() as connection:
            self._refresh(connection, query.Selection(look), look.conversation_id)
            tally = self._tally
            others: Sums | None = None
            period: Period | None = None
            first, count = 0, 0
            match look.by:
                case "step":
                    first, count, bars = self._steps(connection, look, live)
                case "time":
                    period, bars = self._periods()
                    count = len(bars)
                case "model" | "conversation":
                    is_model = look.by == "model"
                    groups = tally.by_model if is_model else tally.by_conversation
                    shown = tally.largest(groups, look.measure, _MOST_ROWS)
                    titles = {} if is_model else query.read_titles(connection, shown)
                    bars = [
                        UsageBar(key=key, label=titles.get(key, key), sums=told_sums(groups[key]))
                        for key in shown
                    ]
                    count = len(groups)
                    others = tally.rest(groups, shown) if count > len(shown) else None
            head = UsageHead(
                title=self._title(connection, look.conversation_id),
                totals=told_sums(tally.total),
                turns=len(tally.turns),
                conversations=len(tally.by_conversation),
                running=len(self._running),
                ttft_s=spread(tally.ttft_s),
                tokens_per_s=spread(tally.tokens_per_s),
                unpriced=tally.unpriced(_MOST_UNPRICED),
                models=self._model_names(),
                bar_count=count,
                first_bar=first,
                others=None if others is None else told_sums(others),
                period=period,
            )
        return Figures(look, head, bars)

    def place(self, conversation_id: str, step_id: str) -> tuple[int, int] | None:
        """Return the first and last chunk of a step, or of what led to it; None of none."""
        with self._store.connect() as connection:
            return query.read_place(connection, conversation_id, step_id)

    def _refresh(
        self, connection: Any, selection: query.Selection, conversation_id: str | None
    ) -> None:
        rows = query.last_row(connection)
        before = self._rows
        if self._key == selection.key and rows is not None and before is not None:
            if rows == before:
                self._look_for_running(connection, conversation_id)
                return
            if rows[1] == before[1]:
                self._tally.add(query.read_tally(connection, selection, before[0]))
                self._rows = rows
                self._look_for_running(connection, conversation_id)
                return
        if self._key != selection.key:
            self._running, self._started_us = set(), 0
        self._tally = query.read_tally(connection, selection, None)
        self._key, self._rows = selection.key, rows
        self._models = query.model_names(connection, conversation_id, _MOST_MODELS)
        self._look_for_running(connection, conversation_id)

    def _look_for_running(self, connection: Any, conversation_id: str | None) -> None:
        self._running = query.running_turns(
            connection, conversation_id, self._running, self._started_us
        )
        self._started_us = query.newest_start(connection)

    def _model_names(self) -> list[str]:
        new = [name for name in self._tally.by_model if name not in self._models]
        return [*self._models, *new][:_MOST_MODELS]

    def _title(self, connection: Any, conversation_id: str | None) -> str:
        if conversation_id is None:
            # A notebook need not tell on whose disk the store is.
            return re.split(r"[\\/]", self._store.location)[-1] or self._store.location
        return query.read_titles(connection, [conversation_id]).get(conversation_id, "")

    def _periods(self) -> tuple[Period | None, list[UsageBar]]:
        if not self._tally.by_hour:
            return None, []
        period, starts = period_starts(list(self._tally.by_hour))
        sums = self._tally.by_period(starts[:-1])
        return period, [
            UsageBar(
                key=str(start),
                label="",
                sums=told_sums(each),
                from_ms=start * HOUR_MS,
                to_ms=end * HOUR_MS,
            )
            for start, end, each in zip(starts, starts[1:], sums, strict=False)
        ]

    def _steps(
        self, connection: Any, look: UsageLook, live: LiveState | None
    ) -> tuple[int, int, list[UsageBar]]:
        assert look.conversation_id is not None
        total = int(self._tally.count("steps"))
        end = total if look.before is None else max(0, min(look.before, total))
        first = max(0, end - MOST_STEPS)
        # A page in the past is full where it can be.
        end = max(end, min(total, MOST_STEPS))
        rows = query.read_steps(
            connection, look.conversation_id, first=first, count=end - first, total=total
        )
        self._read_calls(connection, look.conversation_id)
        bars = [self._step(row) for row in rows]
        running = None if live is None else running_turn(live)
        if live is None or running is None or end < total:
            return first, total, bars
        turn_index, started_us = query.read_turn(connection, running)
        own = [row["step_index"] for row in rows if row["turn_id"] == running]
        bar = running_step(
            live,
            turn_id=running,
            turn=turn_index + 1,
            step=max(own, default=-1) + 2,
            model=rows[-1]["model"] if rows else "",
            at_ms=started_us / 1000,
        )
        return first, total + 1, [*bars, bar]

    def _read_calls(self, connection: Any, conversation_id: str) -> None:
        """Learn of the calls of steps: all of the conversation's once, then the new ones."""
        if self._calls_of != conversation_id:
            self._calls_of, self._calls, self._last_call = conversation_id, {}, 0
        for call in query.read_calls(connection, conversation_id, self._last_call):
            self._last_call = call["call_seq"]
            told = UsageCall(
                seq=call["call_seq"],
                name=call["tool_name"],
                status=call["status"],
                duration_s=MISSING if call["duration_s"] is None else call["duration_s"],
            )
            self._calls.setdefault(call["step_id"], []).append(told)

    def _step(self, row: Mapping[str, Any]) -> UsageBar:
        calls = self._calls.get(row["step_id"], [])
        turn, step = (row["turn_index"] or 0) + 1, row["step_index"] + 1
        return UsageBar(
            key=row["step_id"],
            label=f"Turn {turn}, step {step}",
            sums=told_sums(tuple(row[name] for name in ADDED)),
            step=UsageStep(
                turn=turn,
                step=step,
                attempt=row["attempt"],
                status=row["status"],
                model=row["model"],
                at_ms=row["at_us"] / 1000,
                ttft_s=_present(row["ttft_s"]),
                tokens_per_s=_present(row["tokens_per_s"]),
                duration_s=_present(row["duration_s"]),
                error_type=_present(row["error_type"]),
                calls=calls[:_MOST_CALLS],
                call_count=len(calls),
            ),
        )


def _present(value: Any) -> Any:
    return MISSING if value is None else value
