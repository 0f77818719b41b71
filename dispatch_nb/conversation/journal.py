"""Numbers, stamps and commits a conversation's events, and only then shows them.

Everything here runs on the turn loop's thread. Events wait while a commit is under way
and go together with the next one, so a fast stream costs few commits and a slow one no
delay. One write is under way at a time: if it is refused, nothing that should have come
after it can slip in.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from ..errors import StoreError
from ..store.rows import ChunkSide, CommitStamp, EventRow, StepRow, ToolCallRow
from ..wire.conversation import ChatMessage
from ..wire.extensions import LiveEvent

if TYPE_CHECKING:
    from ..store import Store

__all__ = ["Journal"]

T = TypeVar("T")


class Journal:
    """The way of a conversation's events into its log and out to its subscribers.

    Parameters
    ----------
    publish
        Called with committed rows, in order, each row once.
    fail
        Called once if the store refuses a write; from then on nothing is shown, because
        nothing could be kept. `reopen` starts anew after the last committed event.
    post
        Runs a function soon on the turn loop's thread, called from another one.
    """

    def __init__(
        self,
        store: Store,
        conversation_id: str,
        *,
        publish: Callable[[Sequence[EventRow]], None],
        fail: Callable[[StoreError], None],
        post: Callable[[Callable[[], None]], None],
    ) -> None:
        self._store = store
        self._post = post
        self._conversation_id = conversation_id
        self._publish = publish
        self._fail = fail
        self._next_n = self._end()
        self._waiting: list[EventRow] = []
        self._delivered: list[str] = []
        self._is_writing = False
        self._shown_n = self._next_n - 1
        self._flushes: list[tuple[int, asyncio.Future[None]]] = []
        self._failure: StoreError | None = None

    def emit(self, event: LiveEvent, *, delivered: Sequence[str] = ()) -> EventRow:
        """Take an event: it is numbered and stamped now, then committed, then shown.

        Parameters
        ----------
        delivered
            The ids of the queued texts that it tells of; they leave the queue with it.
        """
        return self.emit_together([event], delivered=delivered)[0]

    def emit_together(
        self, events: Sequence[LiveEvent], *, delivered: Sequence[str] = ()
    ) -> list[EventRow]:
        """Take events of which nobody shall ever see the first ones alone; else like `emit`."""
        rows = [EventRow(n=self._take_number(), event=event, **_now()) for event in events]
        if self._failure is None:
            self._waiting.extend(rows)
            self._delivered.extend(delivered)
            if not self._is_writing:
                self._commit_waiting()
        return rows

    async def commit_chunks(
        self,
        messages: Sequence[ChatMessage],
        *,
        turn_id: str,
        step_id: str | None,
        sides: Sequence[ChunkSide],
        tool_calls: Sequence[ToolCallRow] = (),
        step: StepRow | None = None,
    ) -> None:
        """Store messages with their `seq`, after every event so far; returns when shown.

        What is known of their tool calls and of their step is stored with them.

        Raises
        ------
        StoreError
            If the store refuses.
        """
        await self.flush()
        while self._is_writing:
            await self.flush()
        stamp = CommitStamp(n=self._take_number(), **_now())
        future = self._store.append_chunks(
            self._conversation_id,
            messages,
            turn_id=turn_id,
            step_id=step_id,
            sides=sides,
            event=stamp,
            tool_calls=tool_calls,
            step=step,
        )
        self._watch(future, lambda result: [result[1]])
        await self.flush()

    async def flush(self) -> None:
        """Wait until every event so far is committed and shown.

        Raises
        ------
        StoreError
            If the store refused one.
        """
        last_n = self._next_n - 1
        if self._shown_n < last_n and self._failure is None:
            shown: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._flushes.append((last_n, shown))
            await shown
        if self._failure is not None:
            raise self._failure

    @property
    def lags(self) -> bool:
        """Whether the log does not end where this journal would go on."""
        if self._is_writing:
            return False
        return self._failure is not None or self._end() != self._next_n

    def reopen(self) -> None:
        """Go on after the last event in the log."""
        self._next_n = self._end()
        self._shown_n = self._next_n - 1
        self._failure = None

    def follow(self, n: int) -> None:
        """Go on after event `n`, which another process has written."""
        self._next_n, self._shown_n = n + 1, n

    def _end(self) -> int:
        return self._store.last_n(self._conversation_id) + 1

    def _take_number(self) -> int:
        n = self._next_n
        self._next_n += 1
        return n

    def _commit_waiting(self) -> None:
        rows, self._waiting = self._waiting, []
        delivered, self._delivered = self._delivered, []
        if rows:
            write = self._store.append_events(self._conversation_id, rows, delivered=delivered)
            self._watch(write, lambda _result: rows)

    def _watch(self, future: Future[T], shown: Callable[[T], Sequence[EventRow]]) -> None:
        self._is_writing = True
        future.add_done_callback(
            lambda finished: self._post(lambda: self._finished(finished, shown))
        )

    def _finished(self, future: Future[T], shown: Callable[[T], Sequence[EventRow]]) -> None:
        self._is_writing = False
        error = future.exception()
        if error is None:
            rows = shown(future.result())
            self._publish(rows)
            self._shown_n = rows[-1].n
            self._commit_waiting()
        else:
            self._failure = error if isinstance(error, StoreError) else StoreError(str(error))
            self._waiting = []
            self._delivered = []
            self._fail(self._failure)
        if self._flushes:
            self._end_flushes()

    def _end_flushes(self) -> None:
        """Wake those whose events are shown, or never will be."""
        waiting = []
        for last_n, shown in self._flushes:
            if last_n > self._shown_n and self._failure is None:
                waiting.append((last_n, shown))
            elif not shown.done():
                shown.set_result(None)
        self._flushes = waiting


def _now() -> dict[str, int]:
    return {"at_us": time.time_ns() // 1000, "mono_us": time.monotonic_ns() // 1000}
