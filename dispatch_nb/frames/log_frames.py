"""The frames about the log: chunks and tool calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from sqlalchemy import Connection

from ..store.chunk_rows import compact_json
from ..transcript.live import LiveState
from ..transcript.state import Provisional
from ..wire.conversation import ToolCallChunk, ToolResultChunk
from .build import build_frame
from .cache import NO_KEYS, Kind, Rows, asked, keyed, keys_of
from .chunk_reader import most_rows, read_chunks
from .columns import FrameSpec
from .growing import GrowingFrame, joined
from .live_rows import live_chunk_rows, live_entries, scoped
from .log_columns import CHUNKS, TOOL_CALLS
from .mending import mend
from .read import FrameStore, fetch_columns, turns_of
from .refreshing import append_chunks, refresh_calls
from .scope import Scope

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["chunks_frame", "provisional_chunks", "read_chunk_rows", "tool_calls_frame"]


def chunks_frame(
    store: FrameStore,
    conversation_id: str | None = None,
    *,
    live: LiveState | None = None,
    scope: Scope | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the log, one row a chunk, in the order in which it is shown.

    Parameters
    ----------
    store
        Where to read.
    conversation_id
        Which conversation; all of them without it, none for an id the store does not hold.
    live
        The state of that conversation's running turn: its chunks that are not stored yet
        become the last rows, with no seq and `is_partial` true, and each chunk is there once
        even when it was stored in the meantime.
    scope
        In place of `conversation_id`: which rows.
    columns
        Which columns, in this order; no others are read.
    """
    return asked(_CHUNKS, store, scoped(conversation_id, scope, live), live, columns)


def read_chunk_rows(
    store: FrameStore,
    connection: Connection,
    spec: FrameSpec,
    scope: Scope,
    live: LiveState | None,
) -> Rows:
    """Read chunks of a scope, with what a live state adds."""
    whole = GrowingFrame(spec, most_rows(connection, scope))
    for part in read_chunks(store, connection, spec, scope):
        whole.append(build_frame(spec, part))
    stored = whole.frame()
    if live is None:
        return Rows(stored, NO_KEYS, whole)
    turns = turns_of(connection, scope)
    entries = list(live_entries(live, None if turns is None else frozenset(turns["turn_id"])))
    assert scope.conversation_ids is not None
    return Rows(_with_entries(spec, stored, scope.conversation_ids[0], entries))


def _with_entries(
    spec: FrameSpec, stored: pd.DataFrame, conversation_id: str, entries: Sequence[Provisional]
) -> pd.DataFrame:
    if not entries:
        return stored
    return joined(spec, [stored, provisional_chunks(spec, conversation_id, entries)])


def provisional_chunks(
    spec: FrameSpec, conversation_id: str, entries: Sequence[Provisional]
) -> pd.DataFrame:
    """Return entries as rows of a frame of chunks."""
    names = [column.name for column in (*spec.inputs, *spec.columns)]
    return build_frame(spec, live_chunk_rows(conversation_id, entries, names))


def _add_chunks(frame: pd.DataFrame, conversation_id: str, live: LiveState) -> pd.DataFrame:
    return _with_entries(CHUNKS, frame, conversation_id, list(live_entries(live, None)))


_CHUNKS = Kind(CHUNKS, read_chunk_rows, append_chunks, add_live=_add_chunks)


def tool_calls_frame(
    store: FrameStore,
    conversation_id: str | None = None,
    *,
    live: LiveState | None = None,
    scope: Scope | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the tool calls, one row each, in the order of the log; see `chunks_frame`.

    A call of the running step is ``pending`` until its tool has ended.
    """
    return asked(_CALLS, store, scoped(conversation_id, scope, live), live, columns)


def _read_calls(
    store: FrameStore,
    connection: Connection,
    spec: FrameSpec,
    scope: Scope,
    live: LiveState | None,
) -> Rows:
    values = fetch_columns(connection, keyed(spec, "tool_calls", connection), scope)
    keys = keys_of(values)
    stored = build_frame(spec, mend(connection, values, "result_seq"))
    if live is None:
        return Rows(stored, keys)
    turns = turns_of(connection, scope)
    assert scope.conversation_ids is not None
    chosen = None if turns is None else frozenset(turns["turn_id"])
    return Rows(_with_running(spec, stored, scope.conversation_ids[0], live, chosen))


def _with_running(
    spec: FrameSpec,
    stored: pd.DataFrame,
    conversation_id: str,
    live: LiveState,
    turns: frozenset[str] | None,
) -> pd.DataFrame:
    rows = list(_running_calls(conversation_id, live, turns))
    if not rows:
        return stored
    names = [column.name for column in (*spec.inputs, *spec.columns)]
    running = {name: [row.get(name) for row in rows] for name in names}
    return joined(spec, [stored, build_frame(spec, running)])


def _add_calls(frame: pd.DataFrame, conversation_id: str, live: LiveState) -> pd.DataFrame:
    return _with_running(TOOL_CALLS, frame, conversation_id, live, None)


_CALLS = Kind(TOOL_CALLS, _read_calls, refresh_calls, add_live=_add_calls)


def _running_calls(
    conversation_id: str, live: LiveState, turns: frozenset[str] | None
) -> Iterator[dict[str, Any]]:
    entries = list(live_entries(live, turns))
    results = {
        (entry.turn_id, entry.chunk.tool_call_id): entry.chunk
        for entry in entries
        if isinstance(entry.chunk, ToolResultChunk)
    }
    for entry in entries:
        call = entry.chunk
        if not isinstance(call, ToolCallChunk):
            continue
        wire = call.to_wire()
        step_id = wire.get("stepId")
        result = results.get((entry.turn_id, call.tool_call_id))
        settled = live.extensions.settled_tools.get((step_id or "", call.tool_call_id))
        ended = settled.to_wire() if settled is not None else {}
        failed = result.is_error if result is not None else ended.get("isError")
        status = "pending" if failed is None else "error" if failed else "completed"
        if result is not None and failed and result.content == "Aborted":
            status = "aborted"
        duration_ms = ended.get("durationMs")
        yield {
            "tool_call_id": call.tool_call_id,
            "conversation_id": conversation_id,
            "turn_id": entry.turn_id,
            "step_id": step_id,
            "tool_name": call.tool_name,
            "arguments_json": compact_json(wire["input"]),
            "result": None if result is None else result.content,
            "status": status,
            "is_synthetic": False,
            "duration_s": None if duration_ms is None else duration_ms / 1000,
            "error_message": result.content if result is not None and failed else None,
            "result_bytes": None if result is None else len(result.content.encode()),
        }
