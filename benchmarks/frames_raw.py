"""Reads the columns of a store's chunks by one way, or a frame's view, in a process of its own.

Needs nothing of this project, so that it runs in the peers' environment too. Prints JSON.
"""

from __future__ import annotations

import json
import resource
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

COLUMNS = """conversation_id, seq, turn_id, step_id, message_id, chunk_index, role, chunk_type,
    text, tool_call_id, tool_name, input_json, content, is_error, error_code, started_us,
    completed_us, delta_count, is_interrupted"""
SQL = f"SELECT {COLUMNS} FROM chunks"
TIMES = ("started_us", "completed_us")


def rss_mb() -> float:
    """Return the most memory this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cpu_s() -> float:
    """Return the seconds of processor time of this process and of those that it waited for."""
    each = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in each)


def fetchall(path: str) -> Callable[[], Any]:
    """Rows as tuples, no frame."""
    return lambda: sqlite3.connect(path).execute(SQL).fetchall()


def read_sql(path: str) -> Callable[[], Any]:
    """`pandas.read_sql`, with times made of the microseconds."""
    import pandas as pd

    def read() -> Any:
        frame = pd.read_sql(SQL, sqlite3.connect(path))
        for name in TIMES:
            frame[name] = pd.to_datetime(frame[name], unit="us", utc=True)
        return frame

    return read


def adbc(path: str) -> Callable[[], Any]:
    """ADBC to an Arrow table, no frame."""
    import adbc_driver_sqlite.dbapi as driver
    import pyarrow.compute  # noqa: F401 - so that its import is not counted

    def read() -> Any:
        uri = f"{Path(path).absolute().as_uri()}?mode=ro"
        with driver.connect(uri) as connection, connection.cursor() as cursor:
            # Without it the driver takes a column that begins with NULL for one of numbers.
            types = f"SELECT {_typed()}"
            cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": "65536"})
            cursor.execute(f"{types} UNION ALL {SQL}")
            return cursor.fetch_arrow_table()

    return read


def connectorx(path: str) -> Callable[[], Any]:
    """Connectorx to an Arrow table, no frame."""
    import connectorx as cx

    return lambda: cx.read_sql(f"sqlite://{path}", SQL, return_type="arrow")


def _typed() -> str:
    numbers = ("seq", "chunk_index", "is_error", *TIMES, "delta_count", "is_interrupted")
    names = [name.strip() for name in COLUMNS.split(",")]
    return ", ".join(f"{0 if name in numbers else repr('')} AS {name}" for name in names)


def view(path: str, name: str) -> Callable[[], Any]:
    """`pandas.read_sql` of the view that shows what a frame shows, times as the text they are."""
    import pandas as pd

    return lambda: pd.read_sql(f"SELECT * FROM {name}_frame", sqlite3.connect(path))


WAYS = {"fetchall": fetchall, "read_sql": read_sql, "adbc": adbc, "connectorx": connectorx}


def main(way: str, path: str, bare: str) -> None:
    """Read once and print seconds, megabytes and rows."""
    if bare == "bare":
        sys.modules["pyarrow"] = None  # type: ignore[assignment]
    read = WAYS[way](path) if way in WAYS else view(path, way)
    before, used, started = rss_mb(), cpu_s(), perf_counter()
    rows = read()
    told = {"s": perf_counter() - started, "cpu_s": cpu_s() - used, "mb": rss_mb() - before}
    print(json.dumps(told | {"rows": len(rows)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
