"""Where requests stand on the horizontal axis: one by one, or by slots of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["Slots", "slots_of"]

MOST_BARS = 60
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
# What a slot is called, its seconds, and how pandas makes one of a moment.
_UNITS = (
    ("minute", _MINUTE, "min"),
    ("5 minutes", 5 * _MINUTE, "5min"),
    ("15 minutes", 15 * _MINUTE, "15min"),
    ("hour", _HOUR, "h"),
    ("6 hours", 6 * _HOUR, "6h"),
    ("day", _DAY, "D"),
    ("week", 7 * _DAY, "W-SUN"),
    ("month", 30.4 * _DAY, "M"),
    ("year", 365.2 * _DAY, "Y"),
)


@dataclass(frozen=True)
class Slots:
    """Where each row stands; `word` is what it stands for, such as ``request`` or ``day``."""

    x: Series
    word: str
    title: str
    kind: Literal["numbers", "times"] = "numbers"
    unit: float = 1
    format: str = ""


def slots_of(times: Series) -> Slots:
    """Return requests one by one, or where there are many by the finest time that fits."""
    known = times.dropna()
    if len(times) <= MOST_BARS or known.empty:
        return Slots(pd.Series(range(1, len(times) + 1), index=times.index), "request", "Request")
    plain = times.dt.tz_localize(None)
    first, last = plain.min(), plain.max()
    span = (last - first).total_seconds()
    fitting = (each for each in _UNITS if span / each[1] < MOST_BARS - 1)
    word, seconds, frequency = next(fitting, _UNITS[-1])
    if seconds > _DAY:
        x = plain.dt.to_period(frequency).dt.start_time.dt.as_unit("us")
    else:
        x = plain.dt.floor(frequency)
    years = "" if first.year == last.year else " %y"
    if seconds >= 365 * _DAY:
        shown = "%Y"
    elif seconds >= 30 * _DAY:
        shown = f"%b{years or ' %Y'}"
    elif seconds >= _DAY:
        shown = f"%d %b{years}"
    else:
        shown = "%H:%M" if first.date() == last.date() else "%d %b %H:%M"
    of_day = f" on {first:%d %b %Y}" if shown == "%H:%M" else ""
    title = f"{word[0].upper()}{word[1:]}{of_day} (UTC)"
    return Slots(x, word, title, "times", seconds, shown)
