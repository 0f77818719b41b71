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
from ..wire.extensions import TurnRefusedEvent
from .log import RUNS_ELSEWHERE
from .message import UNTITLED, checked_message, title_of
from .port import ConversationStatus
from .queued import Queued, join_texts
from .request import PLAIN, TurnRequest
from .turn import Turn
from .turn_run import TurnRun
from .turn_settings import ResolvedModel, TurnSettings
from .watched import WatchedConversation

if TYPE_CHECKING:
    from ..loop import TurnLoop
    from ..store import Store

__all__ = ["LocalConversation"]

CLOSED = "This conversation is closed: open it again to go on with it."


@dataclass
class _Active:
    turn: Turn
    signal: AbortSignal
    stopping: bool = False


class LocalConversation(WatchedConversation):
    """The life of one conversation: single flight, storing, stop, steering, subscribers.

    Public methods are safe from any thread; everything else happens on the turn loop.

    Parameters
    ----------
    store
        An open store that holds a conversation with this id.
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
        self._lock = threading.Lock()
        self._active: _Active | None = None
        self.configure(model, resolve_model, settings)
        super().__init__(store, conversation_id, loop=loop)

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
                price=model.price,
                settings=self._settings,
                signal=active.signal,
                queue=self.queue,
                begun=turn._begin,
                uncommitted=lambda: self._log.live.transcript,
            )
            await self._name_after(text)
            await run.run(
                text,
                request.images,
                delivered=[entry.id for entry in queued],
                client_message_id=request.client_message_id,
            )
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

    async def _name_after(self, text: str) -> None:
        if self.title == UNTITLED:
            title = title_of(text)
            await asyncio.wrap_future(self.store.update_conversation(self.id, title=title))
            self.title = title
            self._tell_status()

    def _is_ours(self) -> bool:
        return self._active is not None or self._closed

    def _publish(self, rows: Sequence[EventRow]) -> None:
        active = self._active
        if active is not None:
            active.turn._take([row.event for row in rows])
        super()._publish(rows)

    def _store_failed(self, error: StoreError) -> None:
        if self._active is not None:
            self._active.signal.abort()
        super()._store_failed(error)


def _new_turn_id() -> str:
    return f"turn-{time.time_ns() // 1_000_000}-{secrets.token_hex(4)}"
