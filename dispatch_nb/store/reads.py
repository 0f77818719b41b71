"""Every way in which the store is read, as queries on an open connection."""

from __future__ import annotations

from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from pydantic import MISSING

from ..transcript.usage import NO_USAGE
from ..wire.conversation import (
    ChatMessage,
    ConversationHistoryResponse,
    StepMetrics,
    TurnMetrics,
    Usage,
)
from ..wire.extensions import ChunkDetail, PromptMessage
from ..wire.parse import parse_chunk, parse_history_response, parse_live_event
from . import schema
from .event_log import read_event_lines
from .failures import unknown_conversation
from .rows import ConversationRow, EventRow, StepRow

__all__ = [
    "conversation",
    "conversation_ids",
    "events",
    "history",
    "list_conversations",
    "messages",
    "steps",
    "turn_metrics",
]

_conversations = schema.conversations
_chunks = schema.chunks
_turns = schema.turns
_steps = schema.steps
_newest_first = (_conversations.c.updated_us.desc(), _conversations.c.conversation_id)


def conversation(connection: sa.Connection, conversation_id: str, location: str) -> ConversationRow:
    """Return a conversation's row."""
    row = connection.execute(
        sa.select(_conversations).where(_conversations.c.conversation_id == conversation_id)
    ).one_or_none()
    if row is None:
        raise unknown_conversation(conversation_id, conversation_ids(connection), location)
    return ConversationRow(**row._mapping)


def list_conversations(connection: sa.Connection) -> list[ConversationRow]:
    """Return every conversation, newest activity first."""
    rows = connection.execute(sa.select(_conversations).order_by(*_newest_first))
    return [ConversationRow(**row._mapping) for row in rows]


def conversation_ids(connection: sa.Connection) -> list[str]:
    """Return the id of every conversation, newest activity first."""
    query = sa.select(_conversations.c.conversation_id).order_by(*_newest_first)
    return list(connection.scalars(query))


def history(
    connection: sa.Connection,
    conversation_id: str,
    since_seq: int,
    before_seq: int | None,
    limit: int | None,
) -> ConversationHistoryResponse:
    """Return the newest `limit` chunks between two seqs, both excluded, ascending."""
    has_before = before_seq is not None and before_seq >= 1
    has_limit = limit is not None and limit >= 1
    values: dict[str, Any] = {"id": conversation_id, "since": max(since_seq, 0)}
    if has_before:
        values["before"] = before_seq
    if has_limit:
        values["limit"] = limit
    rows = connection.execute(_history_query(has_before, has_limit), values).all()[::-1]
    latest = rows[-1].seq if rows else since_seq
    # The stored chunks are JSON already: the whole response is read in one go.
    listed = ",".join(
        f'{{"seq":{seq},"role":"{role}","chunk":{chunk}}}' for seq, role, chunk in rows
    )
    return parse_history_response(f'{{"chunks":[{listed}],"latestSeq":{latest}}}')


@cache
def _history_query(has_before: bool, has_limit: bool) -> sa.Executable:
    # Kept: a poller asks for a few rows, which are read in less time than this takes.
    query = (
        sa.select(_chunks.c.seq, _chunks.c.role, _chunks.c.chunk_json)
        .where(
            _chunks.c.conversation_id == sa.bindparam("id"), _chunks.c.seq > sa.bindparam("since")
        )
        .order_by(_chunks.c.seq.desc())
    )
    if has_before:
        query = query.where(_chunks.c.seq < sa.bindparam("before"))
    return query.limit(sa.bindparam("limit")) if has_limit else query


def messages(connection: sa.Connection, conversation_id: str) -> list[ChatMessage]:
    """Return the messages of a conversation with the borders they were stored with."""
    rows = connection.execute(
        sa.select(
            _chunks.c.message_index, _chunks.c.role, _chunks.c.chunk_json, _chunks.c.detail_json
        )
        .where(_chunks.c.conversation_id == conversation_id)
        .order_by(_chunks.c.seq)
    )
    rebuilt = []
    for _, group in groupby(rows, key=attrgetter("message_index")):
        members = list(group)
        chunks = [parse_chunk(row.chunk_json) for row in members]
        details = {
            index: ChunkDetail.model_validate_json(row.detail_json)
            for index, row in enumerate(members)
            if row.detail_json is not None
        }
        role = members[0].role
        rebuilt.append(
            PromptMessage(role=role, chunks=chunks, details=details)
            if details
            else ChatMessage(role=role, chunks=chunks)
        )
    return rebuilt


