"""A conversation whose turns run in this process and whose log is a store of ours."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..engine.contracts import AbortSignal
from ..errors import (
    ConversationClosedError,
    DispatchError,
    MessageError,
    ModelError,
    StoreError,
    TurnActiveError,
)
from ..framed import Part
from ..store.rows import EventRow
from ..transcript.live import LiveState
from ..wire.base import mend_surrogates
from ..wire.extensions import TurnRefusedEvent
from .audience import Audience
from .following import Seen, follow
from .log import RUNS_ELSEWHERE, ConversationLog
from .message import UNTITLED, checked_message, title_of
from .port import ConversationStatus, Subscriber
from .queue import Queued, TextQueue, join_texts
from .request import PLAIN, TurnRequest
from .stored import StoredConversation
from .turn import Turn
from .turn_run import TurnRun
from .turn_settings import ResolvedModel, TurnSettings

if TYPE_CHECKING:
    from ..loop import TurnLoop
    from ..store import Change, Store

__all__ = ["LocalConversation"]

CLOSED = "This conversation is closed: open it again to go on with it."


@dataclass
class _Active:
    turn: Turn
    signal: AbortSignal
    stopping: bool = False


class LocalConversation(StoredConversation):
    """The life of one conversation: single flight, storing, stop, steering, subscribers.

    Public methods are safe from any thread; everything else happens on the turn loop.

    Parameters
    ----------
    store
        An open store that holds a conversation with this id.

    Attributes
    ----------
    queue
        What the person typed and no model has got yet: it waits for the running turn, or
        is kept for the person when the turn was stopped or failed.
    """

    def __init__(
        self,
        store: Store,
        conversation_id: str,
        *,
        loop: TurnLoop,
        model: str,
        resolve_model: Callable[[], ResolvedModel],
        settings: TurnSettings,
    ) -> None:
        super().__init__(store, conversation_id)
        self._loop = loop
        self._lock = threading.Lock()
        self._active: _Active | None = None
        self.configure(model, resolve_model, settings)
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

    def configure(
        self, model: str, resolve_model: Callable[[], ResolvedModel], settings: TurnSettings
    ) -> None:
        """Choose what the next turns are run with; a conversation that was closed is open again.

        Parameters
        ----------
        model
            The model's name, as the person typed it.
        resolve_model
            Called for every turn before its message is taken; raises ModelError.
        settings
            Tools and limits of a turn.
        """
        self._closed = False
        self.model = model
        self._resolve_model = resolve_model
        self._settings = settings

    @property
    def live(self) -> LiveState:
        """The transcript as it stands; an immutable value."""
        return self._log.live

    @property
    def status(self) -> ConversationStatus:
        """Whether a turn runs, is being stopped, or none will run any more."""
        if self._closed:
            return "closed"
        active = self._active
        return "idle" if active is None else "stopping" if active.stopping else "running"

    def send(self, text: str, request: TurnRequest = PLAIN) -> Turn:
        """Start a turn and return its handle at once.

        Parameters
        ----------
        request
            Its images, its options and the form of its answer.

        Raises
        ------
        MessageError
            If `text` is not text, or blank.
        ModelError
            If the model cannot be used; the text is not taken.
        TurnActiveError
            If a turn is running, here or in another process.
        ConversationClosedError
            If the conversation was closed.
        StoreError
            If it cannot be known whether one is.
        """
        return self._send(text, (), request)

    def _send(self, text: str, queued: Sequence[Queued], request: TurnRequest = PLAIN) -> Turn:
        text = checked_message(text)
        self._loop.require()
        turn_id = _new_turn_id()
        try:
            model = self._resolve_model()
        except ModelError as error:
            refused = TurnRefusedEvent(conversation_id=self.id, turn_id=turn_id, message=str(error))
            self._loop.submit(self._refuse(refused))
            raise
        turn = self._turn(turn_id, request)
        with self._lock:
            if self._closed:
                raise ConversationClosedError(CLOSED)
            if self._active is not None:
                raise TurnActiveError(
                    "A turn is already running in this conversation: wait for it "
                    "(await turn), stop it (turn.stop()), or add to it (turn.steer(…))."
                )
            if not self.queue.lease.hold():
                raise TurnActiveError(RUNS_ELSEWHERE)
            self._active = _Active(turn, AbortSignal())
            active = self._active
        self._loop.submit(self._run(active, model, text, queued, request))
        return turn

    def send_queued(self) -> Turn:
        """Start a turn with all that was kept for the person, joined by blank lines.

        Raises
        ------
        MessageError
            If nothing is kept.
        ModelError, TurnActiveError, StoreError
            As from `send`; the texts stay kept.
        """
        lease = self.queue.lease
        if not lease.hold():
            raise TurnActiveError(RUNS_ELSEWHERE)
        try:
            kept = self.queue.take_kept()
            if not kept:
                raise MessageError("Nothing is kept to be sent: write a message.")
            try:
                return self._send(join_texts(kept), kept)
            except BaseException:
                self.queue.give_back(kept)
                raise
        finally:
            lease.let_go()

    def close(self) -> None:
        """Stop the running turn, keep what is queued, and run no turn any more.

        What was said stays, and is stored to its end. Opening the conversation again makes
        it ready for the next turn. Closing twice does no harm.
        """
        with self._lock:
            self._closed = True
        self._stop(None)
        self.queue.keep()
        self._loop.post(self._tell_status)

    def stop(self) -> bool:
        """End the running turn, keeping what it said; False if none runs."""
        return self._stop(None)

    def _stop(self, turn_id: str | None) -> bool:
        """End the running turn if it is `turn_id`, or whichever runs when that is None."""
        with self._lock:
            active = self._active
            if active is None or turn_id not in (None, active.turn.id):
                return False
            active.stopping = True
        self._loop.post(active.signal.abort)
        self._loop.post(self._tell_status)
        return True

    def steer(self, text: str) -> Future[bool]:
        """Queue text for the running turn's next tool-result border; returns once it is stored.

        Raises
        ------
        MessageError
            If `text` is blank, or no turn is running to be steered.
        StoreError
            If the store refuses the text.
        """
        entry = self.enqueue(text)
        entry.stored.result()
        return entry.taken

    def enqueue(self, text: str, *, id: str | None = None) -> Queued:
        """Queue text like `steer`, by `id` if one is given, without waiting for the store."""
        text = checked_message(text)
        with self._lock:
            if self._active is None or self._active.stopping:
                raise MessageError("No turn is running: send the message instead.")
            return self.queue.add(text, id=id)

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
        if self._active is not None or self._closed:
            return None
        return Seen(self._log.next_n - 1, self.queue.revision)

    @property
    def runs_elsewhere(self) -> bool:
        """Whether a turn that another process runs has no end yet."""
        return self._active is None and self._log.open_elsewhere

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
            if self._active is None and not self._closed and self.queue.lease.hold():
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

    async def _refuse(self, event: TurnRefusedEvent) -> None:
        """Log that a message was not taken, if nobody else is writing the log."""
        try:
            if not self.queue.lease.hold():
                return
            try:
                if self._active is None:
                    self._catch_up()
                self._log.journal.emit(event)
                await self._log.journal.flush()
            finally:
                self.queue.lease.let_go()
        except StoreError as error:
            self._report(str(error))

    def _catch_up(self) -> None:
        if self._log.catch_up():
            self.title = self.store.conversation(self.id).title or UNTITLED
            self._audience.tell(lambda subscriber: subscriber.on_reset())

    async def _run(
        self,
        active: _Active,
        model: ResolvedModel,
        text: str,
        queued: Sequence[Queued],
        request: TurnRequest = PLAIN,
    ) -> None:
        """Run a turn whose prompt is `text`, perhaps of texts that were queued."""
        turn = active.turn
        self.queue.settle_with(turn._begun, queued)
        error: DispatchError | None = None
        self.notice = ""
        self._tell_status()
        try:
            self._catch_up()
            run = TurnRun(
                store=self.store,
                journal=self._log.journal,
                conversation_id=self.id,
                turn_id=turn.id,
                model_name=model.name,
                provider=model.provider,
                options=request.over(model.options),
                settings=self._settings,
                signal=active.signal,
                queue=self.queue,
                begun=turn._begin,
                uncommitted=lambda: self._log.live.transcript,
            )
            await self._name_after(text)
            await run.run(text, request.images, delivered=[entry.id for entry in queued])
            self._log.compact()
        except DispatchError as caught:
            error = caught
        except Exception as caught:
            error = DispatchError(f"The turn ended unexpectedly: {caught!r}.")
            error.__cause__ = caught
        ended_well = error is None and turn.finish_reason not in ("aborted", "error")
        # While the lease is held: what did not get into the log goes back to the queue.
        turn._give_up_beginning(error)
        carries = await self._leave(active, ended_well=ended_well)
        if error is not None:
            self.notice = str(error)
        turn._end(error)
        if not carries:
            self._tell_status()

    async def _leave(self, active: _Active, *, ended_well: bool) -> bool:
        """Make room for the next turn; true if what waits for it has opened one at once."""
        while True:
            await self.queue.added()
            with self._lock:
                if self.queue.is_adding:
                    continue
                # Nothing is added from here on: that needs a running turn, and this lock.
                assert self._active is active
                queued = self.queue.take()
                carries = bool(queued) and ended_well and not (active.stopping or self._closed)
                self._active = self._carry(queued) if carries else None
                if self._active is not None:
                    return True
                break
        self.queue.give_back(queued)
        self.queue.lease.let_go()
        return False

    def _carry(self, queued: Sequence[Queued]) -> _Active | None:
        """Open a turn with what waited for it; None if its model cannot be used."""
        try:
            model = self._resolve_model()
        except DispatchError as refusal:
            self.notice = str(refusal)
            return None
        upcoming = _Active(self._turn(_new_turn_id()), AbortSignal())
        self._loop.submit(self._run(upcoming, model, join_texts(queued), queued))
        return upcoming

    def _turn(self, turn_id: str, request: TurnRequest = PLAIN) -> Turn:
        return Turn(
            turn_id,
            stop=lambda: self._stop(turn_id),
            steer=self.steer,
            part=lambda turn_id: Part(self.store, self.id, turn_id, self.live),
            output=request.output,
        )

    def rename(self, title: str) -> None:
        """Call the conversation something else; a blank title gives it none."""
        self.title = mend_surrogates(title).strip() or UNTITLED
        self.store.update_conversation(self.id, title=self.title).result()
        self._loop.post(self._tell_status)

    async def _name_after(self, text: str) -> None:
        if self.title == UNTITLED:
            title = title_of(text)
            await asyncio.wrap_future(self.store.update_conversation(self.id, title=title))
            self.title = title
            self._tell_status()

    def _publish(self, rows: Sequence[EventRow]) -> None:
        active = self._active
        if active is not None:
            active.turn._take([row.event for row in rows])
        self._audience.tell(lambda subscriber: subscriber.on_events(rows))

    def _store_failed(self, error: StoreError) -> None:
        if self._active is not None:
            self._active.signal.abort()
        self._report(str(error))

    def _report(self, trouble: str) -> None:
        self.notice = trouble
        self._tell_status()

    def _tell_status(self) -> None:
        self._audience.tell(lambda subscriber: subscriber.on_status())


def _new_turn_id() -> str:
    return f"turn-{time.time_ns() // 1_000_000}-{secrets.token_hex(4)}"
