"""What a frame is made of: columns as data, and the fixed vocabularies.

A column is read from the store by the SQL expression in its `source`, or computed by the
function in its `source` from the columns that were read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import FrameError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "APPROVALS",
    "BOOLEAN",
    "CALL_STATUSES",
    "CHUNK_TYPES",
    "CONVERSATION_SOURCES",
    "DELTA_TYPES",
    "FINISH_REASONS",
    "FLOAT",
    "INTEGER",
    "MESSAGE_STATES",
    "ROLES",
    "TEXT",
    "TIME",
    "TOKEN_TYPES",
    "TURN_STATUSES",
    "USAGE_SOURCES",
    "Built",
    "Column",
    "ColumnType",
    "FrameSpec",
]

ColumnType: TypeAlias = str | tuple[str, ...]
"""A pandas dtype by name, or the words of a category."""

Built: TypeAlias = "Mapping[str, pd.Series[Any]]"
"""The typed columns that a computed column may use."""

TEXT = "string"
INTEGER = "Int64"
FLOAT = "Float64"
BOOLEAN = "boolean"
TIME = "datetime64[us, UTC]"

ROLES = ("system", "user", "assistant", "tool")
CHUNK_TYPES = ("text", "thinking", "tool-call", "tool-result", "error", "system", "image")
CONVERSATION_SOURCES = ("local", "backend", "cassette", "import")
TURN_STATUSES = ("running", "completed", "aborted", "error", "interrupted")
FINISH_REASONS = ("stop", "length", "tool_call", "content_filter", "error", "aborted")
USAGE_SOURCES = ("reported", "estimated", "missing")
MESSAGE_STATES = ("complete", "interrupted", "provisional")
CALL_STATUSES = (
    "pending",
    "awaiting_approval",
    "denied",
    "running",
    "completed",
    "error",
    "aborted",
)
APPROVALS = ("auto", "approved", "denied", "edited")
TOKEN_TYPES = ("input", "output", "cache_read", "cache_write", "reasoning")
DELTA_TYPES = ("text-delta", "reasoning-delta")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its dtype, where its values come from and what they mean.

    `source` is a SQL expression over the frame's tables, a function of the columns named in
    `needs`, or None for a value that the frame's builder supplies under the column's name.
    `sql` is the expression of the store's view where `source` is none. Values of `bits` are
    from 0 on and hardly ever need more bits: they are then read together with others.
    """

    name: str
    dtype: ColumnType
    source: str | Callable[[Built], Any] | None
    meaning: str
    needs: tuple[str, ...] = ()
    sql: str | None = None
    bits: int = 0


@dataclass(frozen=True, slots=True)
class FrameSpec:
    """One frame: its name, what a row is, its columns and the tables they are read from.

    `tables` is what follows FROM and WHERE, with ``{steps}`` and the like where rows of some
    conversations or turns may be asked for, and ``:upto`` for the last seq that counts.
    `inputs` are columns that are read for computed ones and not shown. `apart` are groups of
    texts of which a row has one at most.
    """

    name: str
    row: str
    columns: tuple[Column, ...]
    tables: str = ""
    inputs: tuple[Column, ...] = ()
    version: int = 1
    apart: tuple[tuple[str, ...], ...] = ()

    @property
    def schema(self) -> str:
        """The name in ``frame.attrs["schema"]``, such as ``dispatch_nb.chunks``."""
        return f"dispatch_nb.{self.name}"

    @property
    def names(self) -> list[str]:
        """The names of the columns, in order."""
        return [column.name for column in self.columns]

    def only(self, names: Sequence[str]) -> FrameSpec:
        """Return the spec of a frame with these columns only, in this order.

        Raises
        ------
        FrameError
            If a name is not a column of the frame.
        """
        known = {column.name: column for column in self.columns}
        for name in names:
            if name not in known:
                near = get_close_matches(str(name), known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}."
                raise FrameError(f"The frame {self.name} has no column {name!r}: {hint}")
        chosen = tuple(known[name] for name in names)
        every = known | {column.name: column for column in self.inputs}
        inputs: dict[str, Column] = {}
        waiting = list(chosen)
        while waiting:
            needed = [every[name] for name in waiting.pop().needs]
            new = [each for each in needed if each not in chosen and each.name not in inputs]
            inputs |= {each.name: each for each in new}
            waiting += new
        return replace(self, columns=chosen, inputs=tuple(inputs.values()))
