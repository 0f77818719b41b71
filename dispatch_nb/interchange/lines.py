"""What the store holds as JSON Lines: events as they were shown, chunks as they were stored."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, text

from ..framed import FrameSource
from ..store.event_log import read_event_lines

__all__ = ["save_chunks", "save_events"]

_CHUNKS = """SELECT conversation_id, seq, role, chunk_json FROM chunks
    WHERE conversation_id = :id ORDER BY seq"""


def save_events(source: FrameSource, path: str | os.PathLike[str]) -> int:
    """Write every event, with its number and times, one JSON object a line.

    Parameters
    ----------
    source
        A store, a chat or a turn.
    path
        Written anew. A line has ``conversationId``, ``n``, ``atUs``, ``monoUs`` and ``event``,
        which stands exactly as it was stored.

    Returns
    -------
    int
        How many there were.
    """
    return _write(path, _events(source))


def save_chunks(source: FrameSource, path: str | os.PathLike[str]) -> int:
    """Write every stored chunk as the contract shows it, one JSON object a line.

    A line has ``conversationId``, ``seq``, ``role`` and ``chunk``; see `save_events`.
    """
    return _write(path, _chunks(source))


def _write(path: str | os.PathLike[str], lines: Iterator[str]) -> int:
    count = 0
    with Path(path).open("w", encoding="utf-8", newline="\n") as file:
        for line in lines:
            file.write(f"{line}\n")
            count += 1
    return count


def _events(source: FrameSource) -> Iterator[str]:
    for part in source._frame_parts():
        with part.store.connect() as connection:
            ids = _ids(part.conversation_id, connection)
            for conversation_id in ids:
                for line in read_event_lines(connection, conversation_id, turn_id=part.turn_id):
                    yield (
                        f'{{"conversationId":{json.dumps(conversation_id, ensure_ascii=False)},'
                        f'"n":{line.n},"atUs":{line.at_us},"monoUs":{line.mono_us},'
                        f'"event":{line.event_json}}}'
                    )


def _chunks(source: FrameSource) -> Iterator[str]:
    for part in source._frame_parts():
        with part.store.connect() as connection:
            for conversation_id in _ids(part.conversation_id, connection):
                shown = json.dumps(conversation_id, ensure_ascii=False)
                query = _CHUNKS
                values = {"id": conversation_id}
                if part.turn_id is not None:
                    query = query.replace(" ORDER", " AND turn_id = :turn ORDER")
                    values["turn"] = part.turn_id
                for row in connection.execute(text(query), values):
                    yield (
                        f'{{"conversationId":{shown},"seq":{row.seq},"role":"{row.role}",'
                        f'"chunk":{row.chunk_json}}}'
                    )


def _ids(conversation_id: str | None, connection: Connection) -> list[str]:
    if conversation_id is not None:
        return [conversation_id]
    found = connection.scalars(
        text("SELECT conversation_id FROM conversations ORDER BY created_us, conversation_id")
    )
    return list(found)
