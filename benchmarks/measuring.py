"""What both benchmarks share: recording what a store writes, replaying it raw, and a table."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from time import perf_counter, process_time
from typing import Any

import psutil
import sqlalchemy as sa

from dispatch_nb.store import Store

__all__ = [
    "Cpu",
    "CpuWatch",
    "Recording",
    "open_raw",
    "percentile",
    "say_machine",
    "table",
    "verdict",
]

# Not the migrations, nor the compaction: it comes after the seal, beside the stream.
_WRITES = re.compile(
    r"(INSERT INTO|UPDATE) (conversations|turns|steps|chunks|tool_calls|events|queued_texts)\b"
)

BUSY_CORES = 0.3
"""Cores that others keep busy from which on the clock says little about us."""


class Recording:
    """The statements that change a store, transaction by transaction, as they were run."""

    def __init__(self) -> None:
        self.transactions: list[list[tuple[str, Any, bool]]] = []
        self._open: list[tuple[str, Any, bool]] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Record every store of this process."""
        sa.event.listen(sa.Engine, "before_cursor_execute", self._execute)
        sa.event.listen(sa.Engine, "commit", self._commit)
        try:
            yield
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", self._execute)
            sa.event.remove(sa.Engine, "commit", self._commit)

    def replay(self, path: Path) -> float:
        """Run the statements again with the sqlite3 module alone; return the seconds."""
        connection = open_raw(path)
        started = perf_counter()
        for transaction in self.transactions:
            connection.execute("BEGIN IMMEDIATE")
            for statement, values, is_many in transaction:
                (connection.executemany if is_many else connection.execute)(statement, values)
            connection.execute("COMMIT")
        seconds = perf_counter() - started
        connection.close()
        return seconds

    def _execute(
        self,
        connection: object,
        cursor: object,
        statement: str,
        values: Any,
        context: object,
        is_many: bool,
    ) -> None:
        if _WRITES.match(statement):
            self._open.append((statement, values, is_many))

    def _commit(self, connection: object) -> None:
        if self._open:
            self.transactions.append(self._open)
            self._open = []


@dataclass(frozen=True)
class Cpu:
    """Seconds of processor time of this process, and how many cores others kept busy."""

    own: float
    foreign: float


class CpuWatch:
    """Watches the processors from its making on."""

    def __init__(self) -> None:
        self._since = self._now()

    def read(self) -> Cpu:
        """Return what was used since."""
        wall, own, busy = (now - was for now, was in zip(self._now(), self._since, strict=True))
        return Cpu(own, max(0.0, busy - own) / wall)

    def _now(self) -> tuple[float, float, float]:
        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        return perf_counter(), process_time(), sum(times[:8]) - idle


def open_raw(path: Path) -> sqlite3.Connection:
    """Return a bare connection to a new, empty store that is written as a store is."""
    Store(path).close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint = 16384")
    return connection


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile of at least two values."""
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def say_machine() -> None:
    """Print what else decides the figures below."""
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the run. Compare the "
        "ratios: the absolute figures are this machine's, at this moment.\n"
    )


def table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns, the first one as the head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
        if number == 0:
            print("  ".join("-" * width for width in widths))
    print()


def verdict(is_met: bool, bar: str, cpu: Cpu | None = None) -> str:
    """Return whether an aim is met; one by the clock is not judged on a busy machine."""
    if cpu is not None and not is_met and cpu.foreign > BUSY_CORES:
        return f"not judged, others were busy: {bar}"
    return f"{'met' if is_met else 'MISSED'}: {bar}"
