"""Running work against an abort signal, and letting go of work that is no longer wanted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Coroutine
from typing import Any

from .contracts import AbortSignal

__all__ = ["GRACE_S", "cancelled_from_outside", "let_go", "run_unless_aborted"]

_log = logging.getLogger(__name__)

GRACE_S = 0.5
"""Seconds that cancelled work may take to clean up before the turn goes on without it."""

# asyncio itself holds tasks weakly: work left behind must not vanish half way.
_left_behind: set[asyncio.Task[Any]] = set()


async def run_unless_aborted(work: Coroutine[Any, Any, None], signal: AbortSignal) -> None:
    """Run `work` to its end, or cancel it once `signal` aborts.

    An exception of `work` is raised, unless it came after the abort.
    """
    task = asyncio.create_task(work)
    watch = asyncio.create_task(signal.wait())
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
    finally:
        watch.cancel()
        await let_go([task])


async def let_go(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel `tasks` and wait until they have ended, but no longer than `GRACE_S`.

    What they still return is ignored; what they still raise is logged.
    """
    pending = [task for task in tasks if not task.done()]
    if not pending:
        return
    for task in pending:
        _left_behind.add(task)
        task.add_done_callback(_forget)
        task.cancel()
    await asyncio.wait(pending, timeout=GRACE_S)


def cancelled_from_outside() -> bool:
    """Return whether someone asked the current task to end.

    Otherwise a `CancelledError` that it sees came out of what it awaits.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _forget(task: asyncio.Task[Any]) -> None:
    _left_behind.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.debug("Cancelled work failed while it ended.", exc_info=error)