def events(
    connection: sa.Connection, conversation_id: str, since_n: int, turn_id: str | None
) -> list[EventRow]:
    """Return the events after `since_n`, of one turn or of all."""
    lines = read_event_lines(connection, conversation_id, since_n=since_n, turn_id=turn_id)
    return [
        EventRow(line.n, line.at_us, line.mono_us, parse_live_event(line.event_json))
        for line in lines
    ]


def steps(connection: sa.Connection) -> list[StepRow]:
    """Return every step, in the order they were stored."""
    rows = connection.execute(sa.select(schema.steps))
    return [StepRow(**row._mapping) for row in rows]


def turn_metrics(connection: sa.Connection, conversation_id: str) -> list[TurnMetrics]:
    """Return usage and timing of every sealed turn, in turn order."""
    turns = connection.execute(
        sa.select(_turns)
        .where(_turns.c.conversation_id == conversation_id, _turns.c.sealed_us.is_not(None))
        .order_by(_turns.c.turn_index)
    ).all()
    # To the contract a step is one, however often it was tried; the last try made it.
    latest: dict[str, dict[int, Any]] = {}
    for row in connection.execute(
        sa.select(_steps)
        .where(_steps.c.conversation_id == conversation_id)
        .order_by(_steps.c.step_index, _steps.c.attempt)
    ):
        latest.setdefault(row.turn_id, {})[row.step_index] = row
    steps = {
        turn.turn_id: [_step_metrics(row) for row in latest.get(turn.turn_id, {}).values()]
        for turn in turns
    }
    return [_turn_metrics(turn, steps[turn.turn_id]) for turn in turns]


def _step_metrics(row: Any) -> StepMetrics:
    return StepMetrics(
        step_id=row.step_id,
        # The contract's metrics are what events reported (turn contract, section 7.2).
        usage=_reported(row),
        ttft_ms=_given(row.ttft_ms),
        decode_ms=_given(row.decode_ms),
        gen_total_ms=_given(row.gen_total_ms),
    )


def _turn_metrics(row: Any, steps: list[StepMetrics]) -> TurnMetrics:
    return TurnMetrics(
        turn_id=row.turn_id,
        usage=_usage(row) if row.input_tokens is not None else _sum(steps),
        steps=steps,
        duration_ms=_given(row.duration_ms),
        context_size=_given(row.context_size),
    )


def _reported(row: Any) -> Usage:
    if row.usage_source != "estimated":
        return _usage(row)
    if row.reported_output_tokens is None:
        return NO_USAGE
    return _usage(row).model_copy(update={"output_tokens": row.reported_output_tokens})


def _usage(row: Any) -> Usage:
    return Usage(
        input_tokens=row.input_tokens or 0,
        output_tokens=row.output_tokens or 0,
        cache_read_tokens=_given(row.cache_read_tokens),
        cache_write_tokens=_given(row.cache_write_tokens),
    )


def _sum(steps: list[StepMetrics]) -> Usage:
    """Add up usages; a cache counter is there if any step has it (turn contract, 4.4)."""

    def total(location: str) -> Any:
        counts = [getattr(step.usage, location) for step in steps]
        given = [count for count in counts if count is not MISSING]
        return sum(given) if given else MISSING

    return Usage(
        input_tokens=sum(step.usage.input_tokens for step in steps),
        output_tokens=sum(step.usage.output_tokens for step in steps),
        cache_read_tokens=total("cache_read_tokens"),
        cache_write_tokens=total("cache_write_tokens"),
    )


def _given(value: Any) -> Any:
    return MISSING if value is None else value
