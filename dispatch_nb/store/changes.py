"""What others have written since one last looked: cheap to ask, and read as one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from . import reads, schema
from .queued import read_queued
from .rows import EventRow, QueuedRow

__all__ = ["Change", "read_changes"]

_heads = sa.select(
    schema.conversations.c.conversation_id,
    schema.conversations.c.title,
    schema.conversations.c.last_n,
).where(schema.conversations.c.conversation_id.in_(sa.bindparam("ids", expanding=True)))


@dataclass(frozen=True, slots=True)
class Change:
    """How a conversation stands now, and the events that one has not seen yet."""

    conversation_id: str
    title: str | None
    rows: list[EventRow]
    queued: list[QueuedRow]


def read_changes(connection: sa.Connection, seen: Mapping[str, int]) -> list[Change]:
    """Return how conversations stand, with their events after those that were seen.

    Parameters
    ----------
    seen
        The number of the last event that was seen of each conversation.
    """
    ids = list(seen)
    queued: dict[str, list[QueuedRow]] = {id: [] for id in ids}
    for row in read_queued(connection, *ids):
        queued[row.conversation_id].append(row)
    return [
        Change(
            head.conversation_id,
            head.title,
            reads.events(connection, head.conversation_id, seen[head.conversation_id], None)
            if head.last_n > seen[head.conversation_id]
            else [],
            queued[head.conversation_id],
        )
        for head in connection.execute(_heads, {"ids": ids}).all()
    ]
