"""Reading many rows of SQLite with what Python brings along, straight into numpy's memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
from sqlalchemy import Connection, text

from .columns import FrameSpec
from .packing import MISFIT, Plan, plan
from .read import Columns, batches, select
from .scope import Scope

__all__ = ["read_rows"]

_ROWS_AT_ONCE = 8_192
# So few that Python's garbage collector does not begin to look at them.
_ROWS_FETCHED = 512
_TRIED = 512


def read_rows(connection: Connection, spec: FrameSpec, scope: Scope) -> Iterator[Columns]:
    """Yield the columns of `spec` that have a SQL source, some thousand rows at a time.

    Texts are arrays of objects, None where there is none; all others are pandas' arrays.
    """
    plain, names = select(spec, scope, numbered=True)
    packing = plan(spec)
    if packing is None:
        yield from batches(connection, plain, names, scope)
        return
    selected = f"SELECT {', '.join(packing.selected)} {spec.tables}"
    sql = scope.fill(selected, whole=False, numbered=True)
    result = connection.execute(text(sql), scope.parameters(sql))
    # The driver's own rows: wrapping each would cost as much as reading it.
    cursor = result.cursor
    assert cursor is not None
    first = 0
    while (read := _Block(packing, cursor)).length:
        if read.fits:
            yield packing.unpacked(read.texts, read.numbers)
        else:
            part = f"{plain} LIMIT {read.length} OFFSET {first}"
            yield from batches(connection, part, names, scope)
        first += read.length
    result.close()


class _Block:
    """Some thousand rows as they come, by column."""

    def __init__(self, packing: Plan, cursor: Any) -> None:
        count = len(packing.texts)
        texts = [np.empty(_ROWS_AT_ONCE, object) for _ in range(count)]
        numbers = [np.empty(_ROWS_AT_ONCE, "int64") for _ in range(len(packing.selected) - count)]
        end = 0
        while end < _ROWS_AT_ONCE and (rows := cursor.fetchmany(_ROWS_FETCHED)):
            start, end = end, end + len(rows)
            columns = zip(*rows, strict=True)
            for column, values in zip(chain(texts, numbers), columns, strict=True):
                column[start:end] = values
        self.length = end
        self.texts = [_shared(column[:end]) for column in texts]
        self.numbers = [column[:end] for column in numbers]
        packed = self.numbers[len(packing.numbers) :]
        self.fits = not any((column == MISFIT).any() for column in packed)


def _shared(texts: Any) -> Any:
    """Return texts, those that are repeated as one object if many are."""
    if np.count_nonzero(_begins(texts[:_TRIED])) > min(len(texts), _TRIED) // 2:
        return texts
    starts = np.flatnonzero(_begins(texts))
    return np.repeat(texts[starts], np.diff(starts, append=len(texts)))


def _begins(texts: Any) -> Any:
    """Return where a text is another than the one before it."""
    begins = np.ones(len(texts), bool)
    np.not_equal(texts[1:], texts[:-1], out=begins[1:])
    return begins
