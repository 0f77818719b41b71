"""A frame that is kept: it grows and changes at the cost of what is new."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from .buffers import Buffer, kept_column
from .build import describe
from .columns import FrameSpec

__all__ = ["GrowingFrame", "joined"]

_COPIES_ON_WRITE = int(pd.__version__.split(".")[0]) >= 3


class GrowingFrame:
    """Rows of one frame in memory with room at its end, in the order of their keys.

    Appending costs what is appended, amortised, and `frame` costs nothing for each row. Rows
    that change in place cost a plain copy of the numbers in the columns that do change, if a
    frame was given away before; of texts the piece is copied that they are in.

    Parameters
    ----------
    spec
        The frame's columns.
    room
        For how many rows to make room at once.
    """

    def __init__(self, spec: FrameSpec, room: int = 0) -> None:
        self.spec = spec
        self._length = 0
        self._columns = {column.name: kept_column(column.dtype, room) for column in spec.columns}
        self._keys = Buffer("int64", 0)

    def __len__(self) -> int:
        return self._length

    @property
    def nbytes(self) -> int:
        """How many bytes the values take."""
        return sum(column.nbytes for column in self._columns.values()) + self._keys.nbytes

    @property
    def keys(self) -> Any:
        """What `replace` finds rows by, for every row that was given one."""
        return self._keys.shown[: self._keys.length]

    def append(self, frame: pd.DataFrame, keys: Any = None) -> None:
        """Add the rows of a frame of the same spec.

        Parameters
        ----------
        keys
            For each row the number of what it belongs to, ascending; all or no rows of a
            frame have one.
        """
        if len(frame) == 0:
            return
        # pandas copies the attributes with every column that is taken from a frame.
        plain = frame.copy(deep=False)
        plain.attrs = {}
        for name, column in self._columns.items():
            column.append(plain[name])
        self._length += len(frame)
        if keys is not None:
            self._keys.append(keys)

    def replace(self, changed: Any, frame: pd.DataFrame, keys: Any) -> None:
        """Put rows in the place of those that have some keys, or at the end.

        Parameters
        ----------
        changed
            The keys of the rows to take out, ascending.
        frame, keys
            The rows to put in, and their keys, ascending; all of them are in `changed`.
        """
        starts = np.searchsorted(self.keys, changed, side="left")
        stops = np.searchsorted(self.keys, changed, side="right")
        firsts = np.searchsorted(keys, changed, side="left")
        counts = np.searchsorted(keys, changed, side="right") - firsts
        is_new = starts == self._length
        stays = (stops - starts == counts) & ~is_new
        if not (stays | is_new).all():
            self._rebuild(changed, frame, keys)
            return
        old = int(counts[stays].sum())
        if old:
            rows = _ranges(starts[stays], counts[stays])
            plain = frame.iloc[:old].copy(deep=False)
            plain.attrs = {}
            for name, column in self._columns.items():
                column.put(rows, plain[name])
        self.append(frame.iloc[old:], keys[old:])

    def _rebuild(self, changed: Any, frame: pd.DataFrame, keys: Any) -> None:
        """Write everything anew from the first row that is taken out or put in between."""
        first = int(np.searchsorted(self.keys, changed[0], side="left"))
        tail = self.frame().iloc[first:]
        tail_keys = self.keys[first:].copy()
        left = ~np.isin(tail_keys, changed)
        tail, tail_keys = tail[left], tail_keys[left]
        self._cut(first)
        both = GrowingFrame(self.spec, len(tail) + len(frame))
        both.append(tail, tail_keys)
        both.append(frame, keys)
        order = np.argsort(both.keys, kind="stable")
        self.append(both.frame().take(order), both.keys[order])

    def _cut(self, length: int) -> None:
        for column in self._columns.values():
            column.cut(length)
        self._length = length
        self._keys.cut(min(length, self._keys.length))

    def array(self, name: str) -> Any:
        """Return the values of a column, to be read."""
        return self._columns[name].array()

    def frame(self) -> pd.DataFrame:
        """Return all rows; whoever gets the frame may change it."""
        arrays = {name: column.array() for name, column in self._columns.items()}
        given = describe(pd.DataFrame(arrays, copy=False), self.spec)
        return _own(given) if _COPIES_ON_WRITE else given.copy()


# What a frame shares with another, pandas copies before it writes. The memory here is always
# shared, whether or not another frame is there at the time.
_OTHER = pd.Series([0])


def _own(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame that pandas copies, column by column, before it is written to."""
    manager: Any = frame._mgr
    other: Any = _OTHER._mgr
    for block in manager.blocks:
        block.refs.add_reference(other.blocks[0])
    return frame


def _ranges(starts: Any, counts: Any) -> Any:
    """Return ``start, start + 1, …`` of every range, one behind the other."""
    before = np.cumsum(counts) - counts
    return np.arange(counts.sum()) + np.repeat(starts - before, counts)


def joined(spec: FrameSpec, frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of frames of the same spec, one behind the other."""
    whole = GrowingFrame(spec)
    for frame in frames:
        whole.append(frame)
    return whole.frame()
