"""Reading stored chunks part by part, by whichever way is fastest."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, text

from .arrow import MANY_ROWS, can_read, divided, read_parts
from .columns import FrameSpec
from .mending import mend
from .read import Columns, FrameStore, batches, is_numbered, select
from .rows import read_rows
from .scope import Scope

__all__ = ["most_rows", "read_chunks"]

_ROOM = 1_024
_NEWEST = text("SELECT MAX(rowid) FROM chunks")


def most_rows(connection: Connection, scope: Scope) -> int:
    """Return for how many chunks of a scope to make room, with some to spare."""
    if not is_numbered(connection) or not scope.is_everything:
        return _ROOM
    newest: int = connection.scalar(_NEWEST) or 0
    return newest + newest // 4 + _ROOM


def read_chunks(
    store: FrameStore, connection: Connection, spec: FrameSpec, scope: Scope
) -> Iterator[Columns]:
    """Yield the columns of stored chunks of a scope, some thousand rows at a time."""
    numbered = is_numbered(connection)
    if numbered and scope.conversation_ids is None and not scope.of_some_turns:
        first, last = scope.rows[1:] if scope.rows else (0, connection.scalar(_NEWEST) or 0)
        if last - first >= MANY_ROWS and store.path is not None and can_read():
            for values in read_parts(store.path, spec, divided("chunks", first, last)):
                yield mend(connection, values)
            return
    if numbered:
        parts = read_rows(connection, spec, scope)
    else:
        sql, names = select(spec, scope, numbered=False)
        parts = batches(connection, sql, names, scope)
    for values in parts:
        yield mend(connection, values)
