"""Compresses the events of sealed turns, beside the writing and never in its way."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from ..errors import StoreError
from .database import Database
from .event_log import read_segments, replace_by_segment
from .writer import Writer

__all__ = ["Compactor"]


class Compactor:
    """One thread that reads and compresses; the writer is asked only for the exchange.

    A turn's rows go in the transaction that adds its segment, so every reader finds the
    events in one of the two places. What a killed process had not compacted yet is done
    when the conversation is next opened.
    """

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database = database
        self._writer = writer
        self._thread: threading.Thread | None = None
        self._pool = ThreadPoolExecutor(
            1, thread_name_prefix="dispatch_nb compaction", initializer=self._started
        )

    def submit(self, conversation_id: str) -> Future[int]:
        """Compact the sealed turns of a conversation; the future gives how many events.

        Raises
        ------
        StoreError
            If the store is closed, or the interpreter is about to end.
        """
        try:
            return self._pool.submit(self._compact, conversation_id)
        except RuntimeError as error:
            raise StoreError(
                f"The store {self._database.location} is closed. Open it again to write to it."
            ) from error

    def close(self) -> None:
        """Finish what was submitted."""
        # Garbage collection may close a store on this very thread.
        self._pool.shutdown(wait=self._thread is not threading.current_thread())

    def _started(self) -> None:
        self._thread = threading.current_thread()

    def _compact(self, conversation_id: str) -> int:
        with self._database.read() as connection:
            segments = read_segments(connection, conversation_id)
        compacted = 0
        for segment in segments:
            exchange = partial(replace_by_segment, segment=segment)
            compacted += self._writer.submit(exchange).result()
        return compacted
