"""The memory of the processes that a frame is read by."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

__all__ = ["Readers"]

_CHILDREN = Path(f"/proc/self/task/{os.getpid()}/children")
_MOST = re.compile(r"VmHWM:\s+(\d+) kB")


class Readers:
    """Watches the processes that this one starts: the most memory of each, together (Linux).

    Not getrusage: for a child it counts what the parent had when it started it.
    """

    def __init__(self) -> None:
        self._peaks: dict[str, float] = {}
        self._ended = Event()
        self._thread = Thread(target=self._watch)

    def __enter__(self) -> Readers:
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def mb(self) -> float:
        """Megabytes, imports and all."""
        return sum(self._peaks.values())

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            # A process may end between the one look and the other.
            with suppress(OSError):
                for process in _CHILDREN.read_text().split():
                    found = _MOST.search(Path(f"/proc/{process}/status").read_text())
                    if found:
                        self._peaks[process] = int(found[1]) / 1024
