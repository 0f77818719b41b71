"""The frame of deltas: how text arrived, piece by piece, read from the event log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, text

from ..store.event_log import read_event_lines
from ..store.segments import EventLine
from ..transcript.live import LiveState
from .build import build_frame, describe, typed
from .cache import Kind, Rows, asked
from .columns import DELTA_TYPES, INTEGER, TEXT, FrameSpec
from .live_rows import parse_all, scoped
from .log_columns import DELTAS
from .read import Columns, FrameStore, fetch, is_numbered, turns_of
from .refreshing import refresh_deltas
from .scope import Scope

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["deltas_frame", "read_lines"]

_COMMITTED = "nb.chunks-committed"
_CLOSING = ("done", "turn-sealed", _COMMITTED)
_IMAGES = "nb.prompt-images"
_DETAIL = "nb.chunk-detail"
_BUILDING = (
    *("user-message", "steering", _IMAGES, *DELTA_TYPES, _DETAIL),
    *("tool-call", "tool-result", "error"),
)

_KEPT = frozenset((*_BUILDING, *_CLOSING))

_REQUESTS = """SELECT chunks.turn_id, chunks.seq, steps.requested_us
    FROM chunks JOIN steps ON steps.step_id = chunks.step_id
    WHERE {chunks} AND chunks.seq <= :upto AND chunks.chunk_type IN ('text', 'thinking')"""
_OF_STEPS = "SELECT DISTINCT steps.turn_id, steps.conversation_id FROM steps WHERE {steps}"
_REQUEST_COLUMNS = ["turn_id", "seq", "requested_us"]


def deltas_frame(
    store: FrameStore,
    conversation_id: str | None = None,
    *,
    live: LiveState | None = None,
    scope: Scope | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the deltas of text and thought, one row each, in the order they arrived.

    Which chunk a delta became part of follows from the event log alone: events build
    chunks in order, and ``nb.chunks-committed`` says which seq the oldest of them got.

    Parameters
    ----------
    store
        Where to read.
    conversation_id
        Which conversation; all of them without it.
    live
        Chunks that this state does not know to be stored have no seq here either.
    """
    return asked(_DELTAS, store, scoped(conversation_id, scope, live), live, columns)


def _read_deltas(
    store: FrameStore,
    connection: Connection,
    spec: FrameSpec,
    scope: Scope,
    live: LiveState | None,
) -> Rows:
    lines = read_lines(connection, scope)
    requests = fetch(connection, _REQUESTS, _REQUEST_COLUMNS, scope)
    every = parse_all(line.event_json for line in lines)
    kept = [both for both in zip(lines, every, strict=True) if both[1]["type"] in _KEPT]
    parsed = [event for _, event in kept]
    read: Columns = {
        "conversation_id": [line.conversation_id for line, _ in kept],
        "turn_id": [line.turn_id for line, _ in kept],
        "type": [event["type"] for event in parsed],
        "at_us": [line.at_us for line, _ in kept],
        "mono_us": [line.mono_us for line, _ in kept],
    }
    events = _table(read, TEXT, TEXT, TEXT, INTEGER, INTEGER)
    builds: list[Any] = [len(event["images"]) if "images" in event else 1 for event in parsed]
    events["builds"] = pd.Series(builds, dtype="int64")
    events["goes_on_with"] = typed([_continued(event) for event in parsed], TEXT)
    events["chunk"] = _chunk_numbers(events)
    is_delta = events["type"].isin(DELTA_TYPES)
    deltas = events[is_delta].assign(
        text=[event["delta"] for event in parsed if event["type"] in DELTA_TYPES]
    )
    commits = [event for event in parsed if event["type"] == _COMMITTED]
    deltas = deltas.merge(_seq_numbers(commits, scope.upto), on=["turn_id", "chunk"], how="left")
    deltas = deltas.merge(
        _table(requests, TEXT, INTEGER, INTEGER), on=["turn_id", "seq"], how="left"
    )
    of_chunk = deltas.groupby(["turn_id", "chunk"], sort=False)
    frame = build_frame(
        spec,
        {
            "conversation_id": deltas["conversation_id"],
            "seq": deltas["seq"],
            "delta_index": of_chunk.cumcount(),
            "received_at": list(deltas["at_us"]),
            "t_s": (deltas["at_us"] - deltas["requested_us"]) / 1e6,
            "gap_s": (deltas["mono_us"] - of_chunk["mono_us"].shift()) / 1e6,
            "event_type": deltas["type"],
            "text": deltas["text"],
        },
    )
    return _by_turn(spec, frame, deltas["turn_id"], connection)


