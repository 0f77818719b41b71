"""Seeing live what another process does in a conversation that is open here.

A store cannot call; it is asked. For a file the question costs a few microseconds, and only
when something was committed is anything read: of the conversations that run no turn here.
"""

from __future__ import annotations

import asyncio
import threading
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, Protocol
from weakref import WeakKeyDictionary, WeakSet

from ..errors import StoreError

if TYPE_CHECKING:
    from ..loop import TurnLoop
    from ..store import Change, Store

__all__ = ["Followed", "Seen", "follow"]

# How often to ask: while something happens in another place, and while nothing does.
LIVELY_S = 0.1
QUIET_S = 0.5
# How long a turn of another process may be silent before it is looked whether it still lives.
SILENCE_S = 1.0


class Seen(NamedTuple):
    """How much a conversation has seen: the last event's number, which queue, which title."""

    n: int
    queue: int
    title: str


class Followed(Protocol):
    """A conversation that wants to know what others do in it."""

    id: str
    store: Store

    @property
    def seen(self) -> Seen | None:
        """What it has seen; None while it needs to be told nothing."""
        ...

    @property
    def runs_elsewhere(self) -> bool:
        """Whether a turn that it does not run itself has not ended yet."""
        ...

    def take_change(self, change: Change) -> None:
        """Take what others have written since `seen`."""
        ...

    def take_over(self) -> None:
        """Close the turn that runs elsewhere if nobody runs it any more."""
        ...

    def lose_sight(self, error: StoreError) -> None:
        """Hear that nothing more will be told."""
        ...


_watches: WeakKeyDictionary[Store, _Watch] = WeakKeyDictionary()


def follow(conversation: Followed, loop: TurnLoop) -> None:
    """Tell a conversation what others write, until it is collected; for any thread."""
    if conversation.store.is_shared:
        loop.post(_follow, conversation)


def _follow(conversation: Followed) -> None:
    watch = _watches.get(conversation.store)
    if watch is None:
        watch = _watches[conversation.store] = _Watch()
    watch.add(conversation)


class _Watch:
    """The asking of one store; on the turn loop's thread, but for the reading."""

    def __init__(self) -> None:
        # Weak, all of it: a conversation and its store go when nobody else has them.
        self._followed: WeakSet[Followed] = WeakSet()
        self._task: asyncio.Task[None] | None = None
        self._version = -1
        self._moved_at = 0.0

    def add(self, conversation: Followed) -> None:
        self._followed.add(conversation)
        # It may have missed what came before it was added.
        self._version = -1
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while self._followed:
            lively = monotonic() < self._moved_at + SILENCE_S
            await asyncio.sleep(LIVELY_S if lively else QUIET_S)
            if not threading.main_thread().is_alive():
                return  # the process ends, and no thread takes work any more
            await self._look()
        self._task = None

    async def _look(self) -> None:
        seen = {each: each.seen for each in self._followed}
        told = {each.id: (each, mine) for each, mine in seen.items() if mine is not None}
        if not told:
            return
        store = next(iter(seen)).store
        try:
            version = store.version()
            if version != self._version:
                self._version = version
                ends = {id: mine.n for id, (_, mine) in told.items()}
                for change in await asyncio.to_thread(store.changes, ends):
                    self._tell(change, *told[change.conversation_id])
        except StoreError as error:
            for each in seen:
                self._followed.discard(each)
                each.lose_sight(error)
            return
        if monotonic() > self._moved_at + SILENCE_S:
            for each, _ in told.values():
                if each.runs_elsewhere:
                    each.take_over()

    def _tell(self, change: Change, conversation: Followed, seen: Seen) -> None:
        if change.rows:
            self._moved_at = monotonic()
        if conversation.seen == seen:
            conversation.take_change(change)
        else:
            # It has acted while this was read: what was read is of yesterday.
            self._version = -1
