"""Import of the logs of the command-line tool `llm`: a thread becomes a conversation."""

from __future__ import annotations

import json
import os
import sqlite3
from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import FrameError
from .imported import Imported, add_to_store, as_microseconds
from .messages import conversation_of

__all__ = ["import_llm"]


def import_llm(store: object, path: str | os.PathLike[str]) -> list[str]:
    """Add the threads of an `llm` database (``llm logs path`` prints where it is) to a store.

    Parameters
    ----------
    store
        A `Store`, or the path of one.
    path
        Its ``logs.db``, with the tables of llm 0.36 or later; it is only read.

    Returns
    -------
    list of str
        The conversations' ids, which are those of the threads.

    Raises
    ------
    FrameError
        If it is no such database.
    StoreError
        If a thread was imported before.
    """
    file = Path(path)
    if not file.is_file():
        raise FrameError(
            f"There is no file {file}; `llm logs path` prints where llm keeps its log."
        )
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    try:
        return add_to_store(store, _threads(connection))
    except sqlite3.DatabaseError as error:
        raise FrameError(
            f"{file} cannot be read as a log of llm 0.36 or later: {error}. An older log is "
            "brought up to date by running `llm logs` once with a newer llm."
        ) from error
    finally:
        connection.close()


def _threads(connection: sqlite3.Connection) -> Iterator[Imported]:
    for thread in connection.execute("SELECT * FROM threads ORDER BY datetime_utc, id").fetchall():
        asked = {
            turn["tip_message_hash"]: turn
            for turn in connection.execute(
                "SELECT * FROM turns WHERE thread_id = ? ORDER BY rowid", (thread["id"],)
            )
        }
        messages = list(_messages(connection, thread["tip_message_hash"]))
        made = conversation_of(
            message
            for row in messages
            for message in _as_completions(connection, row, asked.get(row["hash"]))
        )
        answers = [asked.get(row["hash"]) for row in messages if row["role"] == "assistant"]
        steps = [(turn, step) for turn in made.turns for step in turn.steps]
        for (turn, step), row in zip(steps, answers, strict=True):
            if row is None:
                continue
            step.known |= _measured(row)
            turn.started_us = turn.started_us or step.known["requested_us"]
            turn.completed_us = step.known["completed_us"]
        made.conversation_id, made.title = thread["id"], thread["name"]
        made.created_us = _moment(thread["datetime_utc"])
        made.model = next((row["model"] for row in answers if row is not None), None)
        made.tags_json = json.dumps({"log": "llm"})
        yield made


def _messages(connection: sqlite3.Connection, tip: str | None) -> list[sqlite3.Row]:
    """Return a thread's messages from its first one to its tip."""
    found = []
    while tip is not None:
        row = connection.execute("SELECT * FROM messages WHERE hash = ?", (tip,)).fetchone()
        found.append(row)
        tip = row["parent_hash"]
    return found[::-1]


def _as_completions(
    connection: sqlite3.Connection, row: sqlite3.Row, turn: sqlite3.Row | None
) -> list[dict[str, Any]]:
    """Return a message as chat completions have it, with the usage of the call that gave it.

    The results of several calls are one message here and several there.
    """
    parts = connection.execute(
        "SELECT * FROM parts WHERE message_hash = ? ORDER BY position", (row["hash"],)
    ).fetchall()
    said: list[dict[str, Any]] = []
    thoughts: list[str] = []
    calls: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for part in parts:
        payload = json.loads(part["payload"] or "{}")
        match part["type"]:
            case "text":
                said.append({"type": "text", "text": _text(connection, part, payload)})
            case "reasoning":
                thoughts.append(_text(connection, part, payload))
            case "attachment":
                said.append(_attached(connection, payload))
            case "tool_call":
                calls.append(_call(payload, len(calls), row["hash"]))
            case "tool_result":
                results.append(_result(payload))
            case kind:
                said.append({"type": "text", "text": f"[{kind}]"})
    message: dict[str, Any] = {"role": row["role"], "content": said}
    if all(each["type"] == "text" for each in said):
        message["content"] = "".join(each["text"] for each in said)
    if thoughts:
        message["reasoning"] = "".join(thoughts)
    if calls:
        message["tool_calls"] = calls
    if turn is not None and turn["input_tokens"] is not None:
        details = json.loads(turn["token_details"] or "{}")
        counted = {"input_tokens": turn["input_tokens"], "output_tokens": turn["output_tokens"]}
        message["usage"] = {**details, **counted}
    return results or [message]


def _text(connection: sqlite3.Connection, part: sqlite3.Row, payload: Mapping[str, Any]) -> str:
    """Return a part's text, which may be put together of fragments that are stored once."""
    if part["text"] is not None:
        return str(part["text"])
    pieces = []
    for piece in payload.get("text_ref", ()):
        if "fragment" in piece:
            query = "SELECT content FROM fragments WHERE id = ?"
            (content,) = connection.execute(query, (piece["fragment"],)).fetchone()
            pieces.append(str(content))
        else:
            pieces.append(str(piece["literal"]))
    return "".join(pieces)


def _attached(connection: sqlite3.Connection, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return an attachment as an image if it is one that is at hand, else its name."""
    query = "SELECT type, path, url, content FROM attachments WHERE id = ?"
    found = connection.execute(query, (payload["attachment"]["id"],)).fetchone()
    kind = found["type"] or ""
    if kind.startswith("image/") and (found["url"] or found["content"]):
        data = b64encode(found["content"] or b"").decode()
        url = found["url"] or f"data:{kind};base64,{data}"
        return {"type": "image_url", "image_url": {"url": url}}
    name = found["path"] or found["url"] or ""
    return {"type": "text", "text": f"[{' '.join(filter(None, ('attachment', kind, name)))}]"}


def _result(result: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "role": "tool",
        "content": result["output"],
        "tool_call_id": result["tool_call_id"] or result["name"],
        "name": result["name"],
        "is_error": result.get("exception") is not None,
    }


def _call(call: Mapping[str, Any], number: int, message: str) -> dict[str, Any]:
    return {
        "id": call["tool_call_id"] or f"{message}/{number}",
        "function": {"name": call["name"], "arguments": call["arguments"]},
    }


def _measured(turn: sqlite3.Row) -> dict[str, Any]:
    began = _moment(turn["datetime_utc"])
    options = json.loads(turn["options_json"] or "{}")
    return {
        "request_model": turn["model"],
        "response_model": turn["resolved_model"],
        "requested_us": began,
        "completed_us": began + turn["duration_ms"] * 1000,
        "gen_total_ms": float(turn["duration_ms"]),
        "temperature": options.get("temperature"),
        "top_p": options.get("top_p"),
        "max_tokens": options.get("max_tokens"),
        "seed": options.get("seed"),
    }


def _moment(text: str) -> int:
    moment = datetime.fromisoformat(text)
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return as_microseconds(aware.timestamp())
