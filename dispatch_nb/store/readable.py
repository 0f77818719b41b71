"""What a store gives to those who only read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from ..wire.conversation import ChatMessage, ConversationHistoryResponse, StoredChunk, TurnMetrics
from ..wire.view import AnswerFacts, Meter
from . import facts, reads
from .changes import Change, read_changes
from .database import Database
from .event_log import read_open_turns
from .images import read_images
from .listing import list_page
from .queued import read_queued
from .rows import ConversationRow, EventRow, ImageRow, ListedRow, QueuedRow, StepRow

__all__ = ["ReadableStore"]


class ReadableStore:
    """The reads of a store: each sees what was committed at one moment."""

    _database: Database

    @property
    def location(self) -> str:
        """The path or address of the store, without any password."""
        return self._database.location

    @property
    def path(self) -> Path | None:
        """The file it is in; None for a store in memory or on a server."""
        return self._database.path

    def conversation(self, conversation_id: str) -> ConversationRow:
        """Return a conversation; raises UnknownConversationError, naming the nearest ids."""
        with self.connect() as connection:
            return reads.conversation(connection, conversation_id, self.location)

    def conversation_ids(self) -> list[str]:
        """Return the id of every conversation, newest activity first."""
        with self.connect() as connection:
            return reads.conversation_ids(connection)

    def list_conversations(self) -> list[ConversationRow]:
        """Return every conversation, newest activity first."""
        with self.connect() as connection:
            return reads.list_conversations(connection)

    def list_page(
        self, words: str = "", *, offset: int = 0, limit: int = 50
    ) -> tuple[int, list[ListedRow]]:
        """Return how many conversations hold `words`, and a page of them, newest first.

        Searched are titles, models and prompts; a blank text holds in all.
        """
        with self.connect() as connection:
            return list_page(connection, words, offset=offset, limit=limit)

    def last_n(self, conversation_id: str) -> int:
        """Return the number of the newest event, 0 if there is none yet."""
        return self.conversation(conversation_id).last_n

    def history(
        self,
        conversation_id: str,
        since_seq: int = 0,
        before_seq: int | None = None,
        limit: int | None = None,
    ) -> ConversationHistoryResponse:
        """Return committed chunks, ascending by `seq`, in time that depends on their number only.

        Parameters
        ----------
        since_seq, before_seq
            ``since_seq < seq < before_seq``; a bound out of range counts as absent
            (turn contract, section 7.5).
        limit
            How many to return at most: the newest ones.

        Returns
        -------
        ConversationHistoryResponse
            `latest_seq` is the last chunk's `seq`, or `since_seq` when there is none
            (HTTP contract, section 3).
        """
        with self.connect() as connection:
            return reads.history(connection, conversation_id, since_seq, before_seq, limit)

    def messages(self, conversation_id: str) -> list[ChatMessage]:
        """Return all messages with the borders they were stored with; nothing is repaired."""
        with self.connect() as connection:
            return reads.messages(connection, conversation_id)

    def events(
        self, conversation_id: str, since_n: int = 0, turn_id: str | None = None
    ) -> list[EventRow]:
        """Return the event log after event `since_n`, of one turn or of all."""
        with self.connect() as connection:
            return reads.events(connection, conversation_id, since_n, turn_id)

    def open_turns(self, conversation_id: str) -> list[str]:
        """Return the ids of the turns whose events have no end yet, in the order they began."""
        with self.connect() as connection:
            return read_open_turns(connection, conversation_id)

    def queued(self, conversation_id: str) -> list[QueuedRow]:
        """Return what was typed and no model has got yet, in the order of typing."""
        with self.connect() as connection:
            return read_queued(connection, conversation_id)

    def images(self, digests: Iterable[str]) -> dict[str, ImageRow]:
        """Return images by the SHA-256 of their bytes; what is not there is left out."""
        with self.connect() as connection:
            return read_images(connection, digests)

    def standing(self, conversation_id: str) -> tuple[list[StoredChunk], list[EventRow], int]:
        """Return all chunks, the events of turns without an end, and the last event's number.

        All of it is read at one moment.
        """
        with self.connect() as connection:
            rows = [
                row
                for turn_id in read_open_turns(connection, conversation_id)
                for row in reads.events(connection, conversation_id, 0, turn_id)
            ]
            chunks = reads.history(connection, conversation_id, 0, None, None).chunks
            last_n = reads.conversation(connection, conversation_id, self.location).last_n
        return chunks, rows, last_n

    @property
    def is_shared(self) -> bool:
        """Whether other processes can write here."""
        return self._database.is_shared

    def version(self) -> int:
        """Return a number that is another one after every commit, by whomever; in no time."""
        return self._database.version()

    def changes(self, seen: Mapping[str, int]) -> list[Change]:
        """Return how conversations stand, with their events after the numbers in `seen`."""
        with self.connect() as connection:
            return read_changes(connection, seen)

    def answer_facts(
        self, conversation_id: str, first_seq: int, last_seq: int
    ) -> AnswerFacts | None:
        """Return what is known of the steps that some chunks are of; None if none is stored."""
        with self.connect() as connection:
            return facts.answer_facts(connection, conversation_id, first_seq, last_seq)

    def meter(self, conversation_id: str) -> Meter:
        """Return how full the context is, and what the newest turn and all of them cost."""
        with self.connect() as connection:
            return facts.meter(connection, conversation_id)

    def steps(self) -> list[StepRow]:
        """Return every step, in the order they were stored."""
        with self.connect() as connection:
            return reads.steps(connection)

    def stops(self, conversation_id: str) -> list[int]:
        """Return the `seq` of the last chunk of each turn that was stopped, the newest of them."""
        with self.connect() as connection:
            return facts.stops(connection, conversation_id)

    def turn_metrics(self, conversation_id: str) -> list[TurnMetrics]:
        """Return usage and timing of the sealed turns, in turn order."""
        with self.connect() as connection:
            return reads.turn_metrics(connection, conversation_id)

    @contextmanager
    def connect(self) -> Iterator[sa.Connection]:
        """Give a connection for reading, whose queries all see the same moment.

        Do not wait for a write inside: a store in memory has this one connection only.
        """
        with self._database.read() as connection:
            yield connection
