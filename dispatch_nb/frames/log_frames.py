"""The frames about the log: messages, chunks, tool calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ..transcript.live import LiveState
from ..transcript.state import flushed
from ..wire.conversation import ToolCallChunk, ToolResultChunk
from .build import build_frame
from .chunk_rows import compact_json, last_known_seq, parse_all, read_chunks
from .joining import join_texts
from .log_columns import CHUNKS, MESSAGES, TOOL_CALLS
from .read import Columns, FrameStore, fetch_columns

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["chunks_frame", "messages_frame", "tool_calls_frame"]


def chunks_frame(
    store: FrameStore, conversation_id: str | None = None, *, live: LiveState | None = None
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
    """
    return build_frame(CHUNKS, read_chunks(store, conversation_id, live))


def messages_frame(
    store: FrameStore, conversation_id: str | None = None, *, live: LiveState | None = None
) -> pd.DataFrame:
    """Return the messages as a provider sees them, one row each; see `chunks_frame`.

    A message's borders are those of the store. What is not stored yet is divided likewise:
    by role and turn, each tool result and each text of the person for itself.
    """
    chunks = chunks_frame(store, conversation_id, live=live)
    key = chunks["message_id"].fillna(_provisional_message(chunks))
    begins = (key != key.shift()).fillna(True)
    ends = begins.shift(-1, fill_value=True)
    number = begins.astype("int64").cumsum() - 1
    first = chunks[begins].reset_index(drop=True)

    def joined(column: str, *kinds: str) -> Series:
        part = chunks["chunk_type"].isin(kinds)
        return join_texts(chunks.loc[part, column], number[part], "").reindex(first.index)

    def per_message(flag: Series) -> Series:
        return flag.fillna(False).astype("int64").groupby(number).sum()

    content = joined("text", "text", "system").fillna(joined("content", "tool-result"))
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
        "thinking": joined("text", "thinking"),
        "tool_call_count": per_message(chunks["chunk_type"] == "tool-call"),
        "tool_call_id": first["tool_call_id"].where(first["role"] == "tool"),
        "is_error": per_message(chunks["is_error"]) > 0,
        "state": state,
        "first_seq": first["seq"],
        "last_seq": chunks.loc[ends, "seq"].reset_index(drop=True),
        "created_at": first["started_at"].fillna(first["completed_at"]),
        "is_steering": from_person.duplicated().reindex(first.index, fill_value=False),
    }
    return build_frame(MESSAGES, values)


def _provisional_message(chunks: pd.DataFrame) -> Series:
    """Return a key for the message of every row that is not stored yet."""
    role, turn_id = chunks["role"].astype("string"), chunks["turn_id"]
    border = (role != role.shift()) | (turn_id != turn_id.shift()) | role.isin(["tool", "user"])
    number = border.fillna(True).cumsum().astype("string")
    return "provisional " + number


def tool_calls_frame(
    store: FrameStore, conversation_id: str | None = None, *, live: LiveState | None = None
) -> pd.DataFrame:
    """Return the tool calls, one row each, in the order of the log; see `chunks_frame`.

    A call of the running step is ``pending`` until its tool has ended.
    """
    upto = last_known_seq(live, conversation_id)
    with store.connect() as connection:
        columns = fetch_columns(connection, TOOL_CALLS, conversation_id, upto)
    calls = parse_all(columns["call_json"])
    columns["arguments_json"] = [compact_json(call["input"]) for call in calls]
    answers = [each or "null" for each in columns["result_json"]]
    columns["result"] = [answer and answer["content"] for answer in parse_all(answers)]
    if live is not None:
        _append_running_calls(columns, conversation_id, live)
    return build_frame(TOOL_CALLS, columns)


def _append_running_calls(columns: Columns, conversation_id: str | None, live: LiveState) -> None:
    entries = list(flushed(live.transcript))
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
        row = {
            "tool_call_id": call.tool_call_id,
            "conversation_id": conversation_id,
            "turn_id": entry.turn_id,
            "step_id": step_id,
            "tool_name": call.tool_name,
            "arguments_json": compact_json(wire["input"]),
            "result": None if result is None else result.content,
            "status": status,
            "is_synthetic": False,
            "duration_ms": ended.get("durationMs"),
            "error_message": result.content if result is not None and failed else None,
            "result_bytes": None if result is None else len(result.content.encode()),
        }
        for name, values in columns.items():
            values.append(row.get(name))
