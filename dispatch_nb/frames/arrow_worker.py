"""Reads a part of a SQLite file as Arrow arrays and writes their memory to standard output.

Run as a program of its own by `arrow.py`: it imports nothing of this package, and neither
pandas nor pyarrow, so that it is there at once and takes little memory. The driver hands its
arrays over as the C structures of https://arrow.apache.org/docs/format/CDataInterface.html.

Each batch is a head of 8-byte integers and two blocks. The head has the number of rows, how
many of them are to be skipped, the lengths of the blocks, and for each column how many values
are missing, the length of its bitmap of those that are there, and of its text. The first block
has the offsets of texts, the numbers and their bitmaps; the second, which is kept, the texts
and theirs. All begin at multiples of 8. A head of zeros is the end.
"""

from __future__ import annotations

import ctypes
import sys
from array import array
from collections.abc import Iterator

import adbc_driver_manager
import adbc_driver_sqlite


class _Array(ctypes.Structure):
    """An Arrow array."""


_Array._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_Array))),
    ("dictionary", ctypes.c_void_p),
    ("release", ctypes.c_void_p),
    ("private_data", ctypes.c_void_p),
]


class _Stream(ctypes.Structure):
    """A stream of Arrow arrays."""


_Stream._fields_ = [
    ("get_schema", ctypes.c_void_p),
    (
        "get_next",
        ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Stream), ctypes.POINTER(_Array)),
    ),
    ("get_last_error", ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.POINTER(_Stream))),
    ("release", ctypes.c_void_p),
    ("private_data", ctypes.c_void_p),
]
_Release = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Array))

_PADDING = bytes(8)


def main(uri: str, rows_at_once: str, *statements: str) -> None:
    """Run SELECTs and write their rows, except the first of each: it gives the types."""
    with (
        adbc_driver_sqlite.connect(uri) as database,
        adbc_driver_manager.AdbcConnection(database) as connection,
    ):
        for sql in statements:
            with adbc_driver_manager.AdbcStatement(connection) as statement:
                statement.set_options(**{"adbc.sqlite.query.batch_rows": rows_at_once})
                statement.set_sql_query(sql)
                handle, _ = statement.execute_query()
                columns, skipped = 0, 1
                for batch in _batches(handle.address):
                    columns = batch.n_children
                    _write(batch, skipped)
                    skipped = 0
                sys.stdout.buffer.write(bytes(8 * (4 + 3 * columns)))
                sys.stdout.buffer.flush()
                handle.release()


def _batches(address: int) -> Iterator[_Array]:
    stream = ctypes.cast(address, ctypes.POINTER(_Stream))
    while True:
        batch = _Array()
        if stream.contents.get_next(stream, ctypes.byref(batch)):
            told = stream.contents.get_last_error(stream) or b"the driver does not say why"
            raise SystemExit(told.decode(errors="replace"))
        if not batch.release:
            return
        try:
            yield batch
        finally:
            _Release(batch.release)(ctypes.byref(batch))


def _write(batch: _Array, skipped: int) -> None:
    numbers: list[memoryview] = []
    texts: list[memoryview] = []
    head = array("q", [batch.length, skipped, 0, 0])
    for at in range(batch.n_children):
        column = batch.children[at].contents
        bitmap = _memory(column.buffers[0], (column.length + 7) // 8 if column.null_count else 0)
        if column.n_buffers == 3:
            offsets = _memory(column.buffers[1], 4 * (column.length + 1))
            text = _memory(column.buffers[2], offsets.cast("i")[column.length])
            numbers.append(offsets)
            texts += [bitmap, text]
        else:
            text = _memory(None, 0)
            numbers += [bitmap, _memory(column.buffers[1], 8 * column.length)]
        head.extend([column.null_count, len(bitmap), len(text)])
    head[2], head[3] = map(_padded_length, (numbers, texts))
    out = sys.stdout.buffer
    out.write(head)
    for part in (*numbers, *texts):
        out.write(part)
        out.write(_PADDING[: -len(part) % 8])


def _memory(address: int | None, length: int) -> memoryview:
    if not address or not length:
        return memoryview(b"")
    return memoryview((ctypes.c_char * length).from_address(address)).cast("B")


def _padded_length(parts: list[memoryview]) -> int:
    return sum(len(part) + -len(part) % 8 for part in parts)


if __name__ == "__main__":
    main(*sys.argv[1:])
