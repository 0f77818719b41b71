"""Hours, days, weeks and months (UTC), whichever give a readable number of bars."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

__all__ = ["HOUR_MS", "MOST_PERIODS", "Period", "hour_of", "period_starts"]

Period: TypeAlias = Literal["hour", "day", "week", "month"]

MOST_PERIODS = 62
HOUR_MS = 3_600_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def hour_of(moment: datetime) -> int:
    """Return the number of the hour since 1970 that a time is in."""
    return int((moment - _EPOCH) // timedelta(hours=1))


def period_starts(hours: Sequence[int]) -> tuple[Period, list[int]]:
    """Return in which periods some hours are told apart, and the hours where those begin.

    The last start is the end of the last period. There are no gaps. Where even months are
    too many, the newest are there.

    Parameters
    ----------
    hours
        At least one, in any order, counted from 1970.
    """
    first, last = min(hours), max(hours)
    periods: tuple[Period, ...] = ("hour", "day", "week", "month")
    for period in periods:
        starts = _starts(period, first, last)
        if len(starts) - 1 <= (48 if period == "hour" else MOST_PERIODS):
            break
    return period, list(starts[-(MOST_PERIODS + 1) :])


def _starts(period: Period, first: int, last: int) -> Sequence[int]:
    if period in ("hour", "day", "week"):
        size = {"hour": 1, "day": 24, "week": 168}[period]
        # The first hour of 1970 was a Thursday's: weeks begin on the Monday before.
        shift = 72 if period == "week" else 0
        begin = (first + shift) // size * size - shift
        return range(begin, last + size + 1, size)
    month = (_EPOCH + timedelta(hours=first)).replace(day=1, hour=0)
    starts = [hour_of(month)]
    while starts[-1] <= last:
        month = (month + timedelta(days=32)).replace(day=1)
        starts.append(hour_of(month))
    return starts
