"""A conversation's claim to its own log, while it has something to write there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..store import Store

__all__ = ["SharedLease"]


class SharedLease:
    """The lease on one conversation, held as long as any act of this process needs it.

    Parameters
    ----------
    taken
        Called when the lease is taken and nobody here had it: until a moment ago others
        may have written what is read now. What it raises is raised by `hold`.
    """

    def __init__(self, store: Store, conversation_id: str, *, taken: Callable[[], None]) -> None:
        self._store = store
        self._conversation_id = conversation_id
        self._taken = taken
        self._holders = 0
        self._give_back: Callable[[], None] | None = None
        self._lock = threading.Lock()

    @property
    def is_held(self) -> bool:
        """Whether anyone here holds the lease."""
        return self._give_back is not None

    def hold(self) -> bool:
        """Hold the lease; false if someone else runs a turn in this conversation.

        Raises
        ------
        StoreError
            If it cannot be known who does.
        """
        with self._lock:
            if self._give_back is None:
                self._give_back = self._store.take_lease(self._conversation_id)
                if self._give_back is None:
                    return False
                try:
                    self._taken()
                except BaseException:
                    self._release()
                    raise
            self._holders += 1
            return True

    def let_go(self) -> None:
        """End one `hold`; the last one gives the lease back."""
        with self._lock:
            self._holders -= 1
            if self._holders == 0:
                self._release()

    def _release(self) -> None:
        if self._give_back is not None:
            self._give_back()
            self._give_back = None
