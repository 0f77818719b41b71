"""Images as rows: each once, however many messages show it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from . import schema
from .rows import ImageRow

__all__ = ["insert_images", "read_images"]

_images = schema.images


def insert_images(connection: sa.Connection, rows: Sequence[ImageRow]) -> None:
    """Add images; those that are there already stay as they are."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    insert = dialect.insert(_images).on_conflict_do_nothing()
    values = [{"digest": r.digest, "mime_type": r.mime_type, "data": r.data} for r in rows]
    connection.execute(insert, values)


def read_images(connection: sa.Connection, digests: Iterable[str]) -> dict[str, ImageRow]:
    """Return the images that are there, by digest."""
    found: dict[str, ImageRow] = {}
    for digest in set(digests):
        row = connection.execute(sa.select(_images).where(_images.c.digest == digest)).one_or_none()
        if row is not None:
            found[digest] = ImageRow(row.digest, row.mime_type, bytes(row.data))
    return found
