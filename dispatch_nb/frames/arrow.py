"""Reading many rows of a store's file at once, as Arrow, in processes beside this one.

The driver brings a SQLite of its own. Two of them in one process undo each other's locks on
a file: when one closes it, the other's locks are gone, and another process may then throw the
log away that this one goes on writing to (sqlite.org/howtocorrupt.html, section 2.2). So the
driver reads in processes of its own, which also share the work.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from io import BufferedReader
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from .columns import FLOAT, TEXT, Column, FrameSpec
from .processes import filled, read_side_by_side
from .read import Columns, select, sql_columns
from .scope import Scope

__all__ = ["MANY_ROWS", "can_read", "divided", "read_parts"]

MANY_ROWS = 50_000
"""From so many rows on it is worth while to start the processes."""

_WORKER = Path(__file__).with_name("arrow_worker.py")
_ROWS_AT_ONCE = 32_768
_BYTES_AT_ONCE = 32 << 20
_MOST = 2
_PARTS_EACH = 4
_FALSE = "FALSE"


def can_read() -> bool:
    """Return whether a store's file can be read so."""
    return bool(sys.executable) and all(
        find_spec(name) for name in ("pyarrow", "adbc_driver_sqlite")
    )


def divided(table: str, first: int, last: int) -> list[Scope]:
    """Return the rows after `first` up to `last` in as many parts as are best read at once."""
    # More than there are processes: what comes first is made into a frame while they go on.
    count = _PARTS_EACH * _processes()
    borders = [first + (last - first) * part // count for part in range(count + 1)]
    return [Scope(rows=(table, *pair)) for pair in pairwise(borders)]


def _processes() -> int:
    return max(1, min(_MOST, os.cpu_count() or 1))


def read_parts(path: Path, spec: FrameSpec, scopes: Sequence[Scope]) -> Iterator[Columns]:
    """Read scopes side by side; yield the rows of the first, then of the second, and so on.

    Parameters
    ----------
    path
        The store's file.
    spec
        What to select; it has no parameter but ``:upto`` and ``:after``.
    scopes
        Rows of a table each.

    Yields
    ------
    dict
        Arrow arrays by column, of some thousand rows; of words their places.

    Raises
    ------
    FrameError
        If a process ends without having read all.
    """
    given = {column.name: column for column in sql_columns(spec)}
    read = [column for column in given.values() if column.source != _FALSE]
    # The driver takes the first row's types for all: without it a column that begins with
    # nothing would be one of numbers.
    types = ", ".join(f"{_example(column)} AS {column.name}" for column in read)
    chosen = ", ".join(map(_selected, read))
    statements = [
        f"SELECT {types} UNION ALL SELECT {chosen} FROM ({_statement(spec, scope)})"
        for scope in scopes
    ]
    import pyarrow

    uri, take = f"{path.absolute().as_uri()}?mode=ro", partial(_batch, read)
    for arrays, rows in read_side_by_side(
        _WORKER, uri, statements, _rows_at_once(path, scopes), take, _processes()
    ):
        yield {name: arrays.get(name, pyarrow.repeat(False, rows)) for name in given}


def _rows_at_once(path: Path, scopes: Sequence[Scope]) -> int:
    """Return how many rows make a batch: fewer where they are long, by what the file holds."""
    rows = max((scope.rows[2] for scope in scopes if scope.rows), default=0)
    size = path.stat().st_size if path.exists() else 0
    return max(256, min(_ROWS_AT_ONCE, _BYTES_AT_ONCE * rows // max(1, size)))


def _statement(spec: FrameSpec, scope: Scope) -> str:
    sql, _ = select(spec, scope, numbered=True)
    for name, value in scope.parameters(sql).items():
        sql = sql.replace(f":{name}", str(value))
    return sql


def _example(column: Column) -> str:
    if column.dtype == TEXT:
        return "''"
    return "0.5" if column.dtype == FLOAT else "0"


def _selected(column: Column) -> str:
    """Return a column's value, of a word its place: it need not be looked up in every row."""
    if not isinstance(column.dtype, tuple):
        return column.name
    places = " ".join(f"WHEN '{word}' THEN {place}" for place, word in enumerate(column.dtype))
    return f"CASE {column.name} {places} END"


def _batch(columns: Sequence[Column], pipe: BufferedReader) -> tuple[Columns, int] | None:
    """Take Arrow arrays and their length from what the program writes, as is said there."""
    import pyarrow as pa

    head = np.frombuffer(filled(pipe, bytearray(8 * (4 + 3 * len(columns)))), "int64")
    length, skipped, numbers_length, texts_length, *rest = head.tolist()
    if not length:
        return None
    numbers = _Block(filled(pipe, np.empty(numbers_length, "uint8")))
    texts = _Block(filled(pipe, np.empty(texts_length, "uint8")))
    arrays = {}
    for at, column in enumerate(columns):
        missing, bitmap_length, text_length = rest[3 * at : 3 * at + 3]
        if column.dtype == TEXT:
            offsets = numbers.take(4 * (length + 1)).view("int32").astype("int64")
            bitmap, text = texts.taken(bitmap_length), texts.taken(text_length)
            parts = [bitmap, pa.py_buffer(offsets), text or pa.py_buffer(b"")]
            kind = pa.large_string()
        else:
            parts = [numbers.taken(bitmap_length), numbers.taken(8 * length)]
            kind = pa.float64() if column.dtype == FLOAT else pa.int64()
        array = pa.Array.from_buffers(kind, length, parts, missing)
        arrays[column.name] = array.slice(skipped)
    return arrays, length - skipped


class _Block:
    """Memory of which one part after the other is taken."""

    def __init__(self, memory: Any) -> None:
        self._memory, self._at = memory, 0

    def take(self, length: int) -> Any:
        start, self._at = self._at, self._at + length + -length % 8
        return self._memory[start : start + length]

    def taken(self, length: int) -> Any:
        import pyarrow as pa

        return pa.py_buffer(self.take(length)) if length else None
