"""Looking again and again whether figures have changed, on a thread that ends with the widget."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from typing import Protocol

from ..errors import DispatchError

__all__ = ["INTERVAL_S", "watch"]

INTERVAL_S = 0.25
"""Shortest time between two looks, so between two messages to the views."""

_QUIET_S = 0.5
_log = logging.getLogger(__name__)


class Watched(Protocol):
    """Figures that are looked at."""

    @property
    def is_watched(self) -> bool:
        """Whether anybody still wants to know."""
        ...

    def refresh(self) -> None:
        """Tell what is new; quick where nothing is."""
        ...


def watch(figures: Watched, changed: threading.Event) -> None:
    """Call `figures.refresh()` soon after `changed` is set, and now and then, until it ends."""
    reference = weakref.ref(figures)
    name = "dispatch_nb usage"
    threading.Thread(target=_run, args=(reference, changed), name=name, daemon=True).start()


def _run(reference: weakref.ref[Watched], changed: threading.Event) -> None:
    while True:
        changed.wait(_QUIET_S)
        figures = reference()
        if figures is None or not figures.is_watched:
            return
        began = time.monotonic()
        try:
            figures.refresh()
        except DispatchError as error:
            _log.error("The usage is not followed any more: %s", error)
            return
        del figures
        # A large store that takes long to read is read more seldom.
        time.sleep(max(INTERVAL_S, 4 * (time.monotonic() - began)))
