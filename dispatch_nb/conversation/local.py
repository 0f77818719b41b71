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

from ..engine.contracts import AbortSignal, Provider, ProviderOptions
from ..errors import DispatchError, MessageError, ModelError, StoreError, TurnActiveError
from ..store.rows import EventRow
from ..transcript.live import LiveState
from ..wire.conversation import ConversationHistoryResponse, TurnMetrics
from ..wire.extensions import TurnRefusedEvent
from .audience import Audience
from .log import RUNS_ELSEWHERE, ConversationLog
from .message import UNTITLED, checked_message, title_of
from .port import ConversationStatus, Subscriber
from .queue import TextQueue, join_texts
from .turn import Turn
from .turn_run import TurnRun, TurnSettings

if TYPE_CHECKING:
    from ..loop import TurnLoop
    from ..store import Store

__all__ = ["LocalConversation", "ResolvedModel"]


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model that is ready to be asked."""

    name: str
    provider: Provider
    options: ProviderOptions


@dataclass
class _Active:
    turn: Turn
    signal: AbortSignal
    stopping: bool = False


class LocalConversation:
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
        self.id = conversation_id
        self.store = store
        self._loop = loop
        self.configure(model, resolve_model, settings)
        self.notice = ""
        self._lock = threading.Lock()
        self._active: _Active | None = None
        self._audience = Audience()
        self.queue = TextQueue(lambda: loop.post(self._tell_status))
        self._log = ConversationLog(
            store,
            conversation_id,
            loop=loop,
            publish=self._publish,
            fail=self._store_failed,
            report=self._report,
        )
        self.title = store.conversation(conversation_id).title or UNTITLED

    def configure(
        self, model: str, resolve_model: Callable[[], ResolvedModel], settings: TurnSettings
    ) -> None:
        """Choose what the next turns are run with.

        Parameters
        ----------
        model
            The model's name, as the person typed it.
        resolve_model
            Called for every turn before its message is taken; raises ModelError.
        settings
            Tools and limits of a turn.
        """
        self.model = model
        self._resolve_model = resolve_model
        self._settings = settings

    @property
    def live(self) -> LiveState:
        """The transcript as it stands; an immutable value."""
        return self._log.live

    @property
    def status(self) -> ConversationStatus:
        """Whether a turn runs, or is being stopped."""
        active = self._active
        return "idle" if active is None else "stopping" if active.stopping else "running"

    def send(self, text: str) -> Turn:
        """Start a turn and return its handle at once.

        Raises
        ------
        MessageError
            If `text` is not text, or blank.
        ModelError
            If the model cannot be used; the text is not taken.
        TurnActiveError
            If a turn is running, here or in another process.
        StoreError
            If it cannot be known whether one is.
        """
        text = checked_message(text)
        self._loop.require()
        turn_id = _new_turn_id()
        try:
            model = self._resolve_model()
        except ModelError as error:
            refused = TurnRefusedEvent(conversation_id=self.id, turn_id=turn_id, message=str(error))
            self._loop.submit(self._refuse(refused))
            raise
        turn = self._turn(turn_id)
        with self._lock:
            if self._active is not None:
                raise TurnActiveError(
                    "A turn is already running in this conversation: wait for it "
                    "(await turn), stop it (turn.stop()), or add to it (turn.steer(…))."
                )
            if not self._log.lease.hold():
                raise TurnActiveError(RUNS_ELSEWHERE)
            self._active = _Active(turn, AbortSignal())
            active = self._active
        self._loop.submit(self._run(active, model, text))
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
        kept = self.queue.take_kept()
        if not kept:
            raise MessageError("Nothing is kept to be sent: write a message.")
        try:
            turn = self.send(join_texts(kept))
        except BaseException:
            self.queue.give_back(kept)
            raise
        self.queue.settle_with(turn._begun, kept)
        return turn

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

    def steer(self, text: str, *, id: str | None = None) -> Future[bool]:
        """Queue text for the running turn's next tool-result border, by `id` if one is given.

        Raises
        ------
        MessageError
            If `text` is blank, or no turn is running to be steered.
        """
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

    def history(
        self, since_seq: int = 0, before_seq: int | None = None, limit: int | None = None
    ) -> ConversationHistoryResponse:
        """Return committed chunks with ``since_seq < seq < before_seq``, newest `limit`."""
        return self.store.history(self.id, since_seq, before_seq, limit)

    def metrics(self) -> list[TurnMetrics]:
        """Return the metrics of every sealed turn."""
        return self.store.turn_metrics(self.id)

    def events(self, turn_id: str | None = None) -> list[EventRow]:
        """Return every event, with its number and times; of one turn or of all."""
        return self.store.events(self.id, turn_id=turn_id)

    async def _refuse(self, event: TurnRefusedEvent) -> None:
        """Log that a message was not taken, if nobody else is writing the log."""
        try:
            if not self._log.lease.hold():
                return
            try:
                if self._active is None:
                    self._catch_up()
                self._log.journal.emit(event)
                await self._log.journal.flush()
            finally:
                self._log.lease.let_go()
        except StoreError as error:
            self._report(str(error))

    def _catch_up(self) -> None:
        if self._log.catch_up():
            self.title = self.store.conversation(self.id).title or UNTITLED
            self._audience.tell(lambda subscriber: subscriber.on_reset())

    async def _run(self, active: _Active, model: ResolvedModel, text: str) -> None:
        turn = active.turn
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
                options=model.options,
                settings=self._settings,
                signal=active.signal,
                queue=self.queue,
                begun=turn._begin,
                uncommitted=lambda: self._log.live.transcript,
            )
            await self._name_after(text)
            await run.run(text)
            self._log.compact()
        except DispatchError as caught:
            error = caught
        except Exception as caught:
            error = DispatchError(f"The turn ended unexpectedly: {caught!r}.")
            error.__cause__ = caught
        ended_well = error is None and turn.finish_reason not in ("aborted", "error")
        carries = self._leave(active, ended_well=ended_well)
        if error is not None:
            self.notice = str(error)
        turn._end(error)
        if not carries:
            self._tell_status()

    def _leave(self, active: _Active, *, ended_well: bool) -> bool:
        """Make room for the next turn; true if what waits for it has opened one at once."""
        upcoming: _Active | None = None
        with self._lock:
            assert self._active is active
            queued = self.queue.take()
            if queued and ended_well and not active.stopping:
                try:
                    model = self._resolve_model()
                except DispatchError as refusal:
                    self.notice = str(refusal)
                else:
                    upcoming = _Active(self._turn(_new_turn_id()), AbortSignal())
            self._active = upcoming
            if upcoming is None:
                self._log.lease.let_go()
        if upcoming is None:
            self.queue.give_back(queued)
            return False
        self.queue.settle_with(upcoming.turn._begun, queued)
        self._loop.submit(self._run(upcoming, model, join_texts(queued)))
        return True

    def _turn(self, turn_id: str) -> Turn:
        return Turn(turn_id, stop=lambda: self._stop(turn_id), steer=self.steer)

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
