"""Reads a part of a SQLite file into Arrow and writes it to standard output.

Run as a program of its own by `arrow.py`: it imports nothing of this package, so that it is
there in a fraction of a second.
"""

import sys

import adbc_driver_sqlite.dbapi as sqlite
import pyarrow as pa


def main(uri: str, sql: str, rows_at_once: str) -> None:
    """Run one SELECT and write its rows as an Arrow stream."""
    with sqlite.connect(uri) as connection, connection.cursor() as cursor:
        cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": rows_at_once})
        cursor.execute(sql)
        reader = cursor.fetch_record_batch()
        with (
            pa.PythonFile(sys.stdout.buffer, "w") as sink,
            pa.ipc.new_stream(sink, reader.schema) as stream,
        ):
            for batch in reader:
                stream.write_batch(batch)


if __name__ == "__main__":
    main(*sys.argv[1:])
