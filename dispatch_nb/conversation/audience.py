"""Those who are told what happens in a conversation."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from .port import Subscriber

__all__ = ["Audience"]


class Audience:
    """The subscribers of one conversation; used on the turn loop's thread alone."""

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []

    def add(self, subscriber: Subscriber) -> None:
        """Tell `subscriber` of everything from now on."""
        self._subscribers.append(subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        """Tell `subscriber` no more; nothing happens if it is not told anyhow."""
        if subscriber in self._subscribers:
            self._subscribers.remove(subscriber)

    def tell(self, what: Callable[[Subscriber], None]) -> None:
        """Call `what` with each subscriber; one that raises is told no more."""
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
