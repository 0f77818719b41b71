"""What a frame is made of: columns as data, and the fixed vocabularies.

A column is read from the store by the SQL expression in its `source`, or computed by the
function in its `source` from the columns that were read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

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

    `source` is a SQL expression over the frame's tables, a function of the other columns,
    or None for a value that the frame's builder supplies under the column's name.
    """

    name: str
    dtype: ColumnType
    source: str | Callable[[Built], pd.Series[Any]] | None
    meaning: str


@dataclass(frozen=True, slots=True)
class FrameSpec:
    """One frame: its name, what a row is, its columns and the tables they are read from.

    `tables` is what follows FROM and WHERE, with ``{steps}`` and the like where rows of one
    conversation may be asked for, and the parameter ``:upto`` for the last known seq.
    `inputs` are columns that are read for computed ones and not shown.
    """

    name: str
    row: str
    columns: tuple[Column, ...]
    tables: str = ""
    inputs: tuple[Column, ...] = ()
    version: int = 1

    @property
    def schema(self) -> str:
        """The name in ``frame.attrs["schema"]``, such as ``dispatch_nb.chunks``."""
        return f"dispatch_nb.{self.name}"
