"""A frame that grows at its end without being copied."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .build import as_time, category, describe, masked, masked_kind
from .columns import TEXT, TIME, ColumnType, FrameSpec

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["GrowingFrame", "joined"]

_SMALLEST = 64
# Frames given away share memory with the buffers, and pandas copies a frame before it is
# written to as long as we hold one more frame on the same memory. This many are held; then
# the buffers are copied once and forgotten.
_HELD = 256
_COPIES_ON_WRITE = int(pd.__version__.split(".")[0]) >= 3


class GrowingFrame:
    """Rows of one frame in buffers with room at their end.

    Appending costs what is appended, amortised; so does `frame`, which gives views.

    Parameters
    ----------
    spec
        The frame's columns.
    room
        For how many rows to make room at once.
    """

    def __init__(self, spec: FrameSpec, room: int = 0) -> None:
        self._spec = spec
        self._length = 0
        self._columns = {column.name: _growing(column.dtype, room) for column in spec.columns}
        self._held: list[pd.DataFrame] = []

    def __len__(self) -> int:
        return self._length

    def append(self, frame: pd.DataFrame) -> None:
        """Add the rows of a frame of the same spec."""
        if len(frame) == 0:
            return
        # pandas copies the attributes with every column that is taken from a frame.
        plain = frame.copy(deep=False)
        plain.attrs = {}
        for name, column in self._columns.items():
            column.append(plain[name])
        self._length += len(frame)
        self._held = self._held if self._shares else []

    @property
    def _shares(self) -> bool:
        return not any(column.was_moved() for column in self._columns.values())

    def frame(self) -> pd.DataFrame:
        """Return all rows; whoever gets the frame may change it."""
        if len(self._held) >= _HELD:
            for column in self._columns.values():
                column.move()
            self._held = []
        arrays = {name: column.array(self._length) for name, column in self._columns.items()}
        mine = describe(pd.DataFrame(arrays, copy=False), self._spec)
        if _COPIES_ON_WRITE:
            self._held.append(mine)
        return mine.copy(deep=not _COPIES_ON_WRITE)


class _Buffer:
    """One numpy array with room at its end."""

    def __init__(self, kind: str, room: int) -> None:
        self._values = np.empty(max(room, _SMALLEST), dtype=kind)
        self._length = 0

    def append(self, values: Any) -> bool:
        """Add values; return whether all had to move."""
        end = self._length + len(values)
        moves = end > len(self._values)
        if moves:
            self.move(2 * end)
        self._values[self._length : end] = values
        self._length = end
        return moves

    def move(self, room: int | None = None) -> None:
        """Leave the memory to the frames that view it."""
        values = np.empty(len(self._values) if room is None else room, self._values.dtype)
        values[: self._length] = self._values[: self._length]
        self._values = values

    def view(self, length: int) -> Any:
        return self._values[:length]


class _Column:
    """A column of numbers, times or words: one or two buffers."""

    def __init__(self, dtype: ColumnType, room: int) -> None:
        self._dtype = dtype
        kind = (
            "int8" if isinstance(dtype, tuple) else "int64" if dtype == TIME else masked_kind(dtype)
        )
        self._data = _Buffer(kind, room)
        self._mask = None if isinstance(dtype, tuple) or dtype == TIME else _Buffer("bool", room)
        self._moved = False

    def append(self, values: Series) -> None:
        if isinstance(self._dtype, tuple):
            moved = self._data.append(values.cat.codes.to_numpy())
        elif self._dtype == TIME:
            array: Any = values.array
            moved = self._data.append(array.asi8)
        else:
            assert self._mask is not None
            missing = values.isna().to_numpy()
            kind: Any = self._data.view(0).dtype
            moved = self._data.append(values.to_numpy(dtype=kind, na_value=kind.type(0)))
            moved |= self._mask.append(missing)
        self._moved |= moved

    def was_moved(self) -> bool:
        """Return whether the memory changed since this was last asked."""
        moved, self._moved = self._moved, False
        return moved

    def move(self) -> None:
        self._data.move()
        if self._mask is not None:
            self._mask.move()

    def array(self, length: int) -> Any:
        data = self._data.view(length)
        if isinstance(self._dtype, tuple):
            return category(data, self._dtype)
        if self._dtype == TIME:
            return as_time(data)
        assert self._mask is not None
        return masked(self._dtype, data, self._mask.view(length))


class _Texts:
    """A column of texts as Arrow arrays, which nobody can change: they are only collected."""

    def __init__(self) -> None:
        self._parts: list[Any] = []

    def append(self, values: Series) -> None:
        import pyarrow

        array: Any = pyarrow.array(values.array)
        parts = array.chunks if isinstance(array, pyarrow.ChunkedArray) else [array]
        for part in parts:
            self._parts.append(part.cast(pyarrow.large_string()))
            # Small parts behind small ones are joined, so there are never many.
            while len(self._parts) > 1 and len(self._parts[-2]) < 2 * len(self._parts[-1]):
                if len(self._parts[-2]) >= _PART:
                    break
                self._parts[-2:] = [pyarrow.concat_arrays(self._parts[-2:])]

    def was_moved(self) -> bool:
        return False

    def move(self) -> None:
        """Nothing is shared that could be written to."""

    def array(self, length: int) -> Any:
        import pyarrow

        whole = pyarrow.chunked_array(self._parts, pyarrow.large_string())
        text: Any = pd.StringDtype()
        return text.__from_arrow__(whole)


class _Objects:
    """A column of texts as Python's own, where Arrow is not installed."""

    def __init__(self, room: int) -> None:
        self._room, self._length = max(room, _SMALLEST), 0
        self._moved = False
        self._make(self._room)

    def _make(self, room: int) -> None:
        self._values = np.full(room, pd.NA, dtype=object)
        # Looks at every value, so it is done once, and given away in slices.
        self._whole = pd.arrays.StringArray(self._values)

    def append(self, values: Series) -> None:
        end = self._length + len(values)
        if end > len(self._values):
            self.move(2 * end)
            self._moved = True
        self._values[self._length : end] = np.asarray(values.array, dtype=object)
        self._length = end

    def was_moved(self) -> bool:
        moved, self._moved = self._moved, False
        return moved

    def move(self, room: int | None = None) -> None:
        old = self._values
        self._make(len(old) if room is None else room)
        self._values[: self._length] = old[: self._length]

    def array(self, length: int) -> Any:
        return self._whole[:length]


_PART = 8_192


def joined(spec: FrameSpec, frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of frames of the same spec, one behind the other."""
    whole = GrowingFrame(spec)
    for frame in frames:
        whole.append(frame)
    return whole.frame()


def _growing(dtype: ColumnType, room: int) -> Any:
    if dtype != TEXT:
        return _Column(dtype, room)
    return _Texts() if pd.StringDtype().storage == "pyarrow" else _Objects(room)
