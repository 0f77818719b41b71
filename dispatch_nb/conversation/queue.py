"""Texts that the person typed while a turn ran, until a model gets them or the person does.

Source: the Dispatch turn contract, section 7.3. Where the original starts a turn with what
is queued even after a stop, this queue keeps it for the person.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..wire.view import QueuedText
from .message import checked_message

__all__ = ["Queued", "TextQueue", "join_texts"]

# Whose texts the person may still want is held here, with its conversation, when nobody
# else holds it any more.
_filled: set[TextQueue] = set()


@dataclass(eq=False)
class Queued:
    """One text that waits, and the future that says whether it got to a model."""

    id: str
    text: str
    queued_at: float
    taken: Future[bool] = field(default_factory=Future)

    def __post_init__(self) -> None:
        # From here on nobody can cancel the future: only the queue knows what became of it.
        self.taken.set_running_or_notify_cancel()

    def settle(self, *, reached: bool) -> None:
        """Say what became of the text, once."""
        if not self.taken.done():
            self.taken.set_result(reached)


class TextQueue:
    """What waits for the running turn, and what is kept for the person; for any thread.

    A text is in exactly one place: waiting, kept, in the hands of whoever took it, or gone
    because the person cancelled it. Futures are settled while no lock is held.

    Parameters
    ----------
    changed
        Called after every change; may be called on any thread.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._lock = threading.RLock()
        self._waiting: list[Queued] = []
        self._kept: list[Queued] = []

    @property
    def texts(self) -> list[QueuedText]:
        """What is kept, then what waits, each in the order in which it was typed."""
        with self._lock:
            return [
                QueuedText(id=each.id, text=each.text, queued_at=each.queued_at, kept=kept)
                for kept, entries in ((True, self._kept), (False, self._waiting))
                for each in entries
            ]

    def add(self, text: str, *, id: str | None = None) -> Future[bool]:
        """Let a text wait; the future says whether it reached a model.

        Raises
        ------
        MessageError
            If `text` is not text, or blank.
        """
        now = time.time_ns() // 1_000_000
        name = id if id is not None else f"queued-{now}-{secrets.token_hex(4)}"
        entry = Queued(name, checked_message(text), now)
        with self._change():
            self._waiting.append(entry)
        return entry.taken

    def edit(self, id: str, text: str) -> bool:
        """Change a text that is still here, in its place; False if it is not.

        Raises
        ------
        MessageError
            If `text` is not text, or blank.
        """
        text = checked_message(text)
        with self._change():
            entry = self._find(id)
            if entry is not None:
                entry.text = text
        return entry is not None

    def cancel(self, id: str) -> bool:
        """Take a text away for the person; False if it is not here (any more)."""
        with self._change():
            entry = self._find(id)
            self._waiting = [each for each in self._waiting if each is not entry]
            self._kept = [each for each in self._kept if each is not entry]
        if entry is not None:
            entry.settle(reached=False)
        return entry is not None

    def take(self) -> list[Queued]:
        """Take all that waits: the taker settles it, or gives it back."""
        with self._change():
            taken, self._waiting = self._waiting, []
        return taken

    def take_kept(self) -> list[Queued]:
        """Take all that is kept: the taker settles it, or gives it back."""
        with self._change():
            taken, self._kept = self._kept, []
        return taken

    def give_back(self, entries: Sequence[Queued]) -> None:
        """Keep for the person what was taken and did not get to a model."""
        with self._change():
            self._kept.extend(entries)
        for entry in entries:
            entry.settle(reached=False)

    def settle_with(self, begun: Future[None], entries: Sequence[Queued]) -> None:
        """Settle texts as the prompt of a turn that begins; keep them if it fails to."""

        def settle(future: Future[None]) -> None:
            if future.exception() is not None:
                self.give_back(entries)
            for entry in entries:
                entry.settle(reached=True)

        begun.add_done_callback(settle)

    def keep(self) -> None:
        """Keep for the person what waits now, so that no turn takes it."""
        self.give_back(self.take())

    @contextmanager
    def _change(self) -> Iterator[None]:
        with self._lock:
            before = self.texts
            yield
            changed = self.texts != before
            if self._kept or self._waiting:
                _filled.add(self)
            else:
                _filled.discard(self)
        if changed:
            self._changed()

    def _find(self, id: str) -> Queued | None:
        return next((each for each in (*self._kept, *self._waiting) if each.id == id), None)


def join_texts(entries: Sequence[Queued]) -> str:
    """Return texts as the one message that a model gets: joined by blank lines."""
    return "\n\n".join(entry.text for entry in entries)
