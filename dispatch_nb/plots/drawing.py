"""What a chart consists of, for whatever draws it: rows, axes, groups and their colours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "AMBER",
    "BLUE",
    "GREY",
    "LEAST_SLOTS",
    "PALETTE",
    "RED",
    "TEAL",
    "VIOLET",
    "Drawing",
    "Look",
    "Rule",
    "Theme",
    "lines_of",
    "look_of",
    "reach",
    "ticks",
]

Theme: TypeAlias = Literal["light", "dark"]

# Each stands out from white and from near-black, and those that meet in one chart differ for
# eyes that see no red, no green or no blue: a test computes both.
BLUE, TEAL, AMBER, VIOLET = "#1e6bd7", "#257272", "#d88404", "#b77ee9"
RED, GREY, PINK, OLIVE = "#c91a00", "#959aa2", "#ae5b97", "#7c965b"
PALETTE = (BLUE, AMBER, TEAL, VIOLET, PINK, OLIVE, GREY)

LEAST_SLOTS = 8
"""Bars are as narrow as if there were this many."""

_PIXELS_OF_A_LETTER = 6.0


@dataclass(frozen=True, slots=True)
class Look:
    """Colours of ground, text and lines; no ground shows what lies behind."""

    ground: str | None
    text: str
    muted: str
    line: str


_LOOKS: dict[Theme | None, Look] = {
    None: Look(None, "#757a82", "#757a82", "#8884"),
    "light": Look("#ffffff", "#1f2328", "#59616b", "#e3e6ea"),
    "dark": Look("#15171a", "#e8eaed", "#a3abb5", "#30353b"),
}


def look_of(theme: Theme | None) -> Look:
    """Return the colours of a theme; without one they are readable on light and on dark."""
    return _LOOKS[theme]


@dataclass(frozen=True, slots=True)
class Rule:
    """A line across the chart at a value of the vertical axis."""

    value: float
    label: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """One chart.

    `data` has the columns ``x``, ``y`` and ``group``; spans have ``x2``, and what lies has
    ``label``.

    Parameters
    ----------
    kind
        ``bars`` stand and are stacked by group, ``rows`` lie and are stacked, ``pairs`` lie
        group below group, ``spans`` lie from ``x`` to ``x2``, ``lines`` and ``dots`` are what
        they are called.
    groups
        Every group with its colour, in the order of the legend.
    x_kind
        ``names`` in the order of their rows, ``numbers``, or ``times``.
    x_unit
        How much of the axis one bar takes: 1, or of times so many seconds.
    x_format
        How times are written, as `strftime` has it.
    ends
        What stands where a lying bar ends, by its label, or in pairs by label and group.
    note
        What to say instead, where there is nothing to draw.
    """

    kind: Literal["bars", "rows", "pairs", "spans", "lines", "dots"]
    data: pd.DataFrame
    title: str
    subtitle: str
    x_title: str
    y_title: str
    groups: dict[str, str]
    x_kind: Literal["names", "numbers", "times"] = "numbers"
    x_unit: float = 1
    x_format: str = ""
    money: bool = False
    log: bool = False
    rule: Rule | None = None
    ends: Mapping[Any, str] = field(default_factory=dict)
    note: str = ""

    @property
    def shown_groups(self) -> dict[str, str]:
        """The groups that have rows."""
        present = set(self.data["group"]) if len(self.data) else set()
        return {name: colour for name, colour in self.groups.items() if name in present}

    @property
    def lies(self) -> bool:
        """Whether its bars lie, one below the other, so that its height depends on them."""
        return self.kind in ("rows", "pairs", "spans") and len(self.data) > 0

    @property
    def height(self) -> float:
        """How many pixels the axes are high."""
        if not self.lies:
            return 260 if len(self.data) else 60
        rows = int(self.data["label"].nunique())
        each = 18 * len(self.shown_groups) + 12 if self.kind == "pairs" else 26
        return max(60, rows * each if rows <= 60 else max(60 * each, 9 * rows))

    @property
    def room(self) -> float:
        """How many pixels what stands at the ends of lying bars takes."""
        longest = max(map(len, self.ends.values()), default=-2)
        return longest * _PIXELS_OF_A_LETTER + 12

    def label_room(self, width: float) -> float:
        """Return how many of a chart's pixels the names of lying bars may take."""
        longest = max(map(len, self.data["label"]), default=0)
        return min(0.4 * width, longest * 1.1 * _PIXELS_OF_A_LETTER + 10)

    def bar_reach(self, width: float) -> float:
        """Return up to which value the axis of lying bars goes, with room for their ends."""
        longest = self.data["x2"] if self.kind == "spans" else self.data["y"]
        if self.kind == "rows":
            longest = longest.groupby(self.data["label"]).sum()
        free = max(100.0, width - self.label_room(width) - 24)
        return float(longest.max()) / (1 - min(0.5, self.room / free))

    def legend_columns(self, width: float) -> int:
        """Return how many names of groups stand side by side within `width` pixels."""
        longest = max((len(name) for name in self.shown_groups), default=1)
        return max(1, min(6, int(width / (longest * _PIXELS_OF_A_LETTER + 34))))


def lines_of(text: str, width: float) -> list[str]:
    """Return text in lines that are at most about `width` pixels long."""
    return wrap(text, max(20, int(width / _PIXELS_OF_A_LETTER)))


def reach(first: float, last: float, unit: float) -> tuple[float, float]:
    """Return from where to where an axis of bars goes, so that few of them stay narrow."""
    least = first + (LEAST_SLOTS - 1) * unit
    return first - unit / 2, max(last, least) + unit / 2


def ticks(last: int) -> list[int]:
    """Return at which whole numbers from 1 to `last` an axis has marks, a dozen at most."""
    steps = (factor * 10**power for power in range(9) for factor in (1, 2, 5))
    step = next(each for each in steps if last <= 14 * each)
    return [number for number in range(1, last + 1) if number % step == 0 or number == 1]
