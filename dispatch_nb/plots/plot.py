"""A chart in hand: shown in a cell, saved to a file, or taken further."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ..errors import FrameError
from .drawing import Drawing, Theme, look_of

__all__ = ["Kind", "Plot", "plot"]

Kind: TypeAlias = Literal["altair", "mpl"]

NARROWEST, NARROW = 240, 400
NARROW_PAGE = 640
_FITTING = "max-width:100%;height:auto"


class Plot:
    """A chart.

    In a cell it is a drawing that grows and shrinks sharply: the same in a live notebook, in
    one that was saved, and in an export, with no network and no scripts. For a PDF and where
    HTML is not shown there is a PNG beside it.

    Attributes
    ----------
    chart
        The Altair chart, or the matplotlib figure, to change it or to show it with tooltips.
    data
        The rows that are drawn.
    """

    def __init__(self, drawing: Drawing, kind: Kind, theme: Theme | None, width: int) -> None:
        self.data = drawing.data
        self._words = drawing.title if len(drawing.data) else drawing.note
        told = f"{drawing.title}: {drawing.subtitle}" if drawing.subtitle else drawing.title
        self._alt = escape(told if len(drawing.data) else drawing.note)
        self._drawer: Any = import_module(f".{'vega' if kind == 'altair' else 'mpl'}", __package__)
        self._drawing, self._look, self._width = drawing, look_of(theme), width
        self.chart: Any = self._drawer.make_chart(drawing, self._look, width)

    def __repr__(self) -> str:
        """Return what is drawn, or why there is nothing to draw."""
        return f"<Plot {self._words}>"

    def svg(self) -> str:
        """Return the chart as SVG, which shrinks where the page is narrow and says what it is."""
        return self._described(self._drawer.to_svg(self.chart))

    def html(self) -> str:
        """Return the chart as an image of a page, drawn otherwise where the page is narrow."""
        # A notebook shows bare SVG in its full width, cut where it ends.
        image = f'<img style="{_FITTING}" alt="{self._alt}" src="{_address(self.svg())}">'
        if self._width <= NARROW:
            return image
        narrow = self._drawer.make_chart(self._drawing, self._look, NARROW)
        address = _address(self._described(self._drawer.to_svg(narrow)))
        source = f'<source media="(max-width: {NARROW_PAGE}px)" srcset="{address}">'
        return f"<picture>{source}{image}</picture>"

    def _described(self, svg: str) -> str:
        begun = f'<svg style="{_FITTING}" role="img" aria-label="{self._alt}" '
        return svg.replace("<svg ", begun, 1)

    def png(self, scale: float = 2) -> bytes:
        """Return the chart as PNG, `scale` times as many pixels as it is wide on the page."""
        png: bytes = self._drawer.to_png(self.chart, scale)
        return png

    def save(self, path: str | Path) -> None:
        """Write the chart to a file that ends in ``.svg`` or ``.png``.

        Raises
        ------
        FrameError
            If the name ends in something else.
        """
        target = Path(path)
        if target.suffix == ".svg":
            target.write_text(self.svg(), "utf-8")
        elif target.suffix == ".png":
            target.write_bytes(self.png())
        else:
            raise FrameError(f"A chart is saved as .svg or .png, not as {target.name!r}.")

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, str]:
        png = b64encode(self.png(1)).decode()
        return {"text/html": self.html(), "image/png": png, "text/plain": repr(self)}


def _address(svg: str) -> str:
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"


def plot(drawing: Drawing, kind: Kind | None, theme: Theme | None, width: int) -> Plot:
    """Return a drawing, drawn by `kind`, or by what is installed.

    Raises
    ------
    FrameError
        If neither Altair nor matplotlib is there, or not the one that was asked for.
    """
    has_altair = find_spec("altair") is not None and find_spec("vl_convert") is not None
    has = {"altair": has_altair, "mpl": find_spec("matplotlib") is not None}
    if kind not in (None, "altair", "mpl"):
        raise FrameError(f"kind is 'altair' or 'mpl', not {kind!r}.")
    if theme not in (None, "light", "dark"):
        raise FrameError(f"theme is 'light' or 'dark', not {theme!r}.")
    found: Kind | None = kind or ("altair" if has_altair else "mpl" if has["mpl"] else None)
    if found is None or not has[found]:
        extra = "mpl" if kind == "mpl" else "plots"
        raise FrameError(
            f"Charts need {'matplotlib' if kind == 'mpl' else 'altair and vl-convert-python'}, "
            f"not installed here: run `pip install 'dispatch_nb[{extra}]'`."
        )
    if not isinstance(width, int) or width < NARROWEST:
        raise FrameError(f"width is pixels, {NARROWEST} or more, not {width!r}.")
    return Plot(drawing, found, theme, width)
