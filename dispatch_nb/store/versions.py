"""Whether anything was committed to a file since one last asked."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

__all__ = ["Versions"]


class Versions:
    """A connection that is asked for nothing but SQLite's own count of changes; for any thread.

    Parameters
    ----------
    path
        The file.
    """

    def __init__(self, path: Path) -> None:
        # A file that was moved away must not come back as an empty one.
        self._address = f"{path.absolute().as_uri()}?mode=rw"
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def read(self) -> int:
        """Return a number that is another one after every commit of another connection."""
        with self._lock:
            if self._connection is None:
                self._connection = sqlite3.connect(
                    self._address, uri=True, isolation_level=None, check_same_thread=False
                )
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
            return int(version)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
