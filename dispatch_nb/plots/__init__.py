"""Charts of what turns took: one call each, of a chat, a turn, a store or a frame.

Without a `theme` a chart has no ground and is readable on light and on dark; ``"light"`` and
``"dark"`` give it one, for slides and papers. ``kind="mpl"`` draws with matplotlib, and `width`
is its width in pixels, texts staying as large as they are.

>>> import dispatch_nb as dn
>>> dn.plots.cost(dn.Store("lab.db")).save("cost.png")
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import of_steps, of_tables, of_turns
from .drawing import Theme
from .live import live_view
from .plot import Kind, Plot, plot

if TYPE_CHECKING:
    import pandas as pd

    from ..framed import FrameSource

    Source = FrameSource | pd.DataFrame

WIDTH = 720

__all__ = ["Plot", "compare", "context", "cost", "gaps", "live", "tokens", "tools", "waterfall"]


def tokens(
    source: Source,
    *,
    kind: Kind | None = None,
    theme: Theme | None = None,
    width: int = WIDTH,
) -> Plot:
    """Draw tokens by request, or by time where there are many, stacked by kind.

    Parameters
    ----------
    source
        A chat, a turn, a store, or a frame of steps.
    kind
        ``"altair"`` or ``"mpl"``; what is installed by default.
    theme
        ``"light"``, ``"dark"``, or None for either.
    width
        How many pixels the chart is wide.

    Raises
    ------
    FrameError
        If nothing can be drawn from `source`, or no library is there to draw.
    """
    return plot(of_steps.tokens(source), kind, theme, width)


def cost(
    source: Source,
    *,
    kind: Kind | None = None,
    theme: Theme | None = None,
    width: int = WIDTH,
) -> Plot:
    """Draw cost over time, stacked by model; of a frame of steps, or as for `tokens`."""
    return plot(of_steps.cost(source), kind, theme, width)


def context(
    source: Source,
    *,
    kind: Kind | None = None,
    theme: Theme | None = None,
    width: int = WIDTH,
) -> Plot:
    """Draw how contexts grow against the model's window; sources as for `tokens`."""
    return plot(of_steps.context(source), kind, theme, width)


def waterfall(
    source: FrameSource,
    turn_id: str | None = None,
    *,
    kind: Kind | None = None,
    theme: Theme | None = None,
    width: int = WIDTH,
) -> Plot:
    """Draw where the time of one turn went: first token, answers, tools.

    Parameters
    ----------
    source
        A chat, a turn or a store.
    turn_id
        Which turn; the newest by default.
    kind, theme, width
        As for `tokens`.
    """
    return plot(of_turns.waterfall(source, turn_id), kind, theme, width)


def gaps(
    source: Source,
    *,
    kind: Kind | None = None,
    theme: Theme | None = None,
    width: int = WIDTH,
) -> Plot:
    """Draw the time between deltas, stalls in red; of a frame of deltas, or as for `tokens`."""
    return plot(of_turns.gaps(source), kind, theme, width)


def tools(
    source: Source,
    *,
    kind: Kind | None = None,
    theme: Theme | None = None,
    width: int = WIDTH,
) -> Plot:
    """Draw how often tools were called and failed; of a frame of tool calls, or as for `tokens`."""
    return plot(of_turns.tools(source), kind, theme, width)


def compare(
    table: pd.DataFrame,
    title: str,
    subtitle: str = "",
    *,
    unit: str = "",
    kind: Kind | None = None,
    theme: Theme | None = None,
    width: int = WIDTH,
) -> Plot:
    """Draw a small table as bars: its rows below each other, its columns side by side.

    Such as what is and what could be; of two columns the first one is grey.

    Parameters
    ----------
    table
        Numbers; the index says what the rows are, the columns what is compared.
    title, subtitle
        What there is to be seen.
    unit
        ``"usd"`` for money, else what stands below the axis.
    kind, theme, width
        As for `tokens`.

    Raises
    ------
    FrameError
        If a column is not of numbers, names are not unique, or there is too much to read.
    """
    return plot(of_tables.compare(table, title, subtitle, unit), kind, theme, width)


def live(chat: Any, draw: Callable[..., Plot] = tokens, **options: Any) -> Any:
    """Return a widget that shows ``draw(chat)``, drawn anew whenever the chat's frames change.

    Parameters
    ----------
    chat
        The chat that is followed.
    draw
        One of the charts of this module, or any function that takes a chat to a `Plot`.
    **options
        Passed on to `draw`.
    """
    return live_view(chat, lambda each: draw(each, **options))
