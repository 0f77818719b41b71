"""Computed columns: functions of typed columns, for all rows at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .columns import Built

if TYPE_CHECKING:
    import pandas as pd

    Series = pd.Series[Any]

__all__ = ["byte_count", "char_count", "content_char_count", "text_char_count"]

_SAYS = ("text", "content", "input_json")


def char_count(built: Built) -> Any:
    """Return the characters of `text`, `content` or `input_json`, whichever the chunk has."""
    return _lengths([built[name] for name in _SAYS], in_bytes=False)


def byte_count(built: Built) -> Any:
    """Return the UTF-8 bytes of `text`, `content` or `input_json`, whichever the chunk has."""
    return _lengths([built[name] for name in _SAYS], in_bytes=True)


def text_char_count(built: Built) -> Any:
    """Return the characters of `text`."""
    return _lengths([built["text"]], in_bytes=False)


def content_char_count(built: Built) -> Any:
    """Return the characters of `content`."""
    return _lengths([built["content"]], in_bytes=False)


def _lengths(columns: Sequence[Series], *, in_bytes: bool) -> Any:
    """Return the length of the first text in every row, 0 where there is none."""
    dtype: Any = columns[0].dtype
    if dtype.storage == "pyarrow":
        import pyarrow
        import pyarrow.compute as pc

        measure: Any = pc.binary_length if in_bytes else pc.utf8_length
        lengths = [measure(pyarrow.array(column.array)) for column in columns]
        return pc.coalesce(*lengths, pyarrow.scalar(0, "int32"))
    said = np.full(len(columns[0]), "", dtype=object)
    for column in reversed(columns):
        texts = np.asarray(column, dtype=object)
        said = np.where(column.isna(), said, texts)
    listed = said.tolist()
    if in_bytes and not all(map(str.isascii, listed)):
        listed = [text if text.isascii() else text.encode() for text in listed]
    return np.fromiter(map(len, listed), "int64", len(listed))
