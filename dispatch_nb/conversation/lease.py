"""A conversation's claim to its own log, while it has something to write there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..store import Store

__all__ = ["SharedLease"]


class SharedLease:
    """The lease on one conversation, held as long as any act of this process needs it."""

    def __init__(self, store: Store, conversation_id: str) -> None:
        self._store = store
        self._conversation_id = conversation_id
        self._holders = 0
        self._give_back: Callable[[], None] | None = None
        self._lock = threading.Lock()

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
            self._holders += 1
            return True

    def let_go(self) -> None:
        """End one `hold`; the last one gives the lease back."""
        with self._lock:
            self._holders -= 1
            if self._holders == 0 and self._give_back is not None:
                self._give_back()
                self._give_back = None
