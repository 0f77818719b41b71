"""One text of the queue, and the futures that say what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from ..store.rows import QueuedRow

__all__ = ["Queued", "entry_of", "join_texts"]


@dataclass(eq=False)
class Queued:
    """One text of the queue.

    Attributes
    ----------
    stored
        Done once the text is in the store; fails if the store refuses it.
    taken
        Whether the text got to a model; False leaves it with the person.
    """

    id: str
    text: str
    queued_at: int
    position: int = 0
    stored: Future[None] = field(default_factory=Future)
    taken: Future[bool] = field(default_factory=Future)

    def __post_init__(self) -> None:
        # From here on nobody can cancel a future: only the queue knows what became of it.
        self.stored.set_running_or_notify_cancel()
        self.taken.set_running_or_notify_cancel()

    def settle(self, *, reached: bool) -> None:
        """Say what became of the text, once."""
        if not self.taken.done():
            self.taken.set_result(reached)


def entry_of(row: QueuedRow) -> Queued:
    """Return a stored text as an entry of the queue."""
    return Queued(row.queued_id, row.text, row.queued_ms, row.position)


def join_texts(entries: Sequence[Queued]) -> str:
    """Return texts as the one message that a model gets: joined by blank lines."""
    return "\n\n".join(entry.text for entry in entries)
