"""Texts that the person typed while a turn ran, until a model gets them or the person does.

Source: the Dispatch turn contract, section 7.3. Where the original keeps the queue in memory
and starts a turn with it even after a stop, this one is in the store, where a kill leaves
it, and keeps for the person what a turn did not take.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import compress
from operator import not_
from typing import TYPE_CHECKING, Any

from ..errors import StoreError, TurnActiveError
from ..store.rows import QueuedRow
from ..wire.view import QueuedText
from .lease import SharedLease
from .message import checked_message
from .queued import Queued, entry_of

if TYPE_CHECKING:
    from ..store import Store

__all__ = ["TextQueue"]

ELSEWHERE = (
    "What is queued here belongs to a turn that runs in another process, or through another "
    "store that is open here: change it there, or wait for the end of that turn."
)


class TextQueue:
    """What waits for the running turn, and what is kept for the person; for any thread.

    A text is in exactly one place: waiting, kept, in the hands of whoever took it, or gone
    because the person cancelled it. Its row leaves the store with the events that tell of
    it, or with the cancelling. Whoever holds the lease on the conversation may change the
    queue, and for them what is here is what is stored; for others it is what they last saw.
    Futures are settled while no lock is held.

    Parameters
    ----------
    changed
        Called after every change; may be called on any thread.
    report
        Called with a sentence about a change that nobody waits for and the store refused.

    Attributes
    ----------
    lease
        The claim to the conversation. When it is taken anew, the queue is read again.
    revision
        A number that is another one after every change.
    """

    def __init__(
        self,
        store: Store,
        conversation_id: str,
        *,
        changed: Callable[[], None],
        report: Callable[[str], None],
    ) -> None:
        self._store = store
        self._conversation_id = conversation_id
        self._changed = changed
        self._report = report
        self._lock = threading.RLock()
        self._adding: list[Queued] = []
        self._waiting: list[Queued] = []
        self._kept: list[Queued] = []
        self.revision = 0
        self.lease = SharedLease(store, conversation_id, taken=self._take_over)

    @property
    def texts(self) -> list[QueuedText]:
        """What is kept, then what waits, each in the order in which it was typed."""
        with self._lock:
            return [
                QueuedText(id=each.id, text=each.text, queued_at=each.queued_at, kept=kept)
                for kept, entries in ((True, self._kept), (False, self._waiting))
                for each in entries
            ]

    def add(self, text: str, *, id: str | None = None) -> Queued:
        """Let a text wait, once it is stored; only for the holder of the lease.

        Raises
        ------
        MessageError
            If `text` is not text, or blank.
        StoreError
            If the store is closed.
        """
        now = time.time_ns() // 1_000_000
        name = id if id is not None else f"queued-{now}-{secrets.token_hex(4)}"
        entry = Queued(name, checked_message(text), now)
        with self._lock:
            row = QueuedRow(self._conversation_id, name, entry.text, now)
            write = self._store.queue_text(row)
            self._adding.append(entry)
        write.add_done_callback(lambda done: self._added(entry, done))
        return entry

    def edit(self, id: str, text: str) -> bool:
        """Change a text that is still here, in its place; False if it is not.

        Raises
        ------
        MessageError
            If `text` is not text, or blank.
        TurnActiveError
            If it belongs to a turn of another process.
        StoreError
            If the store refuses: the text is as it was.
        """
        text = checked_message(text)
        with self._acting():
            with self._change():
                entry = self._find(id)
                if entry is None:
                    return False
                before, entry.text = entry.text, text
                write = self._store.edit_queued(self._conversation_id, id, text)
            try:
                write.result()
            except StoreError:
                with self._change():
                    entry.text = before
                raise
        return True

    def cancel(self, id: str) -> bool:
        """Take a text away for the person; False if it is not here (any more).

        Raises
        ------
        TurnActiveError
            If it belongs to a turn of another process.
        StoreError
            If the store refuses: the text is still here.
        """
        with self._acting():
            with self._change():
                entry = self._find(id)
                if entry is None:
                    return False
                place = self._kept if entry in self._kept else self._waiting
                place.remove(entry)
                write = self._store.cancel_queued(self._conversation_id, id)
            try:
                write.result()
            except StoreError:
                self.give_back([entry])
                raise
        entry.settle(reached=False)
        return True

    async def added(self) -> None:
        """Return when all that was added so far waits, or was refused."""
        while True:
            with self._lock:
                stored = [asyncio.wrap_future(entry.stored) for entry in self._adding]
            if not stored:
                return
            await asyncio.gather(*stored, return_exceptions=True)

    @property
    def is_adding(self) -> bool:
        """Whether a text is on its way into the store."""
        with self._lock:
            return bool(self._adding)

    def take(self) -> list[Queued]:
        """Take all that waits: the taker settles it, or gives it back."""
        with self._change():
            taken, self._waiting = self._waiting, []
        return taken

    def take_kept(self) -> list[Queued]:
        """Take all that is kept: the taker settles it, or gives it back."""
        with self._change():
            taken, self._kept = self._kept, []
        return taken

    def give_back(self, entries: Sequence[Queued]) -> None:
        """Keep for the person what was taken and did not get to a model."""
        if not entries:
            return
        with self._change():
            self._kept = sorted([*self._kept, *entries], key=lambda entry: entry.position)
            try:
                ids = [entry.id for entry in entries]
                write = self._store.keep_queued(self._conversation_id, ids)
            except StoreError as error:
                # They are in the store still; whoever opens it next keeps them.
                self._report(str(error))
            else:
                write.add_done_callback(self._kept_in_store)
        for entry in entries:
            entry.settle(reached=False)

    def settle_with(self, begun: Future[None], entries: Sequence[Queued]) -> None:
        """Settle texts as the prompt of a turn that begins; keep them if it fails to."""

        def settle(future: Future[None]) -> None:
            if future.exception() is not None:
                self.give_back(entries)
            for entry in entries:
                entry.settle(reached=True)

        begun.add_done_callback(settle)

    def keep(self) -> None:
        """Keep for the person what waits now, so that no turn of this process takes it."""
        if self.lease.is_held:
            self.give_back(self.take())

    def look(self, rows: Sequence[QueuedRow], *, runs_elsewhere: bool) -> None:
        """Show what is stored; nothing happens if it is ours to say.

        Parameters
        ----------
        runs_elsewhere
            Whether another process runs a turn that a text may wait for.
        """
        with self._change():
            if not self.lease.is_held:
                waits = [runs_elsewhere and not row.is_kept for row in rows]
                self._waiting = [entry_of(row) for row in compress(rows, waits)]
                self._kept = [entry_of(row) for row in compress(rows, map(not_, waits))]

    def _take_over(self) -> None:
        """Read what is stored. No turn runs that any of it could wait for: all is kept."""
        rows = self._store.queued(self._conversation_id)
        with self._change():
            self._waiting = []
            self._kept = [entry_of(row) for row in rows]
        left = [row.queued_id for row in rows if not row.is_kept]
        if left:
            write = self._store.keep_queued(self._conversation_id, left)
            write.add_done_callback(self._kept_in_store)

    def _added(self, entry: Queued, done: Future[int]) -> None:
        error = done.exception()
        with self._change():
            self._adding.remove(entry)
            if error is None:
                entry.position = done.result()
                self._waiting.append(entry)
                self._waiting.sort(key=lambda each: each.position)
        if error is None:
            entry.stored.set_result(None)
        else:
            entry.stored.set_exception(error)
            entry.settle(reached=False)

    def _kept_in_store(self, done: Future[Any]) -> None:
        error = done.exception()
        if error is not None:
            self._report(str(error))

    @contextmanager
    def _acting(self) -> Iterator[None]:
        if not self.lease.hold():
            raise TurnActiveError(ELSEWHERE)
        try:
            yield
        finally:
            self.lease.let_go()

    @contextmanager
    def _change(self) -> Iterator[None]:
        with self._lock:
            before = self.texts
            try:
                yield
            finally:
                changed = self.texts != before
                self.revision += changed
        if changed:
            self._changed()

    def _find(self, id: str) -> Queued | None:
        return next((each for each in (*self._kept, *self._waiting) if each.id == id), None)
