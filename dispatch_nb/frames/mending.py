"""Texts that a column of the store cannot hold, put back from the chunk's own JSON.

Such a column has U+FFFD in place of what it cannot store, as it may have anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
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
    for name in ("to_pylist", "tolist"):
        if hasattr(values, name):
            listed: list[Any] = getattr(values, name)()
            return listed
    return list(values)


def _suspects(values: Any) -> Sequence[int]:
    if not hasattr(values, "to_pylist"):
        if "".join(filter(None, values)).isascii():
            return []
        return [
            row
            for row, each in enumerate(values)
            if each is not None and not each.isascii() and _LOST in each
        ]
    import pyarrow.compute as pc

    # Nearly all texts are ASCII alone, and that is seen ten times sooner.
    if all(_is_ascii(part) for part in getattr(values, "chunks", [values])):
        return []
    rows: list[int] = pc.indices_nonzero(
        pc.fill_null(pc.match_substring(values, _LOST), False)
    ).to_pylist()
    return rows


def _is_ascii(values: Any) -> bool:
    """Return whether the texts of an Arrow array, and its memory's others, are ASCII alone."""
    memory = values.buffers()[-1]
    return memory is None or not (np.frombuffer(memory, "int8") < 0).any()
