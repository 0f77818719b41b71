"""The frame of messages, made of chunks."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
from sqlalchemy import Connection, text

from ..transcript.live import LiveState
from .build import build_frame
from .cache import NO_KEYS, Kind, Rows, asked
from .columns import INTEGER, Column, FrameSpec
from .growing import joined
from .joining import join_texts
from .live_rows import live_entries, scoped
from .log_columns import CHUNKS, MESSAGES
from .log_frames import provisional_chunks, read_chunk_rows
from .read import FrameStore, turns_of
from .refreshing import append_chunks
from .scope import Scope

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["messages_frame"]


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
    read = read_chunk_rows(store, connection, numbered, scope, None).frame
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
    added = provisional_chunks(numbered, conversation_id, entries)
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
    added = provisional_chunks(_MESSAGE_CHUNKS, conversation_id, entries)
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
