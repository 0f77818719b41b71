"""Drawings by matplotlib, for where Altair is not installed or was not wanted."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import EngFormatter, FixedLocator, FuncFormatter, MaxNLocator

from .drawing import RED, Drawing, Look, lines_of, reach, ticks
from .words import money_decimals, shortened

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["make_chart", "to_png", "to_svg"]

DPI = 100
PADDING = 12
_DAY_S = 86_400
_EPOCH = datetime(1970, 1, 1)

# Text in the fonts that Altair takes, none of it a formula; the same drawing is the same file.
_STYLE: Any = {
    "text.parse_math": False,
    "font.sans-serif": ["Helvetica Neue", "Helvetica", "Arial", "Liberation Sans", "DejaVu Sans"],
    "svg.hashsalt": "dispatch_nb",
}


def make_chart(drawing: Drawing, look: Look, width: int) -> Figure:
    """Return the drawing as a matplotlib figure, which no window and no state knows of."""
    with mpl.rc_context(_STYLE):
        return _figure(drawing, look, width)


def _figure(drawing: Drawing, look: Look, width: int) -> Figure:
    inner = width - 2 * PADDING
    title = lines_of(drawing.title, 0.75 * inner)
    below = drawing.subtitle if len(drawing.data) else drawing.note
    told = lines_of(below, inner)
    head = PADDING + 20 * len(title) + 16 * len(told) + 8
    columns = drawing.legend_columns(inner)
    named = -(-len(drawing.shown_groups) // columns) if len(drawing.shown_groups) > 1 else 0
    foot = 52 + 20 * named if len(drawing.data) else PADDING
    height = head + (drawing.height if len(drawing.data) else 0) + foot
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    figure.patch.set_facecolor(look.ground or "none")
    top = height - PADDING
    for text, size, weight, colour, each in (
        *((line, 11, "bold", look.text, 20) for line in title),
        *((line, 9, "normal", look.muted, 16) for line in told),
    ):
        figure.text(
            PADDING / width, top / height, text,
            color=colour, fontsize=size, fontweight=weight, va="top",
        )  # fmt: skip
        top -= each
    if drawing.data.empty:
        return figure
    edge = PADDING / width / 2
    rect = (edge, 0, 1 - 2 * edge, 1 - head / height)
    figure.set_layout_engine(ConstrainedLayoutEngine(rect=rect))
    axes = figure.add_subplot()
    axes.set_facecolor("none")
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(colors=look.muted, labelsize=8.5, length=0)
    axes.set_axisbelow(True)
    axes.grid(axis="x" if drawing.lies else "y", color=look.line)
    _DRAW[drawing.kind](axes, drawing, look, inner)
    if drawing.rule is not None:
        axes.axhline(drawing.rule.value, color=RED, linestyle="--", linewidth=1)
        if not drawing.log:
            axes.set_ylim(0, max(axes.get_ylim()[1], drawing.rule.value * 1.1))
        words = axes.annotate(
            drawing.rule.label, (1, drawing.rule.value), xycoords=("axes fraction", "data"),
            xytext=(-3, 2), textcoords="offset points",
            ha="right", va="bottom", color=look.muted, fontsize=8.5,
        )  # fmt: skip
        words.set_in_layout(False)
    axes.set_xlabel(drawing.x_title, color=look.muted, fontsize=8.5)
    axes.set_ylabel(drawing.y_title, color=look.muted, fontsize=8.5)
    if named:
        handles, names = axes.get_legend_handles_labels()
        # Row by row, where matplotlib goes column by column.
        order = [each for column in range(columns) for each in range(column, len(names), columns)]
        figure.legend(
            [handles[each] for each in order], [names[each] for each in order],
            loc="outside lower left", frameon=False, ncols=columns, labelcolor=look.muted,
            fontsize=8.5,
        )  # fmt: skip
    return figure


def to_svg(figure: Figure) -> str:
    """Return a figure as SVG."""
    out = io.StringIO()
    with mpl.rc_context(_STYLE):
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def to_png(figure: Figure, scale: float) -> bytes:
    """Return a figure as PNG."""
    out = io.BytesIO()
    with mpl.rc_context(_STYLE):
        figure.savefig(out, format="png", dpi=DPI * scale)
    return out.getvalue()


def _bars(axes: Any, drawing: Drawing, look: Look, inner: int) -> None:
    wide = drawing.data.pivot(index="x", columns="group", values="y").fillna(0)
    unit = drawing.x_unit
    if drawing.x_kind == "names":
        wide = wide.reindex(drawing.data["x"].drop_duplicates())
        places: Any = np.arange(len(wide))
        axes.set_xticks(places, list(wide.index))
    elif drawing.x_kind == "times":
        places, unit = _days(drawing.data["x"]), unit / _DAY_S
        axes.xaxis.set_major_locator(FixedLocator(_moments(drawing, inner // 80)))
        axes.xaxis.set_major_formatter(
            FuncFormatter(lambda day, _: f"{_EPOCH + timedelta(days=day):{drawing.x_format}}")
        )
        axes.set_xlim(*reach(places.min(), places.max(), unit))
    else:
        places = wide.index.to_numpy()
        axes.xaxis.set_major_locator(FixedLocator(ticks(int(places.max()))))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xlim(*reach(1, places.max(), 1))
    below = np.zeros(len(wide))
    for group, colour in drawing.shown_groups.items():
        heights = wide[group].to_numpy()
        axes.bar(places, heights, 0.76 * unit, bottom=below, color=colour, label=group)
        below = below + heights
    for place, name, top in zip(places, wide.index, below, strict=True):
        words = drawing.ends.get(name, "")
        axes.annotate(
            words, (place, top), xytext=(0, 2), textcoords="offset points",
            ha="center", va="bottom", color=look.muted, fontsize=8,
        )  # fmt: skip
    _values(axes.yaxis, drawing, below.max())


def _days(moments: pd.Series[Any]) -> Any:
    """Return every moment once, in order, as days since 1970."""
    return np.unique(moments.to_numpy()).astype("datetime64[us]").astype("int64") / 1e6 / _DAY_S


def _moments(drawing: Drawing, most: int) -> list[float]:
    """Return the days since 1970 at which an axis of times has marks, each below a bar."""
    days, unit = _days(drawing.data["x"]), drawing.x_unit
    if unit > 28 * _DAY_S:
        return list(days[:: -(-len(days) // most)])
    slots = (days[-1] - days[0]) * _DAY_S / unit
    step = (
        next(each for each in (1, 2, 3, 4, 6, 7, 12, 14, 24, 30) if slots <= most * each)
        * unit
        / _DAY_S
    )
    begin = days[0] if unit >= _DAY_S else -(-days[0] // step) * step
    return [float(each) for each in np.arange(begin, days[-1] + step / 1e6, step)]


def _values(axis: Any, drawing: Drawing, most: float) -> None:
    """Mark an axis of tokens, calls or money."""
    if drawing.money:
        decimals = money_decimals(most)
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"${value:,.{decimals}f}"))
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    else:
        axis.set_major_formatter(EngFormatter(sep=""))
        whole = most >= 1 and drawing.kind != "spans"
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], integer=whole))


def _lying(axes: Any, drawing: Drawing, inner: int, labels: list[str]) -> None:
    """Lay out the axes of lying bars, with room for what stands at their ends."""
    least = min(0.0, float(drawing.data["y"].min()))
    axes.set_xlim(least, drawing.bar_reach(inner))
    _values(axes.xaxis, drawing, drawing.bar_reach(inner))
    most = int(drawing.label_room(inner) / 6)
    # Where rows are many, not every name finds room.
    each = max(1, round(12 * len(labels) / drawing.height))
    names = [
        shortened(label, most) if index % each == 0 else "" for index, label in enumerate(labels)
    ]
    axes.set_yticks(range(len(labels)), names)
    axes.set_ylim(len(labels) - 0.4, -0.6)


def _end(axes: Any, place: float, value: float, words: str, look: Look) -> None:
    axes.annotate(
        words, (value, place), xytext=(4, 0), textcoords="offset points",
        ha="left", va="center", color=look.muted, fontsize=8.5,
    )  # fmt: skip


def _rows(axes: Any, drawing: Drawing, look: Look, inner: int) -> None:
    wide = drawing.data.pivot(index="label", columns="group", values="y").fillna(0)
    wide = wide.reindex(drawing.data["label"].drop_duplicates())
    places, left = np.arange(len(wide)), np.zeros(len(wide))
    for group, colour in drawing.shown_groups.items():
        axes.barh(places, wide[group], 0.6, left=left, color=colour, label=group)
        left = left + wide[group].to_numpy()
    for place, label in enumerate(wide.index):
        _end(axes, place, float(left[place]), drawing.ends.get(label, ""), look)
    _lying(axes, drawing, inner, list(wide.index))


def _spans(axes: Any, drawing: Drawing, look: Look, inner: int) -> None:
    labels = list(drawing.data["label"].drop_duplicates())
    for group, colour in drawing.shown_groups.items():
        mine = drawing.data[drawing.data["group"] == group]
        places = [labels.index(label) for label in mine["label"]]
        axes.barh(
            places, mine["y"], 0.56, left=mine["x"], color=colour, edgecolor=colour, label=group
        )
    for label, value in drawing.data.groupby("label")["x2"].max().items():
        _end(axes, labels.index(label), value, drawing.ends.get(label, ""), look)
    _lying(axes, drawing, inner, labels)


def _pairs(axes: Any, drawing: Drawing, look: Look, inner: int) -> None:
    labels = list(drawing.data["label"].drop_duplicates())
    groups = drawing.shown_groups
    high = 0.78 / len(groups)
    for index, (group, colour) in enumerate(groups.items()):
        mine = drawing.data[drawing.data["group"] == group]
        shift = (index - (len(groups) - 1) / 2) * high
        places = [labels.index(label) + shift for label in mine["label"]]
        axes.barh(places, mine["y"], 0.84 * high, color=colour, label=group)
        for place, label, value in zip(places, mine["label"], mine["y"], strict=True):
            _end(axes, place, max(0.0, value), drawing.ends.get((label, group), ""), look)
    _lying(axes, drawing, inner, labels)


def _lines(axes: Any, drawing: Drawing, look: Look, inner: int) -> None:
    most = int(drawing.data["x"].max())
    for group, colour in drawing.shown_groups.items():
        mine = drawing.data[drawing.data["group"] == group]
        style = "o-" if most <= 60 else "-"
        axes.plot(mine["x"], mine["y"], style, color=colour, label=group, markersize=4)
    axes.xaxis.set_major_locator(FixedLocator(ticks(most)))
    axes.set_xlim(*reach(1, most, 1))
    axes.set_ylim(bottom=0)
    _values(axes.yaxis, drawing, float(drawing.data["y"].max()))


def _dots(axes: Any, drawing: Drawing, look: Look, inner: int) -> None:
    for group, colour in drawing.shown_groups.items():
        mine = drawing.data[drawing.data["group"] == group]
        axes.plot(mine["x"], mine["y"], "o", color=colour, label=group, markersize=3, alpha=0.6)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(FixedLocator([]))


_DRAW = {
    "bars": _bars,
    "rows": _rows,
    "pairs": _pairs,
    "spans": _spans,
    "lines": _lines,
    "dots": _dots,
}
