"""The handle on a turn: await it, block on it, watch it, stop it, steer it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from time import monotonic
from typing import Any

from pydantic import MISSING

from ..errors import DispatchError, OutputError, TurnFailedError
from ..framed import FrameSource, Part
from ..wire import events as e
from ..wire.conversation import Usage
from ..wire.extensions import LiveEvent
from .output import OutputForm

__all__ = ["Turn"]

# An interrupt reaches a waiting cell only when its loop next wakes, so it wakes often.
TICK_S = 0.1
# How long an interrupted wait goes on for the turn it has stopped to be stored and sealed.
LAST_WORDS_S = 2.0


class Turn(FrameSource):
    """A running or finished turn; safe to use from any thread and any loop.

    ``await turn`` and ``turn.result()`` return the turn itself once it is sealed. An
    interrupted ``await`` (or Ctrl-C in ``result``) stops the turn, keeps what it said, and
    raises once the turn is sealed, so that the next one can be sent at once.

    Parameters
    ----------
    turn_id
        The id its events carry.
    stop, steer
        What the handle's methods of the same names do.
    part
        Where the rows of the turn with this id are.
    output
        The form that was asked for, if one was.
    """

    def __init__(
        self,
        turn_id: str,
        *,
        stop: Callable[[], bool],
        steer: Callable[[str], Future[bool]],
        part: Callable[[str], Part],
        output: OutputForm | None = None,
    ) -> None:
        self.id = turn_id
        self._part = part
        self._output = output
        self._stop = stop
        self._steer = steer
        self._events: list[LiveEvent] = []
        self._future: Future[None] = Future()
        self._future.set_running_or_notify_cancel()
        # Whether the prompt is in the log; fails when the turn ends without that.
        self._begun: Future[None] = Future()
        self._begun.set_running_or_notify_cancel()
        self._watchers: list[Callable[[], None]] = []
        self._after_wait: Callable[[], None] | None = None

    def __repr__(self) -> str:
        """Return a line that says how the turn stands."""
        state = "running" if not self.done else (self.finish_reason or "failed")
        return f"<Turn {self.id} {state}>"

    def _frame_parts(self) -> Sequence[Part]:
        return [self._part(self.id)]

    @property
    def done(self) -> bool:
        """Whether the turn has ended and everything of it is stored."""
        return self._future.done()

    @property
    def text(self) -> str:
        """The answer so far: the text after the last tool result."""
        parts: list[str] = []
        for event in reversed(self._events):
            if isinstance(event, e.TextDeltaEvent):
                parts.append(event.delta)
            elif isinstance(event, e.ToolResultEvent | e.SteeringEvent):
                break
        return "".join(reversed(parts))

    @property
    def parsed(self) -> Any:
        """The answer in the form that was asked for: `send(…, output=Model)` gives a `Model`.

        Raises
        ------
        OutputError
            If no form was asked for, the turn still runs, or the answer does not fit; the
            sentence has the text and what is wrong with it.
        """
        if self._output is None:
            raise OutputError(
                "No form was asked for: write chat.send(…, output=Model), with a pydantic model."
            )
        if not self.done:
            raise OutputError("The turn still runs: wait for it (await turn), then read it.")
        return self._output.read(self.text, self.finish_reason or "no end")

    @property
    def thinking(self) -> str:
        """Everything the model thought so far."""
        return "".join(ev.delta for ev in self._events if isinstance(ev, e.ReasoningDeltaEvent))

    @property
    def usage(self) -> Usage | None:
        """The turn's tokens as the provider reported them, or None if it reported none."""
        done = self._done_event()
        return None if done is None or done.usage is MISSING else done.usage

    @property
    def finish_reason(self) -> str | None:
        """Why the turn ended, or None while it runs."""
        done = self._done_event()
        return None if done is None else done.reason

    def stop(self) -> bool:
        """End the turn, keeping what it said; False if it has ended already."""
        return False if self.done else self._stop()

    def steer(self, text: str) -> Future[bool]:
        """Give the model more text at the next tool-result border.

        Returns
        -------
        concurrent.futures.Future of bool
            Whether the text reached a model, in this turn or as the next one's prompt.
        """
        return self._steer(text)

    def result(self, timeout: float | None = None) -> Turn:
        """Block until the turn has ended.

        Parameters
        ----------
        timeout
            Seconds to wait at most; the turn runs on when they are over.

        Raises
        ------
        TurnFailedError
            If the turn ended with an error.
        TimeoutError
            If it still runs after `timeout`.
        """
        end = None if timeout is None else monotonic() + timeout
        try:
            while not self.done:
                rest = TICK_S if end is None else min(TICK_S, end - monotonic())
                if rest <= 0:
                    raise TimeoutError(
                        f"The turn still runs after {timeout:g} s; stop it with turn.stop() "
                        "or wait on with turn.result()."
                    )
                try:
                    self._future.result(rest)
                except FutureTimeout:
                    continue
                except DispatchError:
                    break
        except KeyboardInterrupt:
            self.stop()
            with contextlib.suppress(FutureTimeout, DispatchError):
                self._future.result(LAST_WORDS_S)
            self._waited()
            raise
        return self._outcome()

    def __await__(self) -> Generator[object, None, Turn]:
        """Wait for the end without blocking; cancelling the wait stops the turn."""
        return self._wait().__await__()

    async def events(self) -> AsyncIterator[LiveEvent]:
        """Yield every event of the turn, from its first, as it is committed."""
        loop = asyncio.get_running_loop()
        fresh = asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(fresh.set)

        self._watchers.append(wake)
        try:
            position = 0
            while True:
                fresh.clear()
                ended = self.done
                batch = self._events[position:]
                position += len(batch)
                for event in batch:
                    yield event
                if ended and position == len(self._events):
                    return
                if not batch:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(fresh.wait(), TICK_S)
        finally:
            self._watchers.remove(wake)

    async def _wait(self) -> Turn:
        ended = asyncio.wrap_future(self._future)
        # A failure is raised by the outcome; this future is only waited for.
        ended.add_done_callback(lambda settled: settled.cancelled() or settled.exception())
        try:
            while not self.done:
                await asyncio.wait([ended], timeout=TICK_S)
        except asyncio.CancelledError:
            self.stop()
            await asyncio.wait([ended], timeout=LAST_WORDS_S)
            self._waited()
            raise
        return self._outcome()

    def _waited(self) -> None:
        if self._after_wait is not None:
            self._after_wait()

    def _outcome(self) -> Turn:
        self._waited()
        self._future.result()
        if self.finish_reason == "error":
            errors = [ev.message for ev in self._events if isinstance(ev, e.ErrorEvent)]
            raise TurnFailedError(errors[-1] if errors else "The turn ended with an error.")
        return self

    def _done_event(self) -> e.DoneEvent | None:
        for event in reversed(self._events):
            if isinstance(event, e.DoneEvent):
                return event
        return None

    def _take(self, events: Sequence[LiveEvent]) -> None:
        self._events.extend(events)
        self._wake()

    def _begin(self) -> None:
        self._begun.set_result(None)

    def _give_up_beginning(self, error: DispatchError | None) -> None:
        if not self._begun.done():
            self._begun.set_exception(error or DispatchError("The turn ended before it began."))

    def _end(self, error: DispatchError | None = None) -> None:
        if error is None:
            self._future.set_result(None)
        else:
            self._future.set_exception(error)
        self._wake()

    def _wake(self) -> None:
        for wake in tuple(self._watchers):
            wake()
