"""The event log on disk: rows while a turn runs, one compressed segment once it is sealed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..errors import StoreError
from . import schema
from .segments import CODEC, EventLine, decode_segment, encode_segment

__all__ = ["Segment", "read_event_lines", "read_open_turns", "read_segments", "replace_by_segment"]

_events = schema.events
_segments = schema.event_segments
_SEALED = "turn-sealed"
_CLOSING = (_SEALED, "nb.turn-refused")
_line = [_events.c[name] for name in EventLine._fields]


@dataclass(frozen=True, slots=True)
class Segment:
    """A sealed turn's events, compressed and ready to take the place of its rows."""

    count: int
    values: dict[str, Any]


def read_event_lines(
    connection: sa.Connection,
    conversation_id: str | None = None,
    *,
    since_n: int = 0,
    turn_id: str | None = None,
) -> list[EventLine]:
    """Return events in order: of a conversation or of all, of one of its turns or of all.

    Parameters
    ----------
    since_n
        Only events with a higher number are returned.
    """
    rows = sa.select(*_line).where(_events.c.n > since_n)
    segments = sa.select(
        _segments.c.conversation_id, _segments.c.turn_id, _segments.c.codec, _segments.c.payload
    ).where(_segments.c.last_n > since_n)
    if conversation_id is not None:
        rows = rows.where(_events.c.conversation_id == conversation_id)
    if turn_id is not None:
        # A turn is of one conversation, and its segment is found without looking at others.
        rows = rows.where(_events.c.turn_id == turn_id)
        segments = segments.where(_segments.c.turn_id == turn_id)
    elif conversation_id is not None:
        segments = segments.where(_segments.c.conversation_id == conversation_id)
    lines = [EventLine(*row) for row in connection.execute(rows)]
    for segment in connection.execute(segments):
        lines += (line for line in decode_segment(*segment) if line.n > since_n)
    # A turn that was refused while another ran has its event within the other's range.
    lines.sort(key=lambda line: (line.conversation_id, line.n))
    return lines


def read_open_turns(connection: sa.Connection, conversation_id: str) -> list[str]:
    """Return the turns of a conversation whose events are not closed, in order."""
    mine = _events.c.conversation_id == conversation_id
    closed = sa.select(_events.c.turn_id).where(mine, _events.c.type.in_(_CLOSING))
    turn_ids = connection.scalars(
        sa.select(_events.c.turn_id)
        .where(mine, _events.c.turn_id.is_not(None), _events.c.turn_id.not_in(closed))
        .group_by(_events.c.turn_id)
        .order_by(sa.func.min(_events.c.n))
    )
    return [turn_id for turn_id in turn_ids if turn_id is not None]


def read_segments(connection: sa.Connection, conversation_id: str) -> list[Segment]:
    """Return a segment for every sealed turn of a conversation whose events are rows still."""
    mine = _events.c.conversation_id == conversation_id
    sealed = sa.select(_events.c.turn_id).where(mine, _events.c.type == _SEALED)
    rows = connection.execute(
        sa.select(*_line).where(mine, _events.c.turn_id.in_(sealed)).order_by(_events.c.n)
    )
    turns: dict[str | None, list[EventLine]] = {}
    for row in rows:
        line = EventLine(*row)
        turns.setdefault(line.turn_id, []).append(line)
    return [_compressed(lines) for lines in turns.values()]


def replace_by_segment(connection: sa.Connection, segment: Segment) -> int:
    """Put a segment where its rows were; return how many there were.

    Raises
    ------
    StoreError
        If the rows are not those that the segment was made of.
    """
    values = segment.values
    deleted = connection.execute(
        _events.delete().where(
            _events.c.conversation_id == values["conversation_id"],
            _events.c.n.between(values["first_n"], values["last_n"]),
            _events.c.turn_id == values["turn_id"],
        )
    ).rowcount
    if deleted == 0:
        # Another process that has the conversation open was faster.
        return 0
    if deleted != segment.count:
        raise StoreError(
            f"The events of turn {values['turn_id']!r} changed after it was sealed: "
            f"{segment.count} were compressed, and {deleted} are there."
        )
    connection.execute(_segments.insert(), values)
    return deleted


def _compressed(lines: Sequence[EventLine]) -> Segment:
    first, last = lines[0], lines[-1]
    values = {
        "conversation_id": first.conversation_id,
        "first_n": first.n,
        "last_n": last.n,
        "turn_id": first.turn_id,
        "codec": CODEC,
        "payload": encode_segment(lines),
    }
    return Segment(len(lines), values)
