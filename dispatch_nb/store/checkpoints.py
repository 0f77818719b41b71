"""Moving what is committed from SQLite's log into its file, beside the writer.

Left alone, SQLite does this within the commit that makes the log long, and waits there for
the disk: every thousand pages a stream would stand still for as long as the disk likes.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from pathlib import Path
from time import monotonic

__all__ = ["LOG_LIMIT_PAGES", "Checkpoints"]

LOG_LIMIT_PAGES = 16_384
"""Pages (of 4 KiB) after which a commit does move the log by itself, so that it ends."""

# A log that is moved as a whole is begun anew, at the price of one wait in the next commit:
# best paid in a pause, and not often.
QUIET_S = 0.5
LONGEST_S = 5.0

_log = logging.getLogger(__name__)


class Checkpoints:
    """A thread that moves the log of one file when writing pauses, or every few seconds.

    Parameters
    ----------
    path
        The file, in WAL mode.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self._committed_at = 0.0
        self._wanted = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def committed(self) -> None:
        """Take note of a commit; called by one thread, and quick."""
        self._committed_at = monotonic()
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="dispatch_nb store log", daemon=True
            )
            self._thread.start()
        if not self._wanted.is_set():
            self._wanted.set()

    @property
    def on_own_thread(self) -> bool:
        """Whether the caller is the thread that moves the log."""
        return self._thread is threading.current_thread()

    def close(self) -> None:
        """End the thread, after the checkpoint it may be at; closing the file does the last."""
        self._closing.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while self._wanted.wait() and not self._closing.is_set():
            latest = monotonic() + LONGEST_S
            while (rest := min(self._committed_at + QUIET_S, latest) - monotonic()) > 0:
                if self._closing.wait(rest):
                    return
            self._wanted.clear()
            # Whoever closed before the line above set what it has cleared.
            if self._closing.is_set():
                return
            self._move()

    def _move(self) -> None:
        try:
            # A file that was moved away must not come back as an empty one.
            address = f"{self._path.as_uri()}?mode=rw"
            connection = sqlite3.connect(address, uri=True, isolation_level=None)
            try:
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            finally:
                connection.close()
        except sqlite3.Error as error:
            # Nothing is lost: the log holds it, and is read with the file.
            _log.info("The log of the store %s could not be moved: %s", self._path, error)
