"""Every way in which the store changes, as operations on an open transaction.

The counters of the conversation row give out `seq`, event numbers and message indexes:
raising them in the transaction that writes the rows is what keeps them free of gaps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from typing import Any

import sqlalchemy as sa
from pydantic import MISSING

from ..errors import StoreError
from ..wire.conversation import ChatMessage, StoredChunk
from ..wire.extensions import ChunksCommittedEvent
from . import schema
from .chunk_rows import ChunkPlacement, chunk_rows, tool_call_rows
from .event_rows import NewEnd, insert_events, move_ends
from .failures import unknown_conversation
from .queued import drop_queued
from .rows import (
    ChunkSide,
    CommitStamp,
    ConversationRow,
    EventRow,
    StepRow,
    ToolCallRow,
    TurnRow,
)

__all__ = [
    "append_chunks",
    "append_events",
    "begin_turn",
    "create_conversation",
    "deliver_events",
    "finish_turn",
    "mark_interrupted",
    "price_steps",
    "save_step",
    "settle_turn",
    "update_conversation",
]

_conversations = schema.conversations
_turns = schema.turns
_steps = schema.steps

# Built once: for a row as small as an event, building a statement costs more than running it.
_this_conversation = _conversations.c.conversation_id == sa.bindparam("id")
_move_end = (
    _conversations.update()
    .where(_this_conversation, _conversations.c.last_n == sa.bindparam("end"))
    .values(
        last_n=sa.bindparam("new_end"),
        last_seq=_conversations.c.last_seq + sa.bindparam("chunks"),
        updated_us=sa.bindparam("at_us"),
    )
)
_count_messages = (
    _conversations.update().where(_this_conversation).values(message_count=sa.bindparam("messages"))
)
_count_turn = (
    _conversations.update()
    .where(_this_conversation)
    .values(turn_count=_conversations.c.turn_count + 1)
)
_read_counters = sa.select(
    _conversations.c.last_n,
    _conversations.c.last_seq,
    _conversations.c.message_count,
    _conversations.c.turn_count,
).where(_this_conversation)
_insert_chunks = schema.chunks.insert()
_insert_calls = schema.tool_calls.insert()
_insert_turn = _turns.insert()
_insert_step = _steps.insert()


@cache
def _update(table: sa.Table, key: str, names: tuple[str, ...]) -> sa.Update:
    """Return the statement that sets columns of the row whose `key` is given as ``key``."""
    return (
        table.update()
        .where(table.c[key] == sa.bindparam("key"))
        .values({name: sa.bindparam(name) for name in names})
    )


def _set(
    connection: sa.Connection, table: sa.Table, key: str, value: str, columns: dict[str, Any]
) -> int:
    """Set columns of a row; return how many rows there were."""
    statement = _update(table, key, tuple(columns))
    return connection.execute(statement, columns | {"key": value}).rowcount


def create_conversation(connection: sa.Connection, row: ConversationRow, location: str) -> None:
    """Add a conversation without chunks, events or turns."""
    values = asdict(row) | {
        "updated_us": row.created_us if row.updated_us is None else row.updated_us,
        "last_seq": 0,
        "last_n": 0,
        "message_count": 0,
        "turn_count": 0,
    }
    try:
        connection.execute(_conversations.insert(), values)
    except sa.exc.IntegrityError as error:
        raise StoreError(
            f"The store {location} already holds a conversation {row.conversation_id!r}."
        ) from error


def update_conversation(
    connection: sa.Connection, conversation_id: str, columns: dict[str, Any], location: str
) -> None:
    """Set columns of a conversation."""
    if _set(connection, _conversations, "conversation_id", conversation_id, columns) == 0:
        raise _unknown(connection, conversation_id, location)


def append_events(
    connection: sa.Connection, parts: Sequence[tuple[str, Sequence[EventRow]]], location: str
) -> None:
    """Add consecutive events to the ends of conversations' logs.

    Each part is some events with the id of their conversation. If this raises, all of it
    is to be undone; with one part the error says what is wrong.
    """
    for _, rows in parts:
        if any(row.n != n for n, row in enumerate(rows, rows[0].n)):
            numbers = ", ".join(str(row.n) for row in rows)
            raise StoreError(f"Events must be numbered without gaps; these are {numbers}.")
    ends = [NewEnd(id, rows[0].n - 1, rows[-1].n, rows[-1].at_us) for id, rows in parts]
    if move_ends(connection, ends) != len(parts):
        if len(parts) == 1:
            raise _broken_off(connection, parts[0][0], parts[0][1][0].n, location)
        raise StoreError("Not every log ends where its events begin, or one is named twice.")
    insert_events(
        connection, [(conversation_id, row) for conversation_id, rows in parts for row in rows]
    )


def deliver_events(
    connection: sa.Connection,
    conversation_id: str,
    rows: Sequence[EventRow],
    queued_ids: Sequence[str],
    location: str,
) -> None:
    """Add events that tell of queued texts, and take these out of the queue."""
    append_events(connection, [(conversation_id, rows)], location)
    drop_queued(connection, conversation_id, queued_ids)


def append_chunks(
    connection: sa.Connection,
    conversation_id: str,
    messages: Sequence[ChatMessage],
    *,
    turn_id: str,
    step_id: str | None,
    sides: Sequence[ChunkSide],
    event: CommitStamp,
    tool_calls: Sequence[ToolCallRow],
    step: StepRow | None,
    location: str,
) -> tuple[list[StoredChunk], EventRow]:
    """Add messages to the end of a conversation, with the event that tells of them."""
    count = sum(len(message.chunks) for message in messages)
    if count == 0:
        raise StoreError("There is nothing to store: the messages hold no chunks.")
    if sides and len(sides) != count:
        raise StoreError(f"{count} chunks came with side data for {len(sides)}.")
    _advance(connection, conversation_id, [event], chunks=count, location=location)
    counters = _counters(connection, conversation_id)
    placement = ChunkPlacement(
        conversation_id, turn_id, step_id, counters.last_seq - count + 1, counters.message_count
    )
    values, stored = chunk_rows(messages, sides, placement)
    connection.execute(_insert_chunks, values)
    messages_now = values[-1]["message_index"] + 1
    connection.execute(_count_messages, {"id": conversation_id, "messages": messages_now})
    calls = tool_call_rows(stored, tool_calls, placement)
    if calls:
        connection.execute(_insert_calls, [asdict(call) for call in calls])
    if step is not None:
        save_step(connection, step)
    row = EventRow(
        event.n,
        event.at_us,
        event.mono_us,
        ChunksCommittedEvent(
            conversation_id=conversation_id,
            turn_id=turn_id,
            first_seq=placement.first_seq,
            count=count,
            step_id=MISSING if step_id is None else step_id,
        ),
    )
    insert_events(connection, [(conversation_id, row)])
    return stored, row


def begin_turn(connection: sa.Connection, row: TurnRow, location: str) -> TurnRow:
    """Add a turn and give it the next index of its conversation."""
    if connection.execute(_count_turn, {"id": row.conversation_id}).rowcount == 0:
        raise _unknown(connection, row.conversation_id, location)
    row = replace(row, turn_index=_counters(connection, row.conversation_id).turn_count - 1)
    connection.execute(_insert_turn, asdict(row))
    return row


def settle_turn(connection: sa.Connection, row: TurnRow, location: str) -> None:
    """Give a running turn its end, or add a turn that is not there; leave a finished one."""
    mine = _turns.c.turn_id == row.turn_id
    status = connection.scalar(sa.select(_turns.c.status).where(mine))
    if status is None:
        begin_turn(connection, row, location)
    elif status == "running":
        known = {name: value for name, value in asdict(row).items() if value is not None}
        begun = ("turn_id", "conversation_id", "prompt_text", "started_us")
        ends = {name: value for name, value in known.items() if name not in begun}
        _set(connection, _turns, "turn_id", row.turn_id, ends)


def finish_turn(
    connection: sa.Connection, turn_id: str, columns: dict[str, Any], location: str
) -> None:
    """Set columns of a turn."""
    if _set(connection, _turns, "turn_id", turn_id, columns) == 0:
        raise StoreError(f"The store {location} holds no turn {turn_id!r}: begin it first.")


def save_step(connection: sa.Connection, row: StepRow) -> None:
    """Add a step, or replace what was known of it."""
    values = asdict(row)
    if _set(connection, _steps, "step_id", row.step_id, values) == 0:
        connection.execute(_insert_step, values)


def price_steps(connection: sa.Connection, prices: Mapping[str, Mapping[str, object]]) -> None:
    """Set the columns about money of steps, by their ids."""
    for step_id, columns in prices.items():
        _set(connection, _steps, "step_id", step_id, dict(columns))


def mark_interrupted(connection: sa.Connection, conversation_id: str) -> int:
    """Close the turns of a conversation that no process is running any more."""
    return connection.execute(
        _turns.update()
        .where(_turns.c.conversation_id == conversation_id, _turns.c.status == "running")
        .values(status="interrupted", is_lower_bound=True)
    ).rowcount


def _advance(
    connection: sa.Connection,
    conversation_id: str,
    rows: Sequence[EventRow | CommitStamp],
    *,
    chunks: int,
    location: str,
) -> None:
    """Move the ends of a conversation's logs past `rows` and `chunks`, or refuse."""
    first = rows[0].n
    values = {
        "id": conversation_id,
        "end": first - 1,
        "new_end": rows[-1].n,
        "at_us": rows[-1].at_us,
        "chunks": chunks,
    }
    if connection.execute(_move_end, values).rowcount == 0:
        raise _broken_off(connection, conversation_id, first, location)


def _broken_off(
    connection: sa.Connection, conversation_id: str, first: int, location: str
) -> StoreError:
    """Return why event `first` does not continue the log of a conversation."""
    counters = connection.execute(_read_counters, {"id": conversation_id}).one_or_none()
    if counters is None:
        return _unknown(connection, conversation_id, location)
    if counters.last_n < first:
        return StoreError(
            f"Event {first} cannot follow event {counters.last_n} in conversation "
            f"{conversation_id!r}: events are numbered without gaps."
        )
    return StoreError(
        f"Another process is writing conversation {conversation_id!r} in the store {location}: its "
        f"log already reaches event {counters.last_n}, and event {first} was to be added. Nothing "
        "of it was stored. Open the conversation again to go on from its end, or fork it."
    )


def _counters(connection: sa.Connection, conversation_id: str) -> Any:
    return connection.execute(_read_counters, {"id": conversation_id}).one()


def _unknown(connection: sa.Connection, conversation_id: str, location: str) -> StoreError:
    newest = sa.select(_conversations.c.conversation_id).order_by(
        _conversations.c.updated_us.desc()
    )
    known = connection.scalars(newest.limit(1000)).all()
    return unknown_conversation(conversation_id, list(known), location)
