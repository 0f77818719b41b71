"""Telling the views things from a kernel context in which they can answer.

Since version 7.4 ipykernel hands the messages of a widget's views to whichever of its shells
the widget last spoke from. A widget that speaks from a cell is therefore deaf while the cell
runs; one that speaks as an answer to its views is heard by the subshell that JupyterLab keeps
for widgets, and its Stop button works beside any cell. But a subshell goes when its page is
closed, and a widget that spoke from it last would be deaf for good. So the views' own context
serves while a turn runs and their shell is there, and the main shell's the rest of the time.
"""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from IPython.core.getipython import get_ipython

__all__ = ["ViewContext", "is_subshell_there"]

# How often it is asked whether the views' shell is still there.
LOOK_S = 0.25

P = ParamSpec("P")
T = TypeVar("T")


class ViewContext:
    """Where the views are spoken to from; made where the chat is, in a cell.

    While no view has spoken, as in a notebook that is run without a browser, everything is
    said from where it happens: such a run keeps only what its cells say.

    Parameters
    ----------
    is_running
        Tells whether a turn runs.
    speak
        Says anything to the views.
    """

    def __init__(self, is_running: Callable[[], bool], speak: Callable[[], object]) -> None:
        self._is_running = is_running
        self._speak = speak
        # A cell's, so the main shell's. What the kernel itself would take is the newest message
        # of the main shell: that may be a view's, with the mark of a shell that goes.
        self._home = contextvars.copy_context()
        self._views: contextvars.Context | None = None
        self._is_there = False
        self._looked_at = 0.0

    def heard(self) -> None:
        """Remember the caller's context; called where a message of a view arrives."""
        self._views = contextvars.copy_context()
        self._is_there = True
        self._looked_at = time.monotonic()

    def run(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn`, which speaks to the views; any thread may, several at once."""
        if self._views is None:
            return fn(*args, **kwargs)
        if self._is_running() and self._look(self._views):
            result = self._views.copy().run(fn, *args, **kwargs)
            if not self._is_running():
                # The turn has ended meanwhile: the last word must not be from here.
                self._home.copy().run(self._speak)
            return result
        return self._home.copy().run(fn, *args, **kwargs)

    def _look(self, views: contextvars.Context) -> bool:
        """Tell whether the views' shell was there a moment ago: to ask costs more than to speak."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_S:
            self._is_there = views.copy().run(is_subshell_there)
            self._looked_at = now
        return self._is_there


def is_subshell_there() -> bool:
    """Tell whether the caller's context is that of a subshell which its kernel still has."""
    kernel: Any = getattr(get_ipython(), "kernel", None)
    manager = getattr(getattr(kernel, "shell_channel_thread", None), "manager", None)
    if manager is None:
        return False
    header = kernel.get_parent("shell").get("header", {})
    return header.get("subshell_id") in manager.list_subshell()
