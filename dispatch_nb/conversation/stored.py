"""A conversation as the store has it: what is committed, read at any moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..store.rows import EventRow
from ..wire.conversation import ConversationHistoryResponse, TurnMetrics
from ..wire.view import AnswerFacts, Meter
from .images import data_url, digest_of
from .turn import Turn

if TYPE_CHECKING:
    from ..store import Store

__all__ = ["StoredConversation"]


class StoredConversation:
    """The reads of a conversation; safe from any thread, also while another process writes.

    Parameters
    ----------
    store
        An open store.
    """

    def __init__(self, store: Store, conversation_id: str) -> None:
        self.id = conversation_id
        self.store = store

    def history(
        self, since_seq: int = 0, before_seq: int | None = None, limit: int | None = None
    ) -> ConversationHistoryResponse:
        """Return committed chunks with ``since_seq < seq < before_seq``, newest `limit`."""
        return self.store.history(self.id, since_seq, before_seq, limit)

    def image(self, url: str) -> str | None:
        """Return the image that a chunk's `url` names as a data: URL; None if it is not stored."""
        digest = digest_of(url)
        row = None if digest is None else self.store.images([digest]).get(digest)
        return None if row is None else data_url(row.mime_type, row.data)

    def metrics(self) -> list[TurnMetrics]:
        """Return the metrics of every sealed turn."""
        return self.store.turn_metrics(self.id)

    def facts(self, first_seq: int, last_seq: int) -> AnswerFacts | None:
        """Return what is known of the steps that some chunks are of; None if none is stored."""
        return self.store.answer_facts(self.id, first_seq, last_seq)

    def stops(self) -> list[int]:
        """Return the `seq` of the last chunk of each turn that was stopped, the newest of them."""
        return self.store.stops(self.id)

    def meter(self) -> Meter:
        """Return how full the context is, and what the newest turn and all of them cost."""
        return self.store.meter(self.id)

    def events(self, turn: Turn | str | None = None) -> list[EventRow]:
        """Return every event with its number and times, exactly as it was shown.

        Parameters
        ----------
        turn
            A turn, or its id; None gives the events of all turns.
        """
        turn_id = turn.id if isinstance(turn, Turn) else turn
        return self.store.events(self.id, turn_id=turn_id)
