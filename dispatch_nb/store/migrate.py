"""Whether a database is a store of ours, and how it is brought to the newest version."""

from __future__ import annotations

import threading
from pathlib import Path

import sqlalchemy as sa

from ..errors import StoreError, StoreVersionError
from .database import Database
from .schema import VERSIONS, metadata

__all__ = ["bring_up_to_date"]

_alembic_lock = threading.Lock()
# Any fixed number will do: whoever holds it on a server is the one who migrates.
_SERVER_LOCK = 0x_D15_BA7C4


def bring_up_to_date(database: Database) -> None:
    """Create the tables of a new store or migrate an older one; leave anything else untouched.

    Raises
    ------
    StoreVersionError
        If the store was written by a newer version of this package.
    StoreError
        If it is a database of another program.
    """
    with database.read() as connection:
        if _version(connection, database) == VERSIONS[-1]:
            return
    with database.write() as connection:
        if database.is_server:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_SERVER_LOCK)))
        # Another process may have been faster: Alembic looks again, and does what is left.
        _upgrade(connection)
        if not database.is_server:
            _make_views(connection)


def _version(connection: sa.Connection, database: Database) -> str | None:
    """Return the revision of a store, None for a database without tables of ours."""
    tables = set(sa.inspect(connection).get_table_names())
    ours = tables & set(metadata.tables)
    if "alembic_version" in tables:
        version = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        if version in VERSIONS:
            return str(version)
        if {"conversations", "chunks"} <= ours:
            raise StoreVersionError(
                f"The store {database.location} was written by a newer version of dispatch_nb (its "
                f"revision is {version}, the newest known here {VERSIONS[-1]}); it was left as it "
                "is. Run `pip install -U dispatch_nb`, or choose another path."
            )
    elif not (ours if database.is_server else tables):
        return None
    raise StoreError(
        f"The store {database.location} is a database of another program; it was left as it is. "
        "Choose the path of a store, or of a file that does not exist yet."
    )


def _upgrade(connection: sa.Connection) -> None:
    # Alembic costs a third of a second to import, which a store that is current need not pay.
    from alembic import command
    from alembic.config import Config

    config = Config()
    # Alembic reads this through configparser, where % has a meaning.
    folder = str(Path(__file__).parent / "migrations").replace("%", "%%")
    config.set_main_option("script_location", folder)
    config.attributes["connection"] = connection
    # Alembic keeps its context in a module, so two stores cannot migrate at once.
    with _alembic_lock:
        command.upgrade(config, "head")


def _make_views(connection: sa.Connection) -> None:
    """Make the views that show the tables as the frames do; see `frames/views.py`."""
    statements = (Path(__file__).parent / "views.sql").read_text("utf-8")
    for statement in statements.split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)
