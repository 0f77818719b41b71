"""The frames about the log: messages, chunks, tool calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..store.chunk_rows import compact_json
from ..transcript.live import LiveState
from ..wire.conversation import ToolCallChunk, ToolResultChunk
from .build import build_frame
from .cache import read_chunks, stored_chunks
from .growing import joined
from .joining import join_texts
from .live_rows import live_chunk_rows, live_entries, scoped
from .log_columns import CHUNKS, MESSAGES, TOOL_CALLS
from .mending import mend
from .read import FrameStore, fetch_columns, turns_of
from .scope import Scope

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["chunks_frame", "messages_frame", "tool_calls_frame"]


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
    scope = scoped(conversation_id, scope, live)
    spec = CHUNKS if columns is None else CHUNKS.only(columns)
    with store.connect() as connection:
        if spec is CHUNKS and (scope.is_everything or scope.is_of_conversation):
            stored = stored_chunks(store, connection, scope)
            if live is not None:
                stored = stored.iloc[: scope.upto]
        else:
            parts = read_chunks(store, connection, spec, scope)
            stored = joined(spec, (build_frame(spec, part) for part in parts))
        turns = turns_of(connection, scope)
    entries = list(live_entries(live, None if turns is None else frozenset(turns["turn_id"])))
    if not entries:
        return stored
    assert scope.conversation_ids is not None
    names = [column.name for column in (*spec.inputs, *spec.columns)]
    values = live_chunk_rows(scope.conversation_ids[0], entries, names)
    return joined(spec, [stored, build_frame(spec, values)])


def messages_frame(
    store: FrameStore,
    conversation_id: str | None = None,
    *,
    live: LiveState | None = None,
    scope: Scope | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the messages as a provider sees them, one row each; see `chunks_frame`.

    A message's borders are those of the store. What is not stored yet is divided likewise:
    by role and turn, each tool result and each text of the person for itself.
    """
    spec = MESSAGES if columns is None else MESSAGES.only(columns)
    chunks = chunks_frame(store, conversation_id, live=live, scope=scope)
    key = chunks["message_id"].fillna(_provisional_message(chunks))
    begins = (key != key.shift()).fillna(True).astype("bool")
    ends = begins.shift(-1, fill_value=True)
    number = begins.astype("int64").cumsum() - 1
    first = chunks[begins].reset_index(drop=True)

    def texts(column: str, *kinds: str) -> Series:
        part = chunks["chunk_type"].isin(kinds)
        return join_texts(chunks.loc[part, column], number[part], "").reindex(first.index)

    def per_message(flag: Series) -> Series:
        return flag.fillna(False).astype("int64").groupby(number).sum()

    content = texts("text", "text", "system").fillna(texts("content", "tool-result"))
    state = pd.Series("complete", index=first.index, dtype="string")
    state = state.mask(per_message(chunks["is_interrupted"]) > 0, "interrupted")
    state = state.mask(first["is_partial"], "provisional")
    from_person = first.loc[first["role"] == "user", "turn_id"]
    values: dict[str, Series] = {
        name: first[name] for name in ("message_id", "conversation_id", "turn_id", "step_id")
    }
    values |= {
        "message_index": first.groupby("conversation_id", sort=False).cumcount(),
        "role": first["role"],
        "content": content,
        "thinking": texts("text", "thinking"),
        "tool_call_count": per_message(chunks["chunk_type"] == "tool-call"),
        "tool_call_id": first["tool_call_id"].where(first["role"] == "tool"),
        "is_error": per_message(chunks["is_error"]) > 0,
        "state": state,
        "first_seq": first["seq"],
        "last_seq": chunks.loc[ends, "seq"].reset_index(drop=True),
        "created_at": first["started_at"].fillna(first["completed_at"]),
        "is_steering": from_person.duplicated().reindex(first.index, fill_value=False),
    }
    return build_frame(spec, values)


def _provisional_message(chunks: pd.DataFrame) -> Series:
    """Return a key for the message of every row that is not stored yet."""
    role, turn_id = chunks["role"].astype("string"), chunks["turn_id"]
    border = (role != role.shift()) | (turn_id != turn_id.shift()) | role.isin(["tool", "user"])
    number = border.fillna(True).astype("int64").cumsum().astype("string")
    return "provisional " + number


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
    scope = scoped(conversation_id, scope, live)
    spec = TOOL_CALLS if columns is None else TOOL_CALLS.only(columns)
    with store.connect() as connection:
        values = mend(connection, fetch_columns(connection, spec, scope), "result_seq")
        turns = turns_of(connection, scope)
    stored = build_frame(spec, values)
    if live is None:
        return stored
    assert scope.conversation_ids is not None
    chosen = None if turns is None else frozenset(turns["turn_id"])
    rows = list(_running_calls(scope.conversation_ids[0], live, chosen))
    names = [column.name for column in (*spec.inputs, *spec.columns)]
    running = {name: [row.get(name) for row in rows] for name in names}
    return joined(spec, [stored, build_frame(spec, running)])


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
