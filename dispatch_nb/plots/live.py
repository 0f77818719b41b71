"""A chart that follows a turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import finalize, ref

import ipywidgets

from .plot import Plot

__all__ = ["live_view"]


def live_view(chat: Any, draw: Callable[[Any], Plot]) -> ipywidgets.HTML:
    """Return a widget with the chart of a chat, which is drawn anew when its frames change."""
    view = ipywidgets.HTML(draw(chat).html())
    shown = ref(view)

    def redraw(changed: Any) -> None:
        widget = shown()
        if widget is not None:
            widget.value = draw(changed).html()

    # Nobody draws for a widget that is gone.
    finalize(view, chat.on_update(redraw))
    return view
