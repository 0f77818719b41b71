"""Texts that a column of the store cannot hold, put back from the chunk's own JSON.

Such a column has U+FFFD in place of what it cannot store, as it may have anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from .read import Columns

__all__ = ["mend"]

_LOST = "\N{REPLACEMENT CHARACTER}"
_KEYS = {"text": ("text", "message"), "content": ("content", "url"), "result": ("content",)}
_CHUNK = text("SELECT chunk_json FROM chunks WHERE conversation_id = :id AND seq = :seq")


def mend(connection: Connection, columns: Columns, seq: str = "seq") -> Columns:
    """Return columns, as lists or as Arrow arrays, with what was lost put back.

    Parameters
    ----------
    connection
        To the store they were read from.
    columns
        Values by column; ``conversation_id`` and `seq` among them say which chunk it is.
    seq
        The column with the chunk's seq.
    """
    for name, keys in _KEYS.items():
        rows = _suspects(columns[name]) if name in columns else []
        if not rows:
            continue
        texts = _listed(columns[name])
        ids, seqs = _listed(columns["conversation_id"]), _listed(columns[seq])
        for row in rows:
            found = connection.scalars(_CHUNK, {"id": ids[row], "seq": seqs[row]}).one()
            chunk = json.loads(found)
            texts[row] = next(chunk[key] for key in keys if key in chunk)
        columns = columns | {name: texts}
    return columns


def _listed(values: Any) -> list[Any]:
    listed: list[Any] = values.to_pylist() if hasattr(values, "to_pylist") else list(values)
    return listed


def _suspects(values: Any) -> Sequence[int]:
    if not hasattr(values, "to_pylist"):
        return [
            row
            for row, each in enumerate(values)
            if each is not None and not each.isascii() and _LOST in each
        ]
    import pyarrow.compute as pc

    rows: list[int] = pc.indices_nonzero(
        pc.fill_null(pc.match_substring(values, _LOST), False)
    ).to_pylist()
    return rows
