"""A conversation whose turns run in this process and whose log is a store of ours."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..engine.contracts import AbortSignal, Provider, ProviderOptions
from ..errors import DispatchError, MessageError, ModelError, StoreError, TurnActiveError
from ..store.rows import EventRow
from ..transcript.live import LiveState, fold_live, live_from_history
from ..wire.base import mend_surrogates
from ..wire.conversation import ConversationHistoryResponse, TurnMetrics
from ..wire.extensions import TurnRefusedEvent
from .journal import Journal
from .port import ConversationStatus, Subscriber
from .turn import Turn
from .turn_run import Steering, TurnRun, TurnSettings

if TYPE_CHECKING:
    from ..loop import TurnLoop
    from ..store import Store

__all__ = ["LocalConversation", "ResolvedModel"]

UNTITLED = "Untitled"
# The first prompt names a conversation, cut as the Dispatch wire contract cuts it.
TITLE_LENGTH = 80


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
        self.title = store.conversation(conversation_id).title or UNTITLED
        self.notice = ""
        store.mark_interrupted(conversation_id).result()
        self._load()
        self._lock = threading.Lock()
        self._active: _Active | None = None
        self._subscribers: list[Subscriber] = []
        self._steering: deque[Steering] = deque()
        self._journal = Journal(
            store,
            conversation_id,
            publish=self._publish,
            fail=self._store_failed,
            post=loop.post,
        )

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
        return self._live

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
            If a turn is running.
        """
        text = checked_message(text)
        turn_id = f"turn-{time.time_ns() // 1_000_000}-{secrets.token_hex(4)}"
        try:
            model = self._resolve_model()
        except ModelError as error:
            refused = TurnRefusedEvent(conversation_id=self.id, turn_id=turn_id, message=str(error))
            self._loop.post(self._journal.emit, refused)
            raise
        turn = Turn(turn_id, stop=lambda: self._stop(turn_id), steer=self.steer)
        with self._lock:
            if self._active is not None:
                raise TurnActiveError(
                    "A turn is already running in this conversation: wait for it "
                    "(await turn), stop it (turn.stop()), or add to it (turn.steer(…))."
                )
            self._active = _Active(turn, AbortSignal())
            active = self._active
        self._loop.submit(self._run(active, model, text))
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

    def steer(self, text: str) -> Future[bool]:
        """Queue text for the running turn's next tool-result border.

        Raises
        ------
        MessageError
            If `text` is blank, or no turn is running to be steered.
        """
        steering = Steering(checked_message(text))
        with self._lock:
            if self._active is None or self._active.stopping:
                raise MessageError("No turn is running: send the message instead.")
            self._steering.append(steering)
        return steering.taken

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Tell `subscriber` of everything from now on; returns the way out."""
        self._loop.call(self._subscribers.append, subscriber)

        def leave() -> None:
            if subscriber in self._subscribers:
                self._subscribers.remove(subscriber)

        return lambda: self._loop.call(leave)

    def position(self) -> tuple[LiveState, int]:
        """Return the transcript and the number of the next event, as one moment."""
        return self._loop.call(lambda: (self._live, self._next_n))

    def history(
        self, since_seq: int = 0, before_seq: int | None = None, limit: int | None = None
    ) -> ConversationHistoryResponse:
        """Return committed chunks with ``since_seq < seq < before_seq``, newest `limit`."""
        return self.store.history(self.id, since_seq, before_seq, limit)

    def metrics(self) -> list[TurnMetrics]:
        """Return the metrics of every sealed turn."""
        return self.store.turn_metrics(self.id)

    def _load(self) -> None:
        self._live = live_from_history(self.store.history(self.id).chunks)
        self._next_n = self.store.last_n(self.id) + 1

    async def _run(self, active: _Active, model: ResolvedModel, text: str) -> None:
        turn = active.turn
        error: DispatchError | None = None
        self.notice = ""
        self._tell_status()
        try:
            if self._journal.reopen():
                self._load()
                self._tell(lambda subscriber: subscriber.on_reset())
            run = TurnRun(
                store=self.store,
                journal=self._journal,
                conversation_id=self.id,
                turn_id=turn.id,
                model_name=model.name,
                provider=model.provider,
                options=model.options,
                settings=self._settings,
                signal=active.signal,
                steering=self._steering,
                uncommitted=lambda: self._live.transcript,
            )
            await self._name_after(text)
            await run.run(text)
        except DispatchError as caught:
            error = caught
        except Exception as caught:
            error = DispatchError(f"The turn ended unexpectedly: {caught!r}.")
            error.__cause__ = caught
        leftover = self._leave(active)
        if error is not None:
            self.notice = str(error)
        turn._end(error)
        self._tell_status()
        stopped = active.stopping or turn.finish_reason == "aborted"
        if leftover is not None and error is None and not stopped:
            self._carry(leftover)
        else:
            for steering in leftover or ():
                steering.taken.set_result(False)

    def _leave(self, active: _Active) -> list[Steering] | None:
        with self._lock:
            assert self._active is active
            self._active = None
            leftover = list(self._steering)
            self._steering.clear()
        return leftover or None

    def _carry(self, leftover: Sequence[Steering]) -> None:
        """Open the next turn with what did not reach the model in the last one."""
        try:
            self.send("\n\n".join(steering.text for steering in leftover))
        except DispatchError:
            # Another sender was faster, or the model is gone: back to the person.
            taken = False
        else:
            taken = True
        for steering in leftover:
            steering.taken.set_result(taken)

    async def _name_after(self, text: str) -> None:
        if self.title == UNTITLED:
            title = text if len(text) <= TITLE_LENGTH else text[:TITLE_LENGTH] + "…"
            await asyncio.wrap_future(self.store.update_conversation(self.id, title=title))
            self.title = title
            self._tell_status()

    def _publish(self, rows: Sequence[EventRow]) -> None:
        state = self._live
        for row in rows:
            state = fold_live(state, row.event)
        self._live = state
        self._next_n = rows[-1].n + 1
        active = self._active
        if active is not None:
            active.turn._take([row.event for row in rows])
        self._tell(lambda subscriber: subscriber.on_events(rows))

    def _store_failed(self, error: StoreError) -> None:
        self.notice = str(error)
        if self._active is not None:
            self._active.signal.abort()
        self._tell_status()

    def _tell_status(self) -> None:
        self._tell(lambda subscriber: subscriber.on_status())

    def _tell(self, what: Callable[[Subscriber], None]) -> None:
        for subscriber in tuple(self._subscribers):
            try:
                what(subscriber)
            except Exception as error:  # one broken listener must not end a turn
                self._subscribers.remove(subscriber)
                warnings.warn(
                    f"{subscriber!r} raised {error!r} and is not told of this conversation "
                    "any more.",
                    RuntimeWarning,
                    stacklevel=1,
                )


def checked_message(text: str) -> str:
    """Return `text` ready to be sent.

    Raises
    ------
    MessageError
        If it is not text, or holds nothing but white space.
    """
    if not isinstance(text, str):
        raise MessageError(
            f"A message is text, not {type(text).__name__}: write chat.send(str(value))."
        )
    if not text.strip():
        raise MessageError("The message is empty: write something to send.")
    return mend_surrogates(text)
