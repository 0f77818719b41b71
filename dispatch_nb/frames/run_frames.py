"""The frames about runs: turns, steps, usage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from ..transcript.live import LiveState
from ..wire.conversation import TextChunk
from .buffers import with_text
from .build import build_frame, typed
from .cache import Kind, Rows, asked, keyed, keys_of
from .columns import TEXT, TOKEN_TYPES, FrameSpec
from .joining import join_texts
from .live_rows import live_entries, scoped
from .mending import mend
from .read import FrameStore, fetch, fetch_columns
from .refreshing import refresh_steps, refresh_turns
from .scope import Scope
from .step_columns import STEPS, USAGE
from .turn_columns import TURNS

__all__ = ["read_steps", "steps_frame", "turns_frame", "usage_frame"]

_SAID = """SELECT turn_id, text, conversation_id, seq FROM chunks
    WHERE {chunks} AND seq <= :upto AND role = 'assistant' AND chunk_type = 'text'
    ORDER BY {chunks_order}"""
_SAID_COLUMNS = ["turn_id", "text", "conversation_id", "seq"]
_USED = ("conversation_id", "turn_id", "step_id", "request_model", "response_model")


def turns_frame(
    store: FrameStore,
    conversation_id: str | None = None,
    *,
    live: LiveState | None = None,
    scope: Scope | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the turns, one row each, in order; also the one that runs.

    A turn's tokens are the sum of its steps', so they grow while it runs.

    Parameters
    ----------
    store
        Where to read.
    conversation_id
        Which conversation; all of them without it, none for an id the store does not hold.
    live
        The state of that conversation's running turn: its text that is not stored yet is
        part of `output_text`, and chunks stored after it was taken do not count.
    """
    return asked(_TURNS, store, scoped(conversation_id, scope, live), live, columns)


def _read_turns(
    store: FrameStore,
    connection: Connection,
    spec: FrameSpec,
    scope: Scope,
    live: LiveState | None,
) -> Rows:
    values = fetch_columns(connection, keyed(spec, "turns", connection), scope)
    keys = keys_of(values)
    if "output_text" in spec.names:
        said = mend(connection, fetch(connection, _SAID, _SAID_COLUMNS, scope))
        for turn_id, words in _still_saying(live):
            said["turn_id"].append(turn_id)
            said["text"].append(words)
        output = join_texts(typed(said["text"], TEXT), typed(said["turn_id"], TEXT), "\n\n")
        values["output_text"] = typed(values["turn_id"], TEXT).map(output)
    return Rows(build_frame(spec, values), keys)


def _still_saying(live: LiveState | None) -> Iterator[tuple[str, str]]:
    """Yield what assistants have said that is not stored yet, with the turn."""
    for entry in live_entries(live, None):
        if entry.role == "assistant" and isinstance(entry.chunk, TextChunk):
            yield entry.turn_id, entry.chunk.text


def _add_said(frame: pd.DataFrame, conversation_id: str, live: LiveState) -> pd.DataFrame:
    """Add to the texts of turns what is not stored yet."""
    said: dict[str, list[str]] = {}
    for turn_id, words in _still_saying(live):
        said.setdefault(turn_id, []).append(words)
    if not said:
        return frame
    output = frame["output_text"].array
    # A turn that runs is among the last.
    for turn_id, texts in said.items():
        row = _last_row(frame["turn_id"].array, turn_id)
        if row is not None:
            before = output[row : row + 1].dropna().tolist()
            output = with_text(output, row, "\n\n".join([*before, *texts]))
    frame["output_text"] = pd.Series(output, copy=False)
    return frame


def _last_row(ids: Any, wanted: str) -> int | None:
    for stop in range(len(ids), 0, -64):
        start = max(0, stop - 64)
        found = [row for row, each in enumerate(ids[start:stop].tolist(), start) if each == wanted]
        if found:
            return found[-1]
    return None


_TURNS = Kind(TURNS, _read_turns, refresh_turns, add_live=_add_said)


def steps_frame(
    store: FrameStore,
    conversation_id: str | None = None,
    *,
    live: LiveState | None = None,
    scope: Scope | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the steps, one row a model request, in order.

    Parameters
    ----------
    store
        Where to read.
    conversation_id
        Which conversation; all of them without it, none for an id the store does not hold.
    live
        Changes nothing here: what is known of a step beside its chunks is in the store.
    """
    return asked(_STEPS, store, scoped(conversation_id, scope, live), live, columns)


def read_steps(
    store: FrameStore,
    connection: Connection,
    spec: FrameSpec,
    scope: Scope,
    live: LiveState | None,
) -> Rows:
    """Read the steps of a scope."""
    values = fetch_columns(connection, keyed(spec, "steps", connection), scope)
    return Rows(build_frame(spec, values), keys_of(values))


_STEPS = Kind(STEPS, read_steps, refresh_steps, upto=False)


def usage_frame(
    store: FrameStore,
    conversation_id: str | None = None,
    *,
    live: LiveState | None = None,
    scope: Scope | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the tokens of `steps_frame` in long form: one row a step and kind of token.

    The kinds overlap: cache rows are parts of ``input``, ``reasoning`` of ``output``. So
    sum within a kind, never over all of them.

    Parameters
    ----------
    store, conversation_id, live
        As for `steps_frame`.
    """
    return asked(_USAGE, store, scoped(conversation_id, scope, live), live, columns)


def _read_usage(
    store: FrameStore,
    connection: Connection,
    spec: FrameSpec,
    scope: Scope,
    live: LiveState | None,
) -> Rows:
    counted = [f"{kind}_tokens" for kind in TOKEN_TYPES]
    paid = [f"{kind}_usd" for kind in TOKEN_TYPES]
    read = read_steps(store, connection, STEPS.only([*_USED, *counted, *paid]), scope, live)
    steps = read.frame
    tokens = pd.concat([steps[name] for name in counted], ignore_index=True)
    cost = pd.concat([steps[name] for name in paid], ignore_index=True)
    rows = pd.Index(range(len(steps))).repeat(len(TOKEN_TYPES))
    # `tokens` goes kind by kind; a step's kinds are to stand together.
    position = np.arange(len(tokens)).reshape(len(TOKEN_TYPES), len(steps)).T.ravel()
    long = steps.loc[rows, ["conversation_id", "turn_id", "step_id"]].assign(
        model=steps["response_model"].fillna(steps["request_model"])
    )
    long = long.reset_index(drop=True).assign(
        token_type=list(TOKEN_TYPES) * len(steps),
        tokens=tokens.take(position).reset_index(drop=True),
        cost_usd=cost.take(position).reset_index(drop=True),
    )
    counts = np.asarray(long["tokens"].notna())
    long = long[counts].reset_index(drop=True)
    keys = None if read.keys is None else np.repeat(read.keys, len(TOKEN_TYPES))[counts]
    return Rows(build_frame(spec, {str(name): long[name] for name in long.columns}), keys)


_USAGE = Kind(USAGE, _read_usage, refresh_steps, upto=False)
