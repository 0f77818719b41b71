"""The store: conversations, their chunks and events, and what was measured of them."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import fields
from functools import partial
from types import TracebackType
from typing import Any, Self

from ..errors import StoreError
from ..wire.conversation import ChatMessage, StoredChunk
from . import images, queued, writes
from .compaction import Compactor
from .database import Database
from .leases import Leases, Release, leases_of
from .migrate import bring_up_to_date
from .paths import prepare_file, resolve
from .readable import ReadableStore
from .rows import (
    ChunkSide,
    CommitStamp,
    ConversationRow,
    EventRow,
    ImageRow,
    QueuedRow,
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


class Store(ReadableStore):
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

    def append_events(
        self, conversation_id: str, rows: Sequence[EventRow], *, delivered: Sequence[str] = ()
    ) -> Future[None]:
        """Add events to the end of a conversation's log.

        The future raises StoreError, and nothing is stored, if the numbers do not
        continue the log: then another process is writing this conversation.

        Parameters
        ----------
        delivered
            The ids of queued texts that these events tell of: they leave the queue in the
            same transaction, all of them or nothing is stored.
        """
        rows, delivered, location = tuple(rows), tuple(delivered), self.location
        if not rows:
            return self._writer.submit(lambda c: None)
        if delivered:
            return self._writer.submit(
                lambda c: writes.deliver_events(c, conversation_id, rows, delivered, location)
            )
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

    def keep_images(self, rows: Sequence[ImageRow]) -> Future[None]:
        """Add images that are not there yet; events may name them from now on."""
        kept = tuple(rows)
        return self._writer.submit(lambda c: images.insert_images(c, kept))

    def queue_text(self, row: QueuedRow) -> Future[int]:
        """Add a text that no model has got yet; the future gives its position."""
        return self._writer.submit(lambda c: queued.insert_queued(c, row))

    def edit_queued(self, conversation_id: str, queued_id: str, text: str) -> Future[bool]:
        """Change a queued text; the future gives False if it is not there."""
        return self._writer.submit(
            lambda c: queued.edit_queued(c, conversation_id, queued_id, text)
        )

    def keep_queued(self, conversation_id: str, queued_ids: Sequence[str]) -> Future[None]:
        """Mark queued texts as kept for the person."""
        ids = tuple(queued_ids)
        return self._writer.submit(lambda c: queued.keep_queued(c, conversation_id, ids))

    def cancel_queued(self, conversation_id: str, queued_id: str) -> Future[None]:
        """Take a queued text out; the future raises StoreError if it is not there."""
        return self._writer.submit(lambda c: queued.drop_queued(c, conversation_id, [queued_id]))

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

    def price_steps(self, prices: Mapping[str, Mapping[str, object]]) -> Future[None]:
        """Set what steps cost, by their ids: the columns in ``_usd``, and `price_ref`."""
        return self._writer.submit(lambda c: writes.price_steps(c, prices))

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


def _close(compactor: Compactor, writer: Writer, leases: Leases) -> None:
    compactor.close()
    leases.close()
    writer.close()


def _check_columns(kind: str, columns: dict[str, Any], known: frozenset[str]) -> None:
    unknown = sorted(columns.keys() - known)
    if unknown or not columns:
        wrong = f"has no column {unknown[0]!r} to set" if unknown else "was given nothing to set"
        raise StoreError(f"A {kind} {wrong}. It has {', '.join(sorted(known))}.")
