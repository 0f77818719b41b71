"""The frames about the log: messages, chunks, tool calls."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
from sqlalchemy import Connection, text

from ..store.chunk_rows import compact_json
from ..transcript.live import LiveState
from ..transcript.state import Provisional
from ..wire.conversation import ToolCallChunk, ToolResultChunk
from .build import build_frame
from .cache import NO_KEYS, Kind, Rows, asked, keyed, keys_of
from .chunk_reader import most_rows, read_chunks
from .columns import INTEGER, Column, FrameSpec
from .growing import GrowingFrame, joined
from .joining import join_texts
from .live_rows import live_chunk_rows, live_entries, scoped
from .log_columns import CHUNKS, MESSAGES, TOOL_CALLS
from .mending import mend
from .read import FrameStore, fetch_columns, turns_of
from .refreshing import append_chunks, refresh_calls
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
    return asked(_CHUNKS, store, scoped(conversation_id, scope, live), live, columns)


def _read_chunks(
    store: FrameStore,
    connection: Connection,
    spec: FrameSpec,
    scope: Scope,
    live: LiveState | None,
) -> Rows:
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
    return joined(spec, [stored, _provisional(spec, conversation_id, entries)])


def _provisional(
    spec: FrameSpec, conversation_id: str, entries: Sequence[Provisional]
) -> pd.DataFrame:
    """Return entries as rows of a frame of chunks."""
    names = [column.name for column in (*spec.inputs, *spec.columns)]
    return build_frame(spec, live_chunk_rows(conversation_id, entries, names))


def _add_chunks(frame: pd.DataFrame, conversation_id: str, live: LiveState) -> pd.DataFrame:
    return _with_entries(CHUNKS, frame, conversation_id, list(live_entries(live, None)))


_CHUNKS = Kind(CHUNKS, _read_chunks, append_chunks, add_live=_add_chunks)


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
    return asked(_MESSAGES, store, scoped(conversation_id, scope, live), live, columns)


def _read_messages(
    store: FrameStore,
    connection: Connection,
    spec: FrameSpec,
    scope: Scope,
    live: LiveState | None,
) -> Rows:
    numbered = _MESSAGE_CHUNKS
    read = _read_chunks(store, connection, numbered, scope, None).frame
    turns = turns_of(connection, scope)
    entries = list(live_entries(live, None if turns is None else frozenset(turns["turn_id"])))
    asked_before = _turns_with_prompt(connection, scope, read)
    stored = _messages(spec, read, asked_before)
    if not entries:
        return Rows(stored, NO_KEYS)
    assert scope.conversation_ids is not None
    conversation_id = scope.conversation_ids[0]
    prompted = read.loc[read["role"] == "user", "turn_id"]
    first = int(read["message_index"].iloc[-1]) + 1 if len(read) else 0
    added = _provisional(numbered, conversation_id, entries)
    more = _messages(spec, added, {*asked_before, *prompted}, first)
    return Rows(joined(spec, [stored, more]))


def _turns_with_prompt(
    connection: Connection, scope: Scope, chunks: pd.DataFrame
) -> frozenset[str]:
    """Return the turns among those of a person's chunks that had such chunks before these."""
    if scope.rows is None or not len(chunks):
        return frozenset()
    ids = chunks.loc[chunks["role"] == "user", "turn_id"].unique().tolist()
    found = connection.scalars(_PROMPTED, {"ids": json.dumps(ids), "last": scope.rows[1]})
    return frozenset(found)


_PROMPTED = text("""SELECT DISTINCT turn_id FROM chunks WHERE role = 'user' AND rowid <= :last
    AND turn_id IN (SELECT value FROM json_each(:ids))""")


def _add_messages(frame: pd.DataFrame, conversation_id: str, live: LiveState) -> pd.DataFrame:
    entries = list(live_entries(live, None))
    if not entries:
        return frame
    added = _provisional(_MESSAGE_CHUNKS, conversation_id, entries)
    turns = {entry.turn_id for entry in entries}
    # What is not stored yet belongs to turns that run: their messages are among the last.
    prompted: set[str] = set()
    for stop in range(len(frame), 0, -256):
        part = frame.iloc[max(0, stop - 256) : stop]
        mine = part["turn_id"].isin(turns)
        prompted |= set(part.loc[mine & (part["role"] == "user"), "turn_id"])
        if not mine.any():
            break
    first = int(frame["message_index"].iloc[-1]) + 1 if len(frame) else 0
    return joined(MESSAGES, [frame, _messages(MESSAGES, added, prompted, first)])


def _messages(
    spec: FrameSpec, chunks: pd.DataFrame, prompted: Container[str], start: int = 0
) -> pd.DataFrame:
    """Return the messages that chunks make up.

    Parameters
    ----------
    prompted
        Turns that had a message of the person before these chunks.
    start
        The place in the conversation of the first message that is not stored yet.
    """
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
    before = [turn_id in prompted for turn_id in from_person]
    is_steering = from_person.duplicated() | pd.Series(before, from_person.index, dtype="bool")
    values: dict[str, Series] = {
        name: first[name] for name in ("message_id", "conversation_id", "turn_id", "step_id")
    }
    values |= {
        "message_index": first["message_index"].fillna(pd.Series(range(start, start + len(first)))),
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
        "is_steering": is_steering.reindex(first.index, fill_value=False),
    }
    return build_frame(spec, values)


_MESSAGE_CHUNKS = replace(
    CHUNKS,
    columns=(
        *CHUNKS.only(
            [
                *("conversation_id", "seq", "turn_id", "step_id", "message_id", "role"),
                *("chunk_type", "text", "content", "tool_call_id", "is_error", "started_at"),
                *("completed_at", "is_partial", "is_interrupted"),
            ]
        ).columns,
        Column("message_index", INTEGER, "chunks.message_index", "Its message's place"),
    ),
)

_MESSAGES = Kind(MESSAGES, _read_messages, append_chunks, add_live=_add_messages)


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
