"""Drawings by matplotlib, for where Altair is not installed or was not wanted."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, MaxNLocator

from .drawing import RED, Drawing, Look

__all__ = ["make_figure", "to_png", "to_svg"]

INCHES = 7.6


def make_figure(drawing: Drawing, look: Look) -> Figure:
    """Return the drawing as a matplotlib figure, which no window and no state knows of."""
    lying = drawing.kind in ("rows", "spans") and len(drawing.data)
    height = 1.5 + 0.3 * drawing.data["label"].nunique() if lying else 3.9
    figure = Figure(figsize=(INCHES, height), layout="constrained", dpi=100)
    figure.patch.set_facecolor(look.ground or "none")
    axes = figure.add_subplot()
    axes.set_facecolor("none")
    title = f"{drawing.title}\n" if drawing.subtitle else drawing.title
    axes.set_title(title, loc="left", color=look.text, fontsize=12, fontweight="bold")
    axes.text(
        *(0, 1.02, drawing.subtitle if len(drawing.data) else ""),
        transform=axes.transAxes, color=look.muted, fontsize=9, va="bottom",
    )  # fmt: skip
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(colors=look.muted, labelsize=9, length=0)
    if drawing.data.empty:
        axes.set_axis_off()
        figure.set_layout_engine("none")
        axes.text(0.5, 0.5, drawing.note, color=look.muted, ha="center", transform=axes.transAxes)
        return figure
    axes.set_axisbelow(True)
    axes.grid(axis="x" if lying else "y", color=look.line)
    _DRAW[drawing.kind](axes, drawing)
    if drawing.rule is not None:
        axes.axhline(drawing.rule.value, color=RED, linestyle="--", linewidth=1)
        if not drawing.log:
            axes.set_ylim(0, max(axes.get_ylim()[1], drawing.rule.value * 1.1))
        words = axes.annotate(
            drawing.rule.label, (1, drawing.rule.value), xycoords=("axes fraction", "data"),
            ha="right", va="bottom", color=look.muted, fontsize=9,
        )  # fmt: skip
        words.set_in_layout(False)
    axes.set_xlabel(drawing.x_title, color=look.muted, fontsize=9)
    axes.set_ylabel(drawing.y_title, color=look.muted, fontsize=9)
    if len(drawing.shown_groups) > 1:
        figure.legend(
            *axes.get_legend_handles_labels(), loc="outside lower left", frameon=False,
            ncols=4, labelcolor=look.muted, fontsize=9,
        )  # fmt: skip
    return figure


def to_svg(figure: Figure) -> str:
    """Return a figure as SVG."""
    out = io.StringIO()
    figure.savefig(out, format="svg")
    return out.getvalue()


def to_png(figure: Figure, scale: float) -> bytes:
    """Return a figure as PNG."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=100 * scale)
    return out.getvalue()


def _bars(axes: Any, drawing: Drawing) -> None:
    wide = drawing.data.pivot(index="x", columns="group", values="y").fillna(0)
    if drawing.x_kind == "names":
        wide = wide.reindex(drawing.data["x"].drop_duplicates())
        places: Any = [str(each) for each in wide.index]
    else:
        places = wide.index.to_numpy()
    below = 0 * wide.iloc[:, 0].to_numpy()
    for group, colour in drawing.shown_groups.items():
        heights = wide[group].to_numpy()
        axes.bar(places, heights, 0.72, bottom=below, color=colour, label=group)
        below = below + heights
    if drawing.x_kind == "days":
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(_day))
    elif drawing.x_kind == "numbers":
        axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))
    _heights(axes, drawing)


def _day(number: float, _place: int | None) -> str:
    """Return a day by its number since 1970, as matplotlib counts them."""
    return f"{date(1970, 1, 1) + timedelta(days=round(number)):%d %b}"


def _heights(axes: Any, drawing: Drawing) -> None:
    if drawing.money:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"${value:,.4g}"))
    else:
        axes.yaxis.set_major_formatter(EngFormatter(sep=""))


def _rows(axes: Any, drawing: Drawing) -> None:
    wide = drawing.data.pivot(index="label", columns="group", values="y").fillna(0)
    wide = wide.reindex(drawing.data["label"].drop_duplicates())
    left = 0 * wide.iloc[:, 0].to_numpy()
    for group, colour in drawing.shown_groups.items():
        axes.barh(list(wide.index), wide[group], 0.6, left=left, color=colour, label=group)
        left = left + wide[group].to_numpy()
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.invert_yaxis()


def _spans(axes: Any, drawing: Drawing) -> None:
    labels = list(drawing.data["label"].drop_duplicates())
    for group, colour in drawing.shown_groups.items():
        mine = drawing.data[drawing.data["group"] == group]
        places = [labels.index(label) for label in mine["label"]]
        axes.barh(
            places, mine["y"], 0.56, left=mine["x"], color=colour, edgecolor=colour, label=group
        )
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()


def _lines(axes: Any, drawing: Drawing) -> None:
    for group, colour in drawing.shown_groups.items():
        mine = drawing.data[drawing.data["group"] == group]
        axes.plot(mine["x"], mine["y"], "o-", color=colour, label=group, markersize=4)
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    axes.set_ylim(bottom=0)
    _heights(axes, drawing)


def _dots(axes: Any, drawing: Drawing) -> None:
    for group, colour in drawing.shown_groups.items():
        mine = drawing.data[drawing.data["group"] == group]
        axes.plot(mine["x"], mine["y"], "o", color=colour, label=group, markersize=3, alpha=0.6)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


_DRAW = {"bars": _bars, "rows": _rows, "spans": _spans, "lines": _lines, "dots": _dots}
