"""What the person typed and no model has got yet, as rows: written and read.

A text leaves its row in the transaction that puts it into the event log, so after a crash
it is in one of the two places and never in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import sqlalchemy as sa

from ..errors import StoreError
from . import schema
from .rows import QueuedRow

__all__ = ["drop_queued", "edit_queued", "insert_queued", "keep_queued", "read_queued"]

_queued = schema.queued_texts
_columns = [_queued.c[name] for name in QueuedRow.__dataclass_fields__]


def insert_queued(connection: sa.Connection, row: QueuedRow) -> int:
    """Add a text behind all others of its conversation; return its position."""
    mine = _queued.c.conversation_id == row.conversation_id
    last = connection.scalar(sa.select(sa.func.max(_queued.c.position)).where(mine)) or 0
    connection.execute(_queued.insert(), asdict(row) | {"position": last + 1})
    return last + 1


def edit_queued(connection: sa.Connection, conversation_id: str, queued_id: str, text: str) -> bool:
    """Change a text; false if it is not there."""
    mine = _these(conversation_id, [queued_id])
    return connection.execute(_queued.update().where(mine).values(text=text)).rowcount > 0


def keep_queued(connection: sa.Connection, conversation_id: str, queued_ids: Sequence[str]) -> None:
    """Mark texts as kept for the person; those that are gone stay so."""
    mine = _these(conversation_id, queued_ids)
    connection.execute(_queued.update().where(mine).values(is_kept=True))


def drop_queued(connection: sa.Connection, conversation_id: str, queued_ids: Sequence[str]) -> None:
    """Take texts out, all of them or none.

    Raises
    ------
    StoreError
        If one is not there: somebody else has sent it, or taken it back.
    """
    mine = _these(conversation_id, queued_ids)
    if connection.execute(_queued.delete().where(mine)).rowcount != len(queued_ids):
        raise StoreError(
            "A queued text was sent or taken back in another place in the meantime: look at "
            "what is queued, then send again."
        )


def read_queued(connection: sa.Connection, *conversation_ids: str) -> list[QueuedRow]:
    """Return the texts of conversations, each one's in the order in which they were typed."""
    mine = _queued.c.conversation_id.in_(conversation_ids)
    rows = connection.execute(sa.select(*_columns).where(mine).order_by(_queued.c.position))
    return [QueuedRow(*row) for row in rows]


def _these(conversation_id: str, queued_ids: Sequence[str]) -> sa.ColumnElement[bool]:
    return sa.and_(
        _queued.c.conversation_id == conversation_id, _queued.c.queued_id.in_(queued_ids)
    )
