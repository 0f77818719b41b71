"""What a chart consists of, for whatever draws it: rows, axes, groups and their colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "AMBER",
    "BLUE",
    "GREY",
    "PALETTE",
    "RED",
    "TEAL",
    "VIOLET",
    "Drawing",
    "Look",
    "Rule",
    "Theme",
    "look_of",
]

Theme: TypeAlias = Literal["light", "dark"]

# Each has a contrast of 3 or more to white and to near-black, and they differ in lightness.
BLUE, TEAL, AMBER, VIOLET = "#3d82d1", "#1f9a8a", "#c9821f", "#9a6fd0"
RED, GREY, PINK, OLIVE = "#d4504c", "#858b94", "#c95c9a", "#7f8f2f"
PALETTE = (BLUE, AMBER, TEAL, VIOLET, PINK, OLIVE, GREY)


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

    `data` has the columns ``x``, ``y`` and ``group``; spans have ``x2`` and ``label``.

    Parameters
    ----------
    kind
        ``bars`` stand and are stacked by group, ``rows`` lie and are stacked, ``spans`` lie
        from ``x`` to ``x2``, ``lines`` and ``dots`` are what they are called.
    groups
        Every group with its colour, in the order of the legend.
    x_kind
        ``names`` in the order of their rows, ``numbers``, or ``days``.
    note
        What to say instead, where there is nothing to draw.
    """

    kind: Literal["bars", "rows", "spans", "lines", "dots"]
    data: pd.DataFrame
    title: str
    subtitle: str
    x_title: str
    y_title: str
    groups: dict[str, str]
    x_kind: Literal["names", "numbers", "days"] = "numbers"
    money: bool = False
    log: bool = False
    rule: Rule | None = None
    note: str = ""

    @property
    def shown_groups(self) -> dict[str, str]:
        """The groups that have rows."""
        present = set(self.data["group"]) if len(self.data) else set()
        return {name: colour for name, colour in self.groups.items() if name in present}
