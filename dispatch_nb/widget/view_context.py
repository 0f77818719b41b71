"""Telling the views things in the kernel context that their own messages came in.

Since version 7.4 ipykernel hands the messages of a widget's views to whichever of its shells
that widget last spoke from. A widget that speaks from a cell is therefore deaf while the cell
runs; one that speaks as an answer to its views is heard by the subshell that JupyterLab keeps
for widgets, and its Stop button works beside any cell.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import ParamSpec, TypeVar

__all__ = ["ViewContext"]

P = ParamSpec("P")
T = TypeVar("T")


class ViewContext:
    """The context variables of the newest message of a view, for what is said to all views.

    While no view has spoken, as in a notebook that is run without a browser, everything is
    said from where it happens: such a run keeps only what its cells say.
    """

    def __init__(self) -> None:
        self._context: contextvars.Context | None = None

    def note(self) -> None:
        """Remember the caller's context; called where a message of a view arrives."""
        self._context = contextvars.copy_context()

    def run(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn` in the remembered context; any thread may, several at once."""
        context = self._context
        if context is None:
            return fn(*args, **kwargs)
        return context.copy().run(fn, *args, **kwargs)
