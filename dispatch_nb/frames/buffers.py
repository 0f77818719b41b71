"""The memory of kept columns: it grows at its end, and is given away to be read only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from .build import as_time, category, masked, masked_kind
from .columns import TEXT, TIME, ColumnType

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["Buffer", "KeptColumn", "kept_column", "same_text", "with_text"]

_SMALLEST = 64
# Texts are collected in pieces of at most so many rows: one that changes costs its piece.
_PIECE = 32_768
# Pieces smaller than this are joined with their neighbours, so there are never many.
_SMALL = 8_192


class KeptColumn(Protocol):
    """One column whose values can be appended, changed and cut off."""

    @property
    def nbytes(self) -> int:
        """How many bytes it takes."""
        ...

    def append(self, values: Series) -> None:
        """Add values of the column's dtype at the end."""
        ...

    def put(self, rows: Any, values: Series) -> None:
        """Give rows, by ascending position, other values."""
        ...

    def cut(self, length: int) -> None:
        """Forget all rows from `length` on."""
        ...

    def array(self) -> Any:
        """Return all values without copying them; nobody can write through what is given."""
        ...


def kept_column(dtype: ColumnType, room: int) -> KeptColumn:
    """Return an empty column with room for so many rows."""
    if dtype != TEXT:
        return _Numbers(dtype, room)
    return _Texts() if pd.StringDtype().storage == "pyarrow" else _Objects(room)


class Buffer:
    """One numpy array with room at its end; what was given away is never written to."""

    def __init__(self, kind: Any, room: int) -> None:
        self.length = 0
        self._make(max(room, _SMALLEST), kind)

    def _make(self, room: int, kind: Any) -> None:
        # Memory that is never written to is not there: room for more costs nothing yet.
        self._values = np.empty(room, dtype=kind)
        self._given = 0
        self.shown = self._values.view()
        self.shown.flags.writeable = False

    @property
    def nbytes(self) -> int:
        """How many bytes the values take."""
        return int(self._values.itemsize) * self.length

    def append(self, values: Any) -> None:
        """Add values at the end."""
        end = self.length + len(values)
        if end > len(self._values) or self.length < self._given:
            self._move(max(2 * end, _SMALLEST) if end > len(self._values) else len(self._values))
        self._values[self.length : end] = values
        self.length = end

    def put(self, rows: Any, values: Any) -> None:
        """Give some positions, ascending, other values."""
        if self._given > rows[0]:
            self._move(len(self._values))
        self._values[rows] = values

    def cut(self, length: int) -> None:
        """Forget all values from `length` on."""
        self.length = length

    def given(self) -> Any:
        """Return the memory, of which the first `length` values may be given away."""
        self._given = max(self._given, self.length)
        return self.shown

    def _move(self, room: int) -> None:
        """Leave the memory to those who were given it."""
        old = self._values
        self._make(room, old.dtype)
        self._values[: self.length] = old[: self.length]


class _Numbers:
    """A column of numbers, times or words: one or two buffers."""

    def __init__(self, dtype: ColumnType, room: int) -> None:
        self._dtype = dtype
        self._is_plain = isinstance(dtype, tuple) or dtype == TIME
        kind = (
            "int8" if isinstance(dtype, tuple) else "int64" if dtype == TIME else masked_kind(dtype)
        )
        self._kind: Any = np.dtype(kind)
        self._data = Buffer(self._kind, room)
        self._mask = None if self._is_plain else Buffer("bool", room)

    @property
    def nbytes(self) -> int:
        return self._data.nbytes + (self._mask.nbytes if self._mask is not None else 0)

    def append(self, values: Series) -> None:
        data, mask = self._taken(values)
        self._data.append(data)
        if self._mask is not None:
            self._mask.append(mask)

    def put(self, rows: Any, values: Series) -> None:
        data, mask = self._taken(values)
        for buffer, new in ((self._data, data), (self._mask, mask)):
            # Most columns of a row that changes stay as they are, and need not be moved.
            if buffer is not None and not np.array_equal(buffer.shown[rows], new):
                buffer.put(rows, new)

    def cut(self, length: int) -> None:
        self._data.cut(length)
        if self._mask is not None:
            self._mask.cut(length)

    def array(self) -> Any:
        length = self._data.length
        data = self._data.given()[:length]
        if isinstance(self._dtype, tuple):
            return category(data, self._dtype)
        if self._dtype == TIME:
            return as_time(data)
        assert self._mask is not None
        return masked(self._dtype, data, self._mask.given()[:length])

    def _taken(self, values: Series) -> tuple[Any, Any]:
        array: Any = values.array
        if isinstance(self._dtype, tuple):
            return array.codes, None
        if self._dtype == TIME:
            return array.asi8, None
        filler = self._kind.type(0)
        return array.to_numpy(dtype=self._kind, na_value=filler), np.asarray(array.isna())


