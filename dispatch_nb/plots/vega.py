"""Drawings by Altair, as PNG and SVG by vl-convert: without a browser and offline."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd
import vl_convert

from .drawing import RED, Drawing, Look, lines_of, reach, ticks
from .words import money_decimals

__all__ = ["make_chart", "to_png", "to_svg"]

FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif"
PADDING = 12

_ZERO = "datum.value === 0 ? '0' : datum.label"
_LINES = "split(datum.label, '\\n')"


def make_chart(drawing: Drawing, look: Look, width: int) -> Any:
    """Return the drawing as an Altair chart."""
    inner = width - 2 * PADDING
    if drawing.data.empty:
        note = "\n".join(lines_of(drawing.note, inner))
        text: Any = alt.Chart(pd.DataFrame({"note": [note]}))
        drawn = text.mark_text(
            *(), color=look.muted, fontSize=13, align="left", lineBreak="\n", x=0
        ).encode(text="note:N")
    else:
        drawn = _DRAW[drawing.kind](drawing, look, inner)
        if drawing.rule is not None:
            drawn = _ruled(drawn, drawing, look)
    return _dressed(drawn.properties(width=width, height=drawing.height), drawing, look, inner)


def to_svg(chart: Any) -> str:
    """Return a chart as SVG."""
    svg: str = vl_convert.vegalite_to_svg(chart.to_dict())
    return svg


def to_png(chart: Any, scale: float) -> bytes:
    """Return a chart as PNG."""
    png: bytes = vl_convert.vegalite_to_png(chart.to_dict(), scale=scale)
    return png


def _dressed(chart: Any, drawing: Drawing, look: Look, inner: int) -> Any:
    subtitle = lines_of(drawing.subtitle, inner) if len(drawing.data) else []
    title = alt.TitleParams(lines_of(drawing.title, 0.75 * inner), subtitle=subtitle)
    words = {"labelFont": FONT, "titleFont": FONT}
    return (
        chart.properties(
            title=title,
            background=look.ground or "transparent",
            padding=PADDING,
            autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        )
        .configure(font=FONT)
        .configure_view(stroke=None)
        .configure_title(
            anchor="start", frame="bounds", offset=14, fontSize=15, fontWeight=600,
            color=look.text, subtitleFontSize=12, subtitleColor=look.muted, subtitlePadding=4,
            font=FONT, subtitleFont=FONT,
        )
        .configure_axis(
            labelColor=look.muted, titleColor=look.muted, gridColor=look.line,
            domainColor=look.line, tickColor=look.line, labelFontSize=11, titleFontSize=11,
            titleFontWeight="normal", titlePadding=8, **words,
        )
        .configure_legend(
            orient="bottom", direction="horizontal", title=None, labelColor=look.muted,
            labelFontSize=11, symbolType="square", symbolSize=90, labelLimit=inner - 40,
            columns=drawing.legend_columns(inner), offset=10, columnPadding=18, **words,
        )
    )  # fmt: skip


def _colour(drawing: Drawing, *, legend: bool = True, channel: Any = alt.Color) -> Any:
    groups = drawing.shown_groups
    scale = alt.Scale(domain=list(groups), range=list(groups.values()))
    show = legend and len(groups) > 1
    return channel("group:N", scale=scale, sort=list(groups), legend=alt.Legend() if show else None)


def _x(drawing: Drawing) -> Any:
    """Return the horizontal axis of bars, lines and dots."""
    data, title = drawing.data, drawing.x_title
    if drawing.x_kind == "names":
        axis = alt.Axis(labelAngle=0, grid=False, labelExpr=_LINES, ticks=False, labelPadding=6)
        return alt.X("x:N", title=title, sort=None, axis=axis)
    if drawing.x_kind == "times":
        first, last = (each.timestamp() for each in (data["x"].min(), data["x"].max()))
        domain = [1000 * each for each in reach(first, last, drawing.x_unit)]
        axis = alt.Axis(format=drawing.x_format, labelAngle=0, grid=False, tickCount=8)
        return alt.X("from:T", title=title, axis=axis, scale=alt.Scale(type="utc", domain=domain))
    if drawing.kind == "dots":
        return alt.X("x:Q", title=title, axis=alt.Axis(grid=False, tickCount=10))
    most = int(data["x"].max())
    axis = alt.Axis(grid=False, values=ticks(most), format="d", labelOverlap="greedy")
    scale = alt.Scale(domain=reach(1, most, 1), nice=False)
    return alt.X(
        "x:Q" if drawing.kind == "lines" else "from:Q", title=title, axis=axis, scale=scale
    )


def _values(drawing: Drawing, most: float, **more: Any) -> Any:
    """Return the marks of an axis of tokens, calls or money."""
    form = f"$,.{money_decimals(most)}f" if drawing.money else "~s"
    return alt.Axis(
        format=form, labelExpr=alt.Undefined if drawing.money else _ZERO, domain=False,
        ticks=False, tickCount=min(5, max(1, int(most))) if not drawing.money else 5, **more,
    )  # fmt: skip


def _stacked(drawing: Drawing, across: str) -> pd.DataFrame:
    """Return the rows with where each begins and ends on those below it."""
    data = drawing.data.assign(place=drawing.data["group"].map(list(drawing.groups).index))
    data = data.sort_values("place", kind="stable")
    data["y1"] = data.groupby(across, sort=False)["y"].cumsum()
    data["y0"] = data["y1"] - data["y"]
    return data


def _bars(drawing: Drawing, look: Look, inner: int) -> Any:
    data = _stacked(drawing, "x")
    most = float(data["y1"].max())
    y = alt.Y("y0:Q", title=drawing.y_title, axis=_values(drawing, most))
    if drawing.x_kind == "names":
        base = alt.Chart(data.assign(end=data["x"].map(drawing.ends).fillna("")))
        bars = base.mark_bar().encode(x=_x(drawing), y=y, y2="y1", color=_colour(drawing))
        ends = base.mark_text(dy=-7, color=look.muted, fontSize=10).encode(
            x=_x(drawing), y="y1:Q", text="end:N"
        )
        return bars + ends
    half = 0.38 * drawing.x_unit
    if drawing.x_kind == "times":
        data["x"] = data["x"].dt.tz_localize("UTC")
        half = pd.Timedelta(seconds=half)  # type: ignore[assignment]
    data = data.assign(**{"from": data["x"] - half, "to": data["x"] + half})
    return (
        alt.Chart(data)
        .mark_bar()
        .encode(
            x=_x(drawing),
            x2="to",
            y=y,
            y2="y1",
            color=_colour(drawing),
            tooltip=["x", "group", "y"],
        )
    )


def _order(drawing: Drawing) -> list[str]:
    return list(drawing.data["label"].drop_duplicates())


def _names(drawing: Drawing, inner: int) -> Any:
    limit = drawing.label_room(inner)
    axis = alt.Axis(ticks=False, domain=False, labelPadding=8, labelLimit=limit, labelOverlap=True)
    return alt.Y("label:N", sort=_order(drawing), title=None, axis=axis)


def _lying(drawing: Drawing, inner: int, field: str, **axis: Any) -> Any:
    """Return the horizontal axis of lying bars, with room for what stands at their ends."""
    most = drawing.bar_reach(inner)
    scale = alt.Scale(domain=[min(0.0, float(drawing.data["y"].min())), most], nice=False)
    marks = _values(drawing, most, title=drawing.x_title, grid=True, **axis)
    return alt.X(f"{field}:Q", axis=marks, scale=scale)


def _ended(bars: Any, ends: pd.DataFrame, drawing: Drawing, look: Look, **more: Any) -> Any:
    """Put what `ends` says beside its bars."""
    words: Any = alt.Chart(ends).mark_text(align="left", dx=5, color=look.muted, fontSize=11)
    return bars + words.encode(
        x="at:Q", y=alt.Y("label:N", sort=_order(drawing)), text="end:N", **more
    )


def _rows(drawing: Drawing, look: Look, inner: int) -> Any:
    data = _stacked(drawing, "label")
    bars = (
        alt.Chart(data)
        .mark_bar(height=alt.RelativeBandSize(band=0.6))
        .encode(
            x=_lying(drawing, inner, "y0", tickMinStep=1),
            x2="y1",
            y=_names(drawing, inner),
            color=_colour(drawing),
            tooltip=["x", "group", "y"],
        )
    )
    ends = data.groupby("label", sort=False)["y1"].max().rename("at").reset_index()
    ends["end"] = ends["label"].map(drawing.ends).fillna("")
    return _ended(bars, ends, drawing, look)


def _spans(drawing: Drawing, look: Look, inner: int) -> Any:
    bars = (
        alt.Chart(drawing.data)
        .mark_bar(height=alt.RelativeBandSize(band=0.56), strokeWidth=1)
        .encode(
            x=_lying(drawing, inner, "x"),
            x2="x2:Q",
            y=_names(drawing, inner),
            color=_colour(drawing),
            # So that the shortest run of a tool is seen.
            stroke=_colour(drawing, legend=False, channel=alt.Stroke),
            tooltip=["label", "group", alt.Tooltip("y:Q", title="seconds", format=".3f")],
        )
    )
    ends = drawing.data.groupby("label", sort=False)["x2"].max().rename("at").reset_index()
    ends["end"] = ends["label"].map(drawing.ends).fillna("")
    return _ended(bars, ends, drawing, look)


def _pairs(drawing: Drawing, look: Look, inner: int) -> Any:
    groups = list(drawing.shown_groups)
    below = alt.YOffset("group:N", sort=groups, scale=alt.Scale(domain=groups))
    bars = (
        alt.Chart(drawing.data)
        .mark_bar(height=alt.RelativeBandSize(band=0.8))
        .encode(
            x=_lying(drawing, inner, "y"),
            y=_names(drawing, inner).scale(paddingInner=0.28, paddingOuter=0.1),
            yOffset=below,
            color=_colour(drawing),
            tooltip=["label", "group", "y"],
        )
    )
    keys = zip(drawing.data["label"], drawing.data["group"], strict=True)
    ends = drawing.data.assign(
        end=[drawing.ends.get(key, "") for key in keys], at=drawing.data["y"].clip(lower=0)
    )
    return _ended(bars, ends, drawing, look, yOffset=below)


def _lines(drawing: Drawing, look: Look, inner: int) -> Any:
    point = alt.OverlayMarkDef(size=26) if drawing.data["x"].max() <= 60 else False
    most = max(float(drawing.data["y"].max()), drawing.rule.value if drawing.rule else 0)
    y = alt.Y("y:Q", title=drawing.y_title, axis=_values(drawing, most))
    return (
        alt.Chart(drawing.data)
        .mark_line(strokeWidth=2, point=point)
        .encode(x=_x(drawing), y=y, color=_colour(drawing), tooltip=["group", "x", "y"])
    )


def _dots(drawing: Drawing, look: Look, inner: int) -> Any:
    axis = alt.Axis(values=[0.0001, 0.001, 0.01, 0.1, 1, 10, 100], format="~g", domain=False)
    y = alt.Y("y:Q", title=drawing.y_title, scale=alt.Scale(type="log"), axis=axis)
    return (
        alt.Chart(drawing.data)
        .mark_circle(size=22, opacity=0.75)
        .encode(x=_x(drawing), y=y, color=_colour(drawing), tooltip=["x", "y"])
    )


def _ruled(chart: Any, drawing: Drawing, look: Look) -> Any:
    rule = drawing.rule
    assert rule is not None
    base = alt.Chart(pd.DataFrame({"value": [rule.value], "label": [rule.label]}))
    line = base.mark_rule(color=RED, strokeDash=[5, 4]).encode(y="value:Q")
    words = base.mark_text(
        align="right", baseline="bottom", dx=-4, dy=-3, color=look.muted, fontSize=11
    ).encode(y="value:Q", text="label:N", x=alt.value("width"))
    return alt.layer(chart, line, words)


_DRAW = {
    "bars": _bars,
    "rows": _rows,
    "pairs": _pairs,
    "spans": _spans,
    "lines": _lines,
    "dots": _dots,
}
