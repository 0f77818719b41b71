"""A conversation's log as one process keeps it: claimed, recovered, written, compressed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

from ..errors import StoreError
from ..store.rows import EventRow
from ..transcript.live import LiveState, fold_live, live_from_history
from ..transcript.sync import begin_replay
from ..wire.events import TurnEvent, TurnSealedEvent, UserMessageEvent
from ..wire.extensions import ChunksCommittedEvent
from .journal import Journal
from .lease import SharedLease
from .recovery import recover

if TYPE_CHECKING:
    from ..loop import TurnLoop
    from ..store import Store

__all__ = ["RUNS_ELSEWHERE", "ConversationLog"]

RUNS_ELSEWHERE = (
    "A turn of this conversation is running in another process, or through another store that is "
    "open here: wait for its end, then send again."
)


class ConversationLog:
    """The log of one conversation and the transcript that it makes.

    Opening it closes what a killed process left open, unless a living one is at work.

    Parameters
    ----------
    lease
        The claim to the conversation, for as long as something is written.
    publish
        Called on the turn loop with committed rows, once `live` holds them.
    fail
        Called on the turn loop when the store refuses a write.
    report
        Called with a sentence about trouble outside the transcript.

    Attributes
    ----------
    live
        The transcript after every event before number `next_n`.
    open_elsewhere
        Whether another process has begun a turn that has no end yet.
    """

    live: LiveState
    next_n: int

    def __init__(
        self,
        store: Store,
        conversation_id: str,
        *,
        loop: TurnLoop,
        lease: SharedLease,
        publish: Callable[[Sequence[EventRow]], None],
        fail: Callable[[StoreError], None],
        report: Callable[[str], None],
    ) -> None:
        self._store = store
        self._id = conversation_id
        self._loop = loop
        self._shown = publish
        self._report = report
        self._lease = lease
        self._recover()
        self._load()
        self.journal = Journal(
            store, conversation_id, publish=self._publish, fail=fail, post=loop.post
        )

    def catch_up(self) -> bool:
        """Go on from the end of the log; true if another process or a failure moved it."""
        if self._recovered and not self.journal.lags and not self.open_elsewhere:
            return False
        self._recover()
        self._load()
        self.journal.reopen()
        return True

    def follow(self, rows: Sequence[EventRow]) -> None:
        """Take events that another process has written; those that are known are passed over."""
        fresh = [row for row in rows if row.n >= self.next_n]
        if fresh and fresh[0].n == self.next_n:
            self._publish(fresh)
            self.open_elsewhere = self._is_open
            self._recovered = not self._is_open
            self.journal.follow(fresh[-1].n)

    def compact(self) -> None:
        """Compress the turns that are sealed; does not wait for it."""
        future = self._store.compact(self._id)
        future.add_done_callback(lambda done: self._loop.post(self._compacted, done))

    def _recover(self) -> None:
        self._recovered = self._lease.hold()
        if not self._recovered:
            self._report(RUNS_ELSEWHERE)
            return
        try:
            recover(self._store, self._id)
            self.compact()
        finally:
            self._lease.let_go()

    def _load(self) -> None:
        chunks, rows, last_n = self._store.standing(self._id)
        self.live = live_from_history(chunks)
        first = rows[0].event if rows else None
        if isinstance(first, TurnEvent):
            # What an open turn has stored is there; its events show what it has not, too.
            committed = (
                r.event.first_seq for r in rows if isinstance(r.event, ChunksCommittedEvent)
            )
            self.live = self.live._replace(
                transcript=begin_replay(
                    self.live.transcript,
                    first.turn_id,
                    first_seq=next(committed, len(chunks) + 1),
                )
            )
        self._is_open = False
        self._fold(rows)
        self.open_elsewhere = self._is_open
        self.next_n = last_n + 1

    def _publish(self, rows: Sequence[EventRow]) -> None:
        self._fold(rows)
        self.next_n = rows[-1].n + 1
        self._shown(rows)

    def _fold(self, rows: Sequence[EventRow]) -> None:
        state = self.live
        for row in rows:
            state = fold_live(state, row.event)
            if isinstance(row.event, UserMessageEvent):
                self._is_open = True
            elif isinstance(row.event, TurnSealedEvent):
                self._is_open = False
        self.live = state

    def _compacted(self, done: Future[int]) -> None:
        error = done.exception()
        if error is not None:
            self._report(f"The last turn is stored, but could not be compressed: {error}")
