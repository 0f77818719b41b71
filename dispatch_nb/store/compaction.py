"""Compresses the events of sealed turns, beside the writing and never in its way."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from functools import partial

from ..errors import StoreError
from .database import Database
from .event_log import read_segments, replace_by_segment
from .writer import Writer

__all__ = ["Compactor"]


class Compactor:
    """Reads and compresses on a thread of its own; the writer is asked only for the exchange.

    A turn's rows go in the transaction that adds its segment, so every reader finds the
    events in one of the two places. What a killed process had not compacted yet is done
    when the conversation is next opened. The thread ends when there is nothing to do.
    """

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database = database
        self._writer = writer
        self._queue: deque[tuple[str, Future[int]]] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, conversation_id: str) -> Future[int]:
        """Compact the sealed turns of a conversation; the future gives how many events.

        Raises
        ------
        StoreError
            If the store is closed.
        """
        future: Future[int] = Future()
        with self._lock:
            if self._closed:
                raise StoreError(
                    f"The store {self._database.location} is closed. Open it again to write to it."
                )
            self._queue.append((conversation_id, future))
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="dispatch_nb compaction", daemon=True
                )
                self._thread.start()
        return future

    def close(self) -> None:
        """Finish what was submitted."""
        with self._lock:
            self._closed = True
            thread = self._thread
        # Garbage collection may close a store on this very thread.
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._queue:
                    self._thread = None
                    return
                conversation_id, future = self._queue.popleft()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(self._compact(conversation_id))
                except Exception as error:
                    future.set_exception(error)

    def _compact(self, conversation_id: str) -> int:
        with self._database.read() as connection:
            segments = read_segments(connection, conversation_id)
        compacted = 0
        for segment in segments:
            exchange = partial(replace_by_segment, segment=segment)
            compacted += self._writer.submit(exchange).result()
        return compacted
