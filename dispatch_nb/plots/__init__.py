"""Charts of what turns took: one call each, of a chat, a turn, a store or a frame.

Without a `theme` a chart has no ground and is readable on light and on dark; ``"light"`` and
``"dark"`` give it one, for slides and papers. ``kind="mpl"`` draws with matplotlib.

>>> import dispatch_nb as dn
>>> dn.plots.cost(dn.Store("lab.db")).save("cost.png")
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import charts
from .drawing import Theme
from .live import live_view
from .plot import Kind, Plot, plot

if TYPE_CHECKING:
    import pandas as pd

    from ..framed import FrameSource

    Source = FrameSource | pd.DataFrame

__all__ = ["Plot", "context", "cost", "gaps", "live", "tokens", "tools", "waterfall"]


def tokens(source: Source, *, kind: Kind | None = None, theme: Theme | None = None) -> Plot:
    """Draw tokens by request, or by day where there are many, stacked by kind.

    Parameters
    ----------
    source
        A chat, a turn, a store, or a frame of steps.
    kind
        ``"altair"`` or ``"mpl"``; what is installed by default.
    theme
        ``"light"``, ``"dark"``, or None for either.

    Raises
    ------
    FrameError
        If nothing can be drawn from `source`, or no library is there to draw.
    """
    return plot(charts.tokens(source), kind, theme)


def cost(source: Source, *, kind: Kind | None = None, theme: Theme | None = None) -> Plot:
    """Draw cost over time, stacked by model; of a frame of steps, or as for `tokens`."""
    return plot(charts.cost(source), kind, theme)


def context(source: Source, *, kind: Kind | None = None, theme: Theme | None = None) -> Plot:
    """Draw how contexts grow against the model's window; sources as for `tokens`."""
    return plot(charts.context(source), kind, theme)


def waterfall(
    source: FrameSource,
    turn_id: str | None = None,
    *,
    kind: Kind | None = None,
    theme: Theme | None = None,
) -> Plot:
    """Draw where the time of one turn went: first token, answers, tools.

    Parameters
    ----------
    source
        A chat, a turn or a store.
    turn_id
        Which turn; the newest by default.
    kind, theme
        As for `tokens`.
    """
    return plot(charts.waterfall(source, turn_id), kind, theme)


def gaps(source: Source, *, kind: Kind | None = None, theme: Theme | None = None) -> Plot:
    """Draw the time between deltas, stalls in red; of a frame of deltas, or as for `tokens`."""
    return plot(charts.gaps(source), kind, theme)


def tools(source: Source, *, kind: Kind | None = None, theme: Theme | None = None) -> Plot:
    """Draw how often tools were called and failed; of a frame of tool calls, or as for `tokens`."""
    return plot(charts.tools(source), kind, theme)


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