class _Texts:
    """A column of texts as Arrow arrays, which nobody can change: they are only collected."""

    def __init__(self) -> None:
        self._pieces: list[Any] = []

    @property
    def nbytes(self) -> int:
        return sum(piece.nbytes for piece in self._pieces)

    def append(self, values: Series) -> None:
        for new in _arrow_pieces(values):
            for start in range(0, len(new), _PIECE):
                self._pieces.append(new.slice(start, _PIECE))
                self._join_small()

    def _join_small(self) -> None:
        import pyarrow

        pieces = self._pieces
        while len(pieces) > 1 and len(pieces[-2]) < 2 * len(pieces[-1]):
            if len(pieces[-2]) >= _SMALL:
                break
            pieces[-2:] = [pyarrow.concat_arrays(pieces[-2:])]

    def put(self, rows: Any, values: Series) -> None:
        import pyarrow

        new = pyarrow.concat_arrays(_arrow_pieces(values))
        ends = np.cumsum([len(piece) for piece in self._pieces])
        of_piece = np.searchsorted(ends, rows, side="right")
        for place in np.unique(of_piece).tolist():
            piece = self._pieces[place]
            mine = np.flatnonzero(of_piece == place)
            within = rows[mine] - (ends[place] - len(piece))
            order = np.arange(len(piece))
            order[within] = len(piece) + mine
            both = pyarrow.concat_arrays([piece, new])
            if not both.take(pyarrow.array(within)).equals(new.take(pyarrow.array(mine))):
                self._pieces[place] = both.take(pyarrow.array(order))

    def cut(self, length: int) -> None:
        kept: list[Any] = []
        for piece in self._pieces:
            if length <= 0:
                break
            kept.append(piece.slice(0, length))
            length -= len(kept[-1])
        self._pieces = kept

    def array(self) -> Any:
        import pyarrow

        whole = pyarrow.chunked_array(self._pieces, pyarrow.large_string())
        text: Any = pd.StringDtype()
        return text.__from_arrow__(whole)


def _arrow_pieces(values: Series) -> Sequence[Any]:
    import pyarrow

    array: Any = pyarrow.array(values.array)
    pieces = array.chunks if isinstance(array, pyarrow.ChunkedArray) else [array]
    return [piece.cast(pyarrow.large_string()) for piece in pieces]


class _Objects:
    """A column of texts as Python's own, where Arrow is not installed."""

    def __init__(self, room: int) -> None:
        self._buffer = Buffer(object, room)
        self._texts: Any = pd.array([], dtype=pd.StringDtype())

    @property
    def nbytes(self) -> int:
        # A text of its own takes some 50 bytes before its first character.
        return 16 * self._buffer.nbytes

    def append(self, values: Series) -> None:
        self._buffer.append(np.asarray(values.array, dtype=object))

    def put(self, rows: Any, values: Series) -> None:
        new, old = np.asarray(values.array, dtype=object), self._buffer.shown[rows]
        if not all(a is b or (a is not pd.NA and b is not pd.NA and a == b)
                   for a, b in zip(old, new, strict=True)):  # fmt: skip
            self._buffer.put(rows, new)

    def cut(self, length: int) -> None:
        self._buffer.cut(length)

    def array(self) -> Any:
        # Made from outside it would look at every value, each time.
        return self._texts._from_backing_data(self._buffer.given()[: self._buffer.length])


def with_text(texts: Any, row: int, words: str) -> Any:
    """Return an array of texts with other words in a row; where Arrow is, the rest is shared."""
    new: Any = pd.array([words], dtype=pd.StringDtype())
    parts = [texts[:row], new, texts[row + 1 :]]
    return type(new)._concat_same_type(parts)


def same_text(words: str, count: int) -> Any:
    """Return an array with one text in each of its rows."""
    dtype: Any = pd.StringDtype()
    if dtype.storage == "pyarrow":
        import pyarrow

        return dtype.__from_arrow__(pyarrow.repeat(pyarrow.scalar(words, "large_string"), count))
    return pd.array(np.full(count, words, dtype=object), dtype=dtype)
