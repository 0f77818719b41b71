"""The store: conversations, their chunks and events, and what was measured of them."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa

from ..errors import StoreError
from ..wire.conversation import (
    ChatMessage,
    ConversationHistoryResponse,
    StoredChunk,
    TurnMetrics,
)
from . import reads, writes
from .compaction import Compactor
from .database import Database
from .event_log import read_open_turns
from .leases import Leases, Release, leases_of
from .migrate import bring_up_to_date
from .paths import prepare_file, resolve
from .rows import (
    ChunkSide,
    CommitStamp,
    ConversationRow,
    EventRow,
    StepRow,
    ToolCallRow,
    TurnRow,
)
from .writer import Writer

__all__ = ["Store"]

_CONVERSATION_COLUMNS = frozenset(
    ("title", "system_prompt", "model", "source", "tags_json", "updated_us")
)
_TURN_COLUMNS = frozenset(
    field.name
    for field in fields(TurnRow)
    if field.name not in ("turn_id", "conversation_id", "turn_index")
)


class Store:
    """Conversations on disk, in memory or on a database server; safe to use from any thread.

    Writes return a future that resolves once the write is committed, in the order in
    which they were asked for. Reads see what is committed. A read of an id that is not
    there gives an empty result (HTTP contract, section 1), except `conversation` and
    `last_n`, which raise.

    Parameters
    ----------
    target
        A path, ``":memory:"``, or a database URL such as ``postgresql+psycopg://…``.
        None means the file that ``DISPATCH_NB_STORE`` names, else
        ``conversations.db`` in the person's data folder.

    Raises
    ------
    StoreVersionError
        If the store was written by a newer version of this package.
    StoreError
        If there is no store of ours at that place and none can be made.
    """

    def __init__(self, target: str | os.PathLike[str] | None = None) -> None:
        place = resolve(target)
        if place.path is not None:
            prepare_file(place.path)
        self._database = Database(place)
        try:
            bring_up_to_date(self._database)
        except BaseException:
            self._database.close()
            raise
        self._writer = Writer(self._database)
        self._append_events = partial(writes.append_events, location=place.location)
        self._compactor = Compactor(self._database, self._writer)
        self._leases = leases_of(self._database, place.path)
        # Also runs at the interpreter's exit: what was submitted is then still written.
        self._close = weakref.finalize(self, _close, self._compactor, self._writer, self._leases)

    @property
    def location(self) -> str:
        """The path or address of the store, without any password."""
        return self._database.location

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return not self._close.alive

    def close(self) -> None:
        """Write what was submitted, then let go of the file; closing twice does no harm."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({self.location!r})"

    def create_conversation(self, row: ConversationRow) -> Future[None]:
        """Add a conversation; its counters start at 0 whatever the row says."""
        location = self.location
        return self._writer.submit(lambda c: writes.create_conversation(c, row, location))

    def update_conversation(self, conversation_id: str, **columns: Any) -> Future[None]:
        """Set title, system_prompt, model, source, tags_json or updated_us."""
        _check_columns("conversation", columns, _CONVERSATION_COLUMNS)
        location = self.location
        return self._writer.submit(
            lambda c: writes.update_conversation(c, conversation_id, columns, location)
        )

    def append_events(self, conversation_id: str, rows: Sequence[EventRow]) -> Future[None]:
        """Add events to the end of a conversation's log.

        The future raises StoreError, and nothing is stored, if the numbers do not
        continue the log: then another process is writing this conversation.
        """
        rows = tuple(rows)
        if not rows:
            return self._writer.submit(lambda c: None)
        return self._writer.submit_part(self._append_events, (conversation_id, rows))

    def append_chunks(
        self,
        conversation_id: str,
        messages: Sequence[ChatMessage],
        *,
        turn_id: str,
        step_id: str | None,
        event: CommitStamp,
        sides: Sequence[ChunkSide] = (),
        tool_calls: Sequence[ToolCallRow] = (),
        step: StepRow | None = None,
    ) -> Future[tuple[list[StoredChunk], EventRow]]:
        """Give messages their `seq` and store them, with the event that says so.

        Parameters
        ----------
        messages
            Stored with their borders; a tool message becomes one message per result.
        step_id
            None for the prompt and for steering.
        event
            The place in the event log of the ``nb.chunks-committed`` event, which is
            written in the same transaction; it must continue the log.
        sides
            One per chunk, in order, or none at all.
        tool_calls
            What is known of the calls beside their chunks; every call gets a row.
        step
            The step that made the messages, saved with them.

        Returns
        -------
        Future
            The chunks with their `seq`, and the event as it was written.
        """
        location = self.location
        messages, sides, calls = list(messages), list(sides), list(tool_calls)
        return self._writer.submit(
            lambda c: writes.append_chunks(
                c,
                conversation_id,
                messages,
                turn_id=turn_id,
                step_id=step_id,
                sides=sides,
                event=event,
                tool_calls=calls,
                step=step,
                location=location,
            )
        )

    def begin_turn(self, row: TurnRow) -> Future[TurnRow]:
        """Add a turn; the future gives the row with the `turn_index` it got."""
        location = self.location
        return self._writer.submit(lambda c: writes.begin_turn(c, row, location))

    def settle_turn(self, row: TurnRow) -> Future[None]:
        """Give a turn that is still ``running`` its end; add a turn that was never begun."""
        location = self.location
        return self._writer.submit(lambda c: writes.settle_turn(c, row, location))

    def finish_turn(self, turn_id: str, **columns: Any) -> Future[None]:
        """Set any column of a turn but its ids and its index."""
        _check_columns("turn", columns, _TURN_COLUMNS)
        location = self.location
        return self._writer.submit(lambda c: writes.finish_turn(c, turn_id, columns, location))

    def save_step(self, row: StepRow) -> Future[None]:
        """Add a step, or replace all that was known of it."""
        return self._writer.submit(lambda c: writes.save_step(c, row))

    def mark_interrupted(self, conversation_id: str) -> Future[int]:
        """Close turns that still say ``running``; for a caller who knows that none runs.

        Their status becomes ``interrupted`` and their usage a lower bound. The future
        gives how many there were.
        """
        return self._writer.submit(lambda c: writes.mark_interrupted(c, conversation_id))

    def take_lease(self, conversation_id: str) -> Release | None:
        """Claim a conversation for running turns; never waits.

        Returns
        -------
        callable or None
            Gives the lease back; None if another process, or another store here, has it.
            A process that is killed loses its leases.

        Raises
        ------
        StoreError
            If it cannot be known who has it.
        """
        return self._leases.take(conversation_id)

    def compact(self, conversation_id: str) -> Future[int]:
        """Compress the events of a conversation's sealed turns, one row for each turn.

        Nothing that is written meanwhile waits for it, and `events` gives the same before
        and after. The future gives how many events were compressed.
        """
        return self._compactor.submit(conversation_id)

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


def _close(compactor: Compactor, writer: Writer, leases: Leases) -> None:
    compactor.close()
    leases.close()
    writer.close()


def _check_columns(kind: str, columns: dict[str, Any], known: frozenset[str]) -> None:
    unknown = sorted(columns.keys() - known)
    if unknown or not columns:
        wrong = f"has no column {unknown[0]!r} to set" if unknown else "was given nothing to set"
        raise StoreError(f"A {kind} {wrong}. It has {', '.join(sorted(known))}.")
