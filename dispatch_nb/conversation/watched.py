"""A conversation as one watches it: its log, its queue and its title, whoever writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..errors import StoreError
from ..store.rows import EventRow
from ..transcript.live import LiveState
from ..wire.base import mend_surrogates
from .audience import Audience
from .following import Seen, follow
from .log import RUNS_ELSEWHERE, ConversationLog
from .message import UNTITLED
from .port import Subscriber
from .queue import TextQueue
from .stored import StoredConversation

if TYPE_CHECKING:
    from ..loop import TurnLoop
    from ..store import Change, Store

__all__ = ["WatchedConversation"]


class WatchedConversation(StoredConversation):
    """A conversation that is shown as it grows, here or in another process.

    Attributes
    ----------
    title
        What it is called.
    notice
        A sentence about trouble outside the transcript, or nothing.
    queue
        What the person typed and no model has got yet: it waits for the running turn, or
        is kept for the person when the turn was stopped or failed.
    """

    def __init__(self, store: Store, conversation_id: str, *, loop: TurnLoop) -> None:
        super().__init__(store, conversation_id)
        self._loop = loop
        self.notice = ""
        self._audience = Audience()
        self.queue = TextQueue(
            store,
            conversation_id,
            changed=lambda: loop.post(self._tell_status),
            report=lambda trouble: loop.post(self._report, trouble),
        )
        self._log = ConversationLog(
            store,
            conversation_id,
            loop=loop,
            lease=self.queue.lease,
            publish=self._publish,
            fail=self._store_failed,
            report=self._report,
        )
        self.title = store.conversation(conversation_id).title or UNTITLED
        follow(self, loop)

    @property
    def live(self) -> LiveState:
        """The transcript as it stands; an immutable value."""
        return self._log.live

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Tell `subscriber` of everything from now on; returns the way out."""
        self._loop.call(self._audience.add, subscriber)
        # Without waiting: a chat may be collected on any thread, the store's writer included.
        return lambda: self._loop.post(self._audience.remove, subscriber)

    def position(self) -> tuple[LiveState, int]:
        """Return the transcript and the number of the next event, as one moment."""
        return self._loop.call(lambda: (self._log.live, self._log.next_n))

    @property
    def seen(self) -> Seen | None:
        """What it has seen; None while it is this process that writes, or none will."""
        if self._is_ours():
            return None
        return Seen(self._log.next_n - 1, self.queue.revision, self.title)

    @property
    def runs_elsewhere(self) -> bool:
        """Whether a turn that another process runs has no end yet."""
        return not self._is_ours() and self._log.open_elsewhere

    def take_change(self, change: Change) -> None:
        """Show what another process has done here (called on the turn loop)."""
        before = self.title, self.notice
        self.title = change.title or UNTITLED
        self._log.follow(change.rows)
        self.queue.look(change.queued, runs_elsewhere=self.runs_elsewhere)
        if self.runs_elsewhere:
            self.notice = RUNS_ELSEWHERE
        elif self.notice == RUNS_ELSEWHERE:
            self.notice = ""
        if before != (self.title, self.notice):
            self._tell_status()

    def take_over(self) -> None:
        """Close a turn whose process has died (called on the turn loop)."""
        try:
            if not self._is_ours() and self.queue.lease.hold():
                try:
                    self.notice = ""
                    self._catch_up()
                finally:
                    self.queue.lease.let_go()
                self._tell_status()
        except StoreError as error:
            self._report(str(error))

    def lose_sight(self, error: StoreError) -> None:
        """Say that what others do is not seen any more (called on the turn loop)."""
        if not self.store.closed:
            self._report(str(error))

    def rename(self, title: str) -> None:
        """Call the conversation something else; a blank title gives it none."""
        title = mend_surrogates(title).strip() or UNTITLED
        self.store.update_conversation(self.id, title=title).result()
        self.title = title
        self._loop.post(self._tell_status)

    def _is_ours(self) -> bool:
        """Whether it is this process that writes, or nothing is to be shown any more."""
        raise NotImplementedError

    def _catch_up(self) -> None:
        if self._log.catch_up():
            self.title = self.store.conversation(self.id).title or UNTITLED
            self._audience.tell(lambda subscriber: subscriber.on_reset())

    def _publish(self, rows: Sequence[EventRow]) -> None:
        self._audience.tell(lambda subscriber: subscriber.on_events(rows))

    def _store_failed(self, error: StoreError) -> None:
        self._report(str(error))

    def _report(self, trouble: str) -> None:
        self.notice = trouble
        self._tell_status()

    def _tell_status(self) -> None:
        self._audience.tell(lambda subscriber: subscriber.on_status())
