"""The one event loop that owns turns, on a thread of its own, entered from any thread.

Turns stream on while a cell blocks, whatever the kernel does with its own loop. The
thread is a daemon: what a turn has said is in the store already, so nothing is lost when
the process ends under it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from functools import partial
from typing import Any, ParamSpec, TypeVar

from .errors import DispatchError

__all__ = ["TurnLoop", "turn_loop"]

T = TypeVar("T")
P = ParamSpec("P")


class TurnLoop:
    """An asyncio loop running on its own thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="dispatch-nb-turns", daemon=True
        )
        self._posted: deque[Callable[[], object]] = deque()
        self._woken = False
        self._thread.start()

    @property
    def inside(self) -> bool:
        """Whether the caller is on the loop's own thread."""
        return threading.current_thread() is self._thread

    def require(self) -> None:
        """Refuse to go on without a running loop.

        Raises
        ------
        DispatchError
            If the process was forked since, or the loop has ended.
        """
        if not self._thread.is_alive():
            raise DispatchError(
                "The turns of this chat do not run in this process: it was forked after the "
                "chat was opened, or its turn loop has ended. Open the chat again."
            )

    def post(self, fn: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Run `fn` on the loop soon, in the order of the calls; never waits."""
        self._posted.append(partial(fn, *args, **kwargs))
        # Waking the loop is a system call that lets go of Python's lock, which a busy loop is
        # slow to give back: one wake serves all that is posted until it runs.
        if not self._woken:
            try:
                self._woken = True
                self._loop.call_soon_threadsafe(self._run_posted)
            except BaseException:
                # An interrupt right here must not leave everything posted from now on unheard.
                self._woken = False
                raise

    def _run_posted(self) -> None:
        # Before the first is taken: whoever posts from now on wakes the loop again.
        self._woken = False
        for _ in range(len(self._posted)):
            try:
                self._posted.popleft()()
            except Exception as error:
                self._loop.call_exception_handler(
                    {"message": "What was posted to the turn loop failed", "exception": error}
                )

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine on the loop and return its future."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a quick function on the loop and return what it returns.

        From the loop's own thread it is an ordinary call, so it can never wait for itself;
        so it is when the interpreter ends, because that freezes the loop first.
        """
        if self.inside or sys.is_finalizing():
            return fn(*args, **kwargs)
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # handed to the caller, who re-raises it
                future.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return future.result()


_lock = threading.Lock()
_current: tuple[int, TurnLoop] | None = None


def turn_loop() -> TurnLoop:
    """Return this process's loop, started on first use (and anew in a forked child)."""
    global _current
    with _lock:
        if _current is None or _current[0] != os.getpid():
            _current = (os.getpid(), TurnLoop())
        return _current[1]
