"""Reading many rows of a store's file at once, as Arrow, in processes beside this one.

The driver brings a SQLite of its own. Two of them in one process undo each other's locks on
a file: when one closes it, the other's locks are gone, and another process may then throw the
log away that this one goes on writing to (sqlite.org/howtocorrupt.html, section 2.2). So the
driver reads in processes of its own, which also share the work.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..errors import FrameError
from .columns import BOOLEAN, FLOAT, INTEGER, TIME, Column, FrameSpec
from .read import Columns, select, sql_columns
from .scope import Scope

__all__ = ["MANY_ROWS", "can_read", "divided", "read_parts"]

MANY_ROWS = 150_000
"""From so many rows on it is worth while to start the processes."""

_WORKER = Path(__file__).with_name("arrow_worker.py")
_ROWS_AT_ONCE = 32_768
_MOST = 2
_PIPE_BYTES = 1 << 20


def can_read() -> bool:
    """Return whether a store's file can be read so."""
    return bool(sys.executable) and all(
        find_spec(name) for name in ("pyarrow", "adbc_driver_sqlite")
    )


def divided(table: str, first: int, last: int) -> list[Scope]:
    """Return the rows after `first` up to `last` in as many parts as are best read at once."""
    count = max(1, min(_MOST, os.cpu_count() or 1))
    borders = [first + (last - first) * part // count for part in range(count + 1)]
    return [Scope(rows=(table, *pair)) for pair in pairwise(borders)]


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
        Arrow arrays by column, of some thousand rows.

    Raises
    ------
    FrameError
        If a process ends without having read all.
    """
    columns = sql_columns(spec)
    # The driver takes the first row's types for all: without it a column that begins with
    # nothing would be one of numbers.
    types = ", ".join(f"{_example(column)} AS {column.name}" for column in columns)
    readers = [
        _Reader(path, f"SELECT {types} UNION ALL SELECT * FROM ({_statement(spec, scope)})")
        for scope in scopes
    ]
    try:
        for reader in readers:
            for batch in reader.batches():
                yield {column.name: batch.column(at) for at, column in enumerate(columns)}
    finally:
        for reader in readers:
            reader.close()


def _statement(spec: FrameSpec, scope: Scope) -> str:
    sql, _ = select(spec, scope, numbered=True)
    for name, value in scope.parameters(sql).items():
        sql = sql.replace(f":{name}", str(value))
    return sql


def _example(column: Column) -> str:
    if column.dtype in (INTEGER, TIME, BOOLEAN):
        return "0"
    return "0.5" if column.dtype == FLOAT else "''"


class _Reader:
    """One process, and the thread that empties its pipe."""

    def __init__(self, path: Path, sql: str) -> None:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        # -P: the modules beside the program are no libraries of its.
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_WORKER), uri, sql, str(_ROWS_AT_ONCE)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=1 << 20,
        )
        _widen(self._process.stdout)
        self._read: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(
            target=self._empty, name="dispatch_nb frame reader", daemon=True
        )
        self._thread.start()

    def batches(self) -> Iterator[Any]:
        """Yield what the process reads, without the row that gives the types."""
        first = True
        while (batch := self._read.get()) is not None:
            if isinstance(batch, Exception):
                raise self._failure() from batch
            yield batch.slice(1) if first else batch
            first = False

    def close(self) -> None:
        """End the process if it still reads."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._thread.join()
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()

    def _empty(self) -> None:
        import pyarrow as pa

        try:
            with pa.ipc.open_stream(pa.PythonFile(self._process.stdout, "r")) as stream:
                for batch in stream:
                    self._read.put(batch)
            self._read.put(None)
        except (pa.ArrowException, OSError, ValueError) as error:
            self._read.put(error)

    def _failure(self) -> FrameError:
        assert self._process.stderr is not None
        told = self._process.stderr.read().decode(errors="replace").strip().splitlines()
        last = told[-1] if told else f"it ended with code {self._process.wait()}"
        return FrameError(
            f"The process that reads the store's rows failed: {last}. The store is as it was; "
            "ask again, or for fewer rows, such as those of one conversation_id."
        )


def _widen(pipe: Any) -> None:
    """Let a pipe hold more, where that can be asked for: both ends then wait less often."""
    try:
        import fcntl

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    except (ImportError, AttributeError, OSError):
        # Not on Linux, or this person's pipes hold as much as they may: it is slower, no more.
        return
