"""One frame, by its name, with everything that can be asked of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any, Literal, TypeAlias

import pandas as pd

from ..errors import FrameError
from ..transcript.live import LiveState
from .columns import BOOLEAN, FLOAT, INTEGER, TEXT, TIME, ColumnType, FrameSpec
from .conversation_columns import CONVERSATIONS
from .conversation_frame import conversations_frame
from .delta_frame import deltas_frame
from .latency_frame import LATENCY, latency_frame
from .log_columns import CHUNKS, DELTAS, MESSAGES, TOOL_CALLS
from .log_frames import chunks_frame, tool_calls_frame
from .message_frame import messages_frame
from .read import FrameStore
from .run_frames import steps_frame, turns_frame, usage_frame
from .scope import Scope, as_microseconds
from .step_columns import STEPS, USAGE
from .turn_columns import TURNS

__all__ = [
    "FRAMES",
    "Backend",
    "Filters",
    "arrow_type",
    "as_arrow",
    "read_frame",
    "require",
    "spec_of",
]

FRAMES = (CONVERSATIONS, TURNS, STEPS, MESSAGES, CHUNKS, TOOL_CALLS, DELTAS, USAGE, LATENCY)
"""Every frame, from the widest rows to the narrowest."""

Backend: TypeAlias = Literal["numpy_nullable", "pyarrow"]

_SPECS = {spec.name: spec for spec in FRAMES}
_BUILDERS: dict[str, Callable[..., pd.DataFrame]] = {
    "conversations": conversations_frame,
    "turns": turns_frame,
    "steps": steps_frame,
    "messages": messages_frame,
    "chunks": chunks_frame,
    "tool_calls": tool_calls_frame,
    "deltas": deltas_frame,
    "usage": usage_frame,
    "latency": latency_frame,
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What is asked of a frame beside its name; see `FrameSource.frame`."""

    conversation_id: str | Sequence[str] | None = None
    since: object = None
    models: str | Sequence[str] | None = None
    columns: Sequence[str] | None = None
    dtype_backend: Backend = "numpy_nullable"


def spec_of(name: str) -> FrameSpec:
    """Return the columns of a frame.

    Raises
    ------
    FrameError
        If there is no frame of that name.
    """
    if name not in _SPECS:
        near = get_close_matches(str(name), _SPECS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_SPECS)}."
        raise FrameError(f"There is no frame {name!r}: {hint}")
    return _SPECS[name]


def read_frame(
    store: FrameStore,
    name: str,
    filters: Filters,
    *,
    conversation_id: str | None = None,
    turn_id: str | None = None,
    live: LiveState | None = None,
) -> pd.DataFrame:
    """Return a frame of a store, a conversation or a turn, narrowed by `filters`.

    Raises
    ------
    FrameError
        If a filter names something that is not there, or is not of its kind.
    """
    spec = spec_of(name)
    ids = _names(filters.conversation_id, "conversation_id")
    if conversation_id is not None:
        ids = (conversation_id,) if ids is None or conversation_id in ids else ()
    scope = Scope(
        conversation_ids=ids,
        turn_ids=None if turn_id is None else (turn_id,),
        since_us=None if filters.since is None else as_microseconds(filters.since),
        models=_names(filters.models, "models"),
    )
    columns = filters.columns
    if columns is not None:
        columns = list(_names(columns, "columns") or ())
        spec = spec.only(columns)
    known = live if ids == (conversation_id,) else None
    frame = _BUILDERS[name](store, live=known, scope=scope, columns=columns)
    return frame if filters.dtype_backend == "numpy_nullable" else as_arrow(frame, spec)


def _names(given: str | Iterable[str] | None, what: str) -> tuple[str, ...] | None:
    if given is None:
        return None
    listed = (given,) if isinstance(given, str) else tuple(given)
    if not all(isinstance(each, str) for each in listed):
        raise FrameError(f"{what} is text or several texts, not {given!r}.")
    return listed


def as_arrow(frame: pd.DataFrame, spec: FrameSpec) -> pd.DataFrame:
    """Return a frame with Arrow's own dtypes in place of pandas' nullable ones.

    Raises
    ------
    FrameError
        If pyarrow is not installed, or `spec` does not fit.
    """
    require("pyarrow", "parquet", "dtype_backend='pyarrow'")
    dtypes = {column.name: pd.ArrowDtype(arrow_type(column.dtype)) for column in spec.columns}
    known = {name: dtype for name, dtype in dtypes.items() if name in frame.columns}
    arrow = frame.astype(known)
    arrow.attrs = frame.attrs
    return arrow


def require(library: str, extra: str, what: str) -> None:
    """Say how to get a library that is not installed.

    Raises
    ------
    FrameError
        If it is not there.
    """
    if find_spec(library) is None:
        raise FrameError(
            f"{what} needs the Python package {library!r}, which is not installed: "
            f"run `pip install 'dispatch_nb[{extra}]'`."
        )


def arrow_type(dtype: ColumnType) -> Any:
    """Return the Arrow type of a column."""
    import pyarrow as pa

    if isinstance(dtype, tuple):
        return pa.dictionary(pa.int8(), pa.string())
    return {
        TEXT: pa.string(),
        INTEGER: pa.int64(),
        FLOAT: pa.float64(),
        BOOLEAN: pa.bool_(),
        TIME: pa.timestamp("us", tz="UTC"),
    }[dtype]