def _by_turn(
    spec: FrameSpec, frame: pd.DataFrame, turn_ids: Series, connection: Connection
) -> Rows:
    """Return deltas in the order in which their turns were stored."""
    if not is_numbered(connection):
        return Rows(frame)
    codes, ids = pd.factorize(turn_ids)
    found = connection.execute(_TURNS_BY_ID, {"ids": json.dumps(ids.tolist())})
    known: dict[str, int] = {row.turn_id: row.number for row in found}
    # Deltas of a turn that is not stored yet come last.
    rows = np.array([known.get(each, _NOT_STORED) for each in ids], dtype="int64")
    keys = rows[codes] if len(ids) else np.empty(0, dtype="int64")
    order = np.argsort(keys, kind="stable")
    if (order != np.arange(len(order))).any():
        frame = describe(frame.take(order).reset_index(drop=True), spec)
    return Rows(frame, None if (rows == _NOT_STORED).any() else keys[order])


_NOT_STORED = 2**62
_TURNS_BY_ID = text(
    "SELECT turn_id, rowid AS number FROM turns "
    "WHERE turn_id IN (SELECT value FROM json_each(:ids))"
)
_DELTAS = Kind(DELTAS, _read_deltas, refresh_deltas)


def read_lines(connection: Connection, scope: Scope) -> list[EventLine]:
    """Return the events of what a scope chooses, in order."""
    if scope.chosen is not None and scope.chosen[0] == "steps":
        turns: Columns | None = fetch(connection, _OF_STEPS, ["turn_id", "conversation_id"], scope)
    else:
        turns = turns_of(connection, scope)
    if turns is None:
        ids = scope.conversation_ids
        if ids is None:
            return read_event_lines(connection)
        return [line for each in ids for line in read_event_lines(connection, each)]
    lines: list[EventLine] = []
    for turn_id, conversation_id in zip(turns["turn_id"], turns["conversation_id"], strict=True):
        lines += read_event_lines(connection, conversation_id, turn_id=turn_id)
    return lines


def _table(columns: Columns, *dtypes: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            name: typed(values, dtype)
            for (name, values), dtype in zip(columns.items(), dtypes, strict=True)
        }
    )


def _chunk_numbers(events: pd.DataFrame) -> Series:
    """Return the number, from 1, of the chunk that each event builds in its turn.

    A delta goes on with the chunk of the event before it when that is of its own kind, and
    so does what ends such a chunk.
    """
    kind = events["type"]
    before = kind.groupby(events["turn_id"], sort=False).shift()
    goes_on = (events["goes_on_with"] == before).fillna(False)
    begun = (kind.isin(_BUILDING) & ~goes_on).astype("int64") * events["builds"]
    return begun.groupby(events["turn_id"], sort=False).cumsum().astype("Int64")


def _continued(event: dict[str, Any]) -> str:
    """Return the type of the deltas whose chunk this event may go on with."""
    if event["type"] == _DETAIL:
        delta = "text-delta" if event["kind"] == "text" else "reasoning-delta"
        return "" if event["alone"] else delta
    return event["type"] if event["type"] in DELTA_TYPES else ""


def _seq_numbers(commits: list[dict[str, Any]], upto: int) -> pd.DataFrame:
    """Return the seq of every stored chunk by its number in its turn."""
    counts = np.array([event["count"] for event in commits], dtype="int64")
    firsts = np.array([event["firstSeq"] for event in commits], dtype="int64")
    within = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)
    turn_ids = typed([event["turnId"] for event in commits], TEXT).repeat(counts.tolist())
    seqs = pd.DataFrame(
        {
            "turn_id": turn_ids.reset_index(drop=True),
            "seq": pd.array(np.repeat(firsts, counts) + within, dtype="Int64"),
        }
    )
    seqs["chunk"] = (seqs.groupby("turn_id", sort=False).cumcount() + 1).astype("Int64")
    return seqs[seqs["seq"] <= upto]
