"""Import of the logs of the command-line tool `llm`: a thread becomes a conversation."""

from __future__ import annotations

import json
import os
import sqlite3
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
            [_message(connection, row, asked.get(row["hash"])) for row in messages]
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


def _message(
    connection: sqlite3.Connection, row: sqlite3.Row, turn: sqlite3.Row | None
) -> dict[str, Any]:
    """Return a message as chat completions have it, with the usage of the call that gave it."""
    parts = connection.execute(
        "SELECT * FROM parts WHERE message_hash = ? ORDER BY position", (row["hash"],)
    ).fetchall()
    texts = [part["text"] or "" for part in parts if part["type"] == "text"]
    thoughts = [part["text"] or "" for part in parts if part["type"] == "reasoning"]
    message: dict[str, Any] = {"role": row["role"], "content": "".join(texts)}
    if thoughts:
        message["reasoning"] = "".join(thoughts)
    payloads = [(part["type"], json.loads(part["payload"])) for part in parts if part["payload"]]
    calls = [payload for kind, payload in payloads if kind == "tool_call"]
    if calls:
        message["tool_calls"] = [
            _call(call, number, row["hash"]) for number, call in enumerate(calls)
        ]
    for kind, payload in payloads:
        if kind == "tool_result":
            message |= {
                "content": payload["output"],
                "tool_call_id": payload["tool_call_id"] or payload["name"],
                "name": payload["name"],
            }
    if turn is not None and turn["input_tokens"] is not None:
        details = json.loads(turn["token_details"] or "{}")
        counted = {"input_tokens": turn["input_tokens"], "output_tokens": turn["output_tokens"]}
        message["usage"] = {**details, **counted}
    return message


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
