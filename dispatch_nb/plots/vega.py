"""Drawings by Altair, as PNG and SVG by vl-convert: without a browser and offline."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd
import vl_convert

from .drawing import RED, Drawing, Look

__all__ = ["make_chart", "to_png", "to_svg"]

FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif"
WIDTH, HEIGHT, ROW = 640, 260, 26


def make_chart(drawing: Drawing, look: Look) -> Any:
    """Return the drawing as an Altair chart."""
    if drawing.data.empty:
        text = alt.Chart(pd.DataFrame({"note": [drawing.note]}))
        drawn: Any = text.mark_text(color=look.muted, fontSize=13).encode(text="note:N")
        return _dressed(drawn.properties(width=WIDTH, height=80), drawing, look, "")
    drawn = {
        "bars": _bars,
        "rows": _rows,
        "spans": _spans,
        "lines": _lines,
        "dots": _dots,
    }[drawing.kind](drawing)
    if drawing.rule is not None:
        drawn = _ruled(drawn, drawing, look)
    height = HEIGHT
    if drawing.kind in ("rows", "spans"):
        height = max(60, ROW * drawing.data["label"].nunique())
    return _dressed(drawn.properties(width=WIDTH, height=height), drawing, look, drawing.subtitle)


def to_svg(chart: Any) -> str:
    """Return a chart as SVG."""
    svg: str = vl_convert.vegalite_to_svg(chart.to_dict())
    return svg


def to_png(chart: Any, scale: float) -> bytes:
    """Return a chart as PNG."""
    png: bytes = vl_convert.vegalite_to_png(chart.to_dict(), scale=scale)
    return png


def _dressed(chart: Any, drawing: Drawing, look: Look, subtitle: str) -> Any:
    title = alt.TitleParams(drawing.title, subtitle=subtitle or alt.Undefined)
    words = {"labelFont": FONT, "titleFont": FONT}
    return (
        chart.properties(title=title, background=look.ground or "transparent", padding=12)
        .configure(font=FONT)
        .configure_view(stroke=None)
        .configure_title(
            anchor="start", offset=14, fontSize=15, fontWeight=600, color=look.text,
            subtitleFontSize=12, subtitleColor=look.muted, subtitlePadding=4,
            font=FONT, subtitleFont=FONT,
        )
        .configure_axis(
            labelColor=look.muted, titleColor=look.muted, gridColor=look.line,
            domainColor=look.line, tickColor=look.line, labelFontSize=11, titleFontSize=11,
            titleFontWeight="normal", titlePadding=8, labelLimit=260, **words,
        )
        .configure_legend(
            orient="bottom", direction="horizontal", title=None, labelColor=look.muted,
            labelFontSize=11, symbolType="square", symbolSize=90, columns=5, labelLimit=220,
            offset=10, columnPadding=18, **words,
        )
    )  # fmt: skip


def _colour(drawing: Drawing, *, legend: bool = True, channel: Any = alt.Color) -> Any:
    groups = drawing.shown_groups
    scale = alt.Scale(domain=list(groups), range=list(groups.values()))
    show = legend and len(groups) > 1
    return channel("group:N", scale=scale, sort=list(groups), legend=alt.Legend() if show else None)


def _x(drawing: Drawing, **more: Any) -> Any:
    if drawing.x_kind == "days":
        axis = alt.Axis(format="%d %b", labelAngle=0, grid=False, tickCount=8)
        return alt.X("x:T", title=drawing.x_title, axis=axis)
    if drawing.x_kind == "names":
        axis = alt.Axis(labelAngle=0, grid=False)
        return alt.X("x:N", title=drawing.x_title, sort=None, axis=axis)
    if drawing.kind == "bars":
        axis = alt.Axis(labelAngle=0, grid=False, labelOverlap="greedy")
        return alt.X("x:O", title=drawing.x_title, axis=axis)
    axis = alt.Axis(grid=False, tickMinStep=1 if drawing.kind == "lines" else 0, tickCount=10)
    return alt.X("x:Q", title=drawing.x_title, axis=axis, **more)


def _y(drawing: Drawing) -> Any:
    form = "$,.2~f" if drawing.money else "~s"
    if drawing.money and float(drawing.data.groupby("x")["y"].sum().max()) < 0.1:
        form = "$,.4~f"
    if drawing.log:
        axis = alt.Axis(values=[0.0001, 0.001, 0.01, 0.1, 1, 10, 100], format="~g", domain=False)
        return alt.Y("y:Q", title=drawing.y_title, scale=alt.Scale(type="log"), axis=axis)
    axis = alt.Axis(format=form, domain=False, ticks=False, tickCount=5)
    return alt.Y("y:Q", title=drawing.y_title, axis=axis, scale=alt.Scale(nice=True))


_NAMES = alt.Axis(ticks=False, domain=False, labelPadding=8)


def _bars(drawing: Drawing) -> Any:
    data = drawing.data.assign(place=drawing.data["group"].map(list(drawing.groups).index))
    chart = alt.Chart(data)
    if drawing.x_kind == "days":
        days = max(1, (data["x"].max() - data["x"].min()).days + 1)
        marked = chart.mark_bar(width=max(2, min(28, 0.72 * WIDTH / days)))
    else:
        marked = chart.mark_bar()
    return marked.encode(
        x=_x(drawing),
        y=_y(drawing).stack("zero"),
        color=_colour(drawing),
        order="place:Q",
        tooltip=["x", "group", "y"],
    )


def _rows(drawing: Drawing) -> Any:
    axis = alt.Axis(title=drawing.x_title, grid=True, tickMinStep=1, domain=False, format="~s")
    return (
        alt.Chart(drawing.data)
        .mark_bar(height=15)
        .encode(
            x=alt.X("y:Q", axis=axis),
            y=alt.Y("label:N", sort=None, title=None, axis=_NAMES),
            color=_colour(drawing),
            tooltip=["x", "group", "y"],
        )
    )


def _spans(drawing: Drawing) -> Any:
    axis = alt.Axis(title=drawing.x_title, domain=False, tickCount=8)
    return (
        alt.Chart(drawing.data)
        .mark_bar(height=14, strokeWidth=1)
        .encode(
            x=alt.X("x:Q", axis=axis),
            x2="x2:Q",
            y=alt.Y("label:N", sort=None, title=None, axis=_NAMES),
            color=_colour(drawing),
            # So that the shortest run of a tool is seen.
            stroke=_colour(drawing, legend=False, channel=alt.Stroke),
            tooltip=["label", "group", alt.Tooltip("y:Q", title="seconds", format=".3f")],
        )
    )


def _lines(drawing: Drawing) -> Any:
    return (
        alt.Chart(drawing.data)
        .mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=26))
        .encode(x=_x(drawing), y=_y(drawing), color=_colour(drawing), tooltip=["group", "x", "y"])
    )


def _dots(drawing: Drawing) -> Any:
    return (
        alt.Chart(drawing.data)
        .mark_circle(size=22, opacity=0.6)
        .encode(x=_x(drawing), y=_y(drawing), color=_colour(drawing), tooltip=["x", "y"])
    )


def _ruled(chart: Any, drawing: Drawing, look: Look) -> Any:
    rule = drawing.rule
    assert rule is not None
    base = alt.Chart(pd.DataFrame({"value": [rule.value], "label": [rule.label]}))
    line = base.mark_rule(color=RED, strokeDash=[5, 4]).encode(y="value:Q")
    words = base.mark_text(
        align="right", baseline="bottom", dx=-4, dy=-3, color=look.muted, fontSize=11
    ).encode(y="value:Q", text="label:N", x=alt.value(WIDTH))
    return alt.layer(chart, line, words)
