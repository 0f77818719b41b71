"""A blocking call on a thread of its own, awaited by the loop."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import traceback
from collections.abc import Callable
from typing import TypeVar

__all__ = ["run_in_thread"]

_T = TypeVar("_T")


async def run_in_thread(call: Callable[[], _T], *, name: str) -> _T:
    """Run `call` on a new daemon thread, with the caller's context variables, and await it.

    Cancelling the wait abandons the thread: it runs on, and what it returns or raises
    is dropped. A pool would let a handful of abandoned calls block every later one, and
    the interpreter would wait for them at exit.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_T] = loop.create_future()
    context = contextvars.copy_context()

    def settle(outcome: _T | None, error: Exception | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(outcome)  # type: ignore[arg-type]  # T itself may be None

    def run() -> None:
        outcome: _T | None = None
        error: Exception | None = None
        try:
            outcome = context.run(call)
        except StopIteration as stop:  # a future refuses this one
            error = _as_error(name, stop)
        except Exception as raised:
            error = raised
        except BaseException as raised:  # SystemExit must not end the loop that waits
            error = _as_error(name, raised)
        # A loop that has closed in the meantime no longer wants the outcome.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, outcome, error)

    threading.Thread(target=run, name=f"dispatch_nb tool {name}", daemon=True).start()
    return await future


def _as_error(name: str, raised: BaseException) -> Exception:
    words = traceback.format_exception_only(raised)[0].strip()
    error = RuntimeError(f"{name} raised {words}")
    error.__cause__ = raised
    return error
