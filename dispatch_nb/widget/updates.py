"""Functions that are called when a chat's frames have changed, never in the turns' way."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

__all__ = ["Updates"]

_log = logging.getLogger(__name__)


class Updates:
    """Calls functions on a thread of its own; what changes during a call makes one more.

    So a slow function, such as one that draws a chart, gets fewer calls and delays nothing,
    and the last change is always followed by a call.
    """

    def __init__(self) -> None:
        self._functions: list[Callable[[], object]] = []
        self._lock = threading.Lock()
        self._changed = False
        self._thread: threading.Thread | None = None

    def add(self, function: Callable[[], object]) -> Callable[[], None]:
        """Call `function` after every change from now on; returns the way out."""
        with self._lock:
            self._functions.append(function)

        def remove() -> None:
            with self._lock:
                if function in self._functions:
                    self._functions.remove(function)

        return remove

    def tell(self) -> None:
        """Take note of a change; quick."""
        with self._lock:
            if not self._functions:
                return
            self._changed = True
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="dispatch_nb updates", daemon=True
                )
                self._thread.start()

    def clear(self) -> None:
        """Call nobody any more."""
        with self._lock:
            self._functions.clear()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._changed:
                    self._thread = None
                    return
                self._changed = False
                functions = list(self._functions)
            for function in functions:
                try:
                    function()
                except Exception:
                    # Told once: a function that fails on every change would fill the log.
                    _log.exception("on_update: %r failed, and is called no more.", function)
                    with self._lock:
                        self._functions = [each for each in self._functions if each != function]
