"""The frame of conversations: their own columns, and sums over their turns, steps and calls."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from ..transcript.live import LiveState
from .build import build_frame, typed
from .cache import Kept, Kind, Rows, asked, bring_up, keyed, keys_of
from .columns import INTEGER, TEXT, Column, FrameSpec
from .conversation_columns import CONVERSATIONS, TURN_SUMS
from .joining import join_texts
from .live_rows import scoped
from .news import News, rowids
from .read import FrameStore, fetch, fetch_columns
from .refreshing import read_again, refresh_steps
from .scope import Scope

__all__ = ["conversations_frame"]

_MODELS = """SELECT steps.conversation_id,
        COALESCE(steps.response_model, steps.request_model) AS model FROM steps
    WHERE {steps} AND COALESCE(steps.response_model, steps.request_model) IS NOT NULL
    GROUP BY steps.conversation_id, COALESCE(steps.response_model, steps.request_model)
    ORDER BY steps.conversation_id, MIN({steps_order})"""


def conversations_frame(
    store: FrameStore,
    conversation_id: str | None = None,
    *,
    live: LiveState | None = None,
    scope: Scope | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the conversations, one row each, oldest first.

    Parameters
    ----------
    store
        Where to read.
    conversation_id
        Which conversation; all of them without it, none for an id the store does not hold.
    live
        The state of that conversation: chunks stored after it was taken do not count.
    """
    return asked(_CONVERSATIONS, store, scoped(conversation_id, scope, live), live, columns)


def _read_conversations(
    store: FrameStore,
    connection: Connection,
    spec: FrameSpec,
    scope: Scope,
    live: LiveState | None,
) -> Rows:
    values = fetch_columns(connection, keyed(spec, "conversations", connection), scope)
    keys = keys_of(values)
    if "models" in spec.names:
        used = fetch(connection, _MODELS, ["conversation_id", "model"], scope)
        named = join_texts(typed(used["model"], TEXT), typed(used["conversation_id"], TEXT), ", ")
        values["models"] = typed(values["conversation_id"], TEXT).map(named)
    return Rows(build_frame(spec, values), keys)


def _begin(kept: Kept, store: FrameStore, connection: Connection) -> Rows:
    """Read conversations with the numbers of their turns, steps and calls, which are kept."""
    found = _summed(kept, store, connection, kept.scope)
    if found is None:
        return _read_conversations(store, connection, CONVERSATIONS, kept.scope, None)
    return found


def _refresh(kept: Kept, store: FrameStore, news: News) -> bool:
    """Read conversations again that were added or changed, or to which anything came."""
    tables = ("conversations", "turns", "steps", "tool_calls")
    ids = set().union(*(news.of(table, "conversation_id") for table in tables))
    ids |= {conversation_id for conversation_id, _, _ in news.events}
    keys = rowids(news.connection, "conversations", "conversation_id", ids)
    scope = Scope(chosen=("conversations", tuple(keys.tolist())))
    found = _summed(kept, store, news.connection, scope)
    assert kept.rows is not None
    if found is None:
        return False
    if len(keys):
        kept.rows.replace(keys, found.frame, found.keys)
    return True


def _summed(kept: Kept, store: FrameStore, connection: Connection, scope: Scope) -> Rows | None:
    """Return conversations of a scope; None if what they are made of cannot be kept."""
    of_turns, of_steps, of_calls = (kept.part(kind) for kind in (_TURN_SUMS, _MODELS_OF, _CALLS))
    for part in (of_turns, of_steps, of_calls):
        bring_up(part, store, connection)
    turns, steps, calls = of_turns.rows, of_steps.rows, of_calls.rows
    if turns is None or steps is None or calls is None:
        return None
    values = fetch_columns(connection, keyed(_OWN, "conversations", connection), scope)
    keys = keys_of(values)
    counted = _Groups(np.asarray(turns.array("conversation")), keys)
    for column in TURN_SUMS.columns[1:]:
        values[column.name] = counted.sums(turns.array(column.name))
    kinds = ("input", "output", "cache_read", "cache_write")
    tokens = list(zip(*(values[f"{kind}_tokens"] for kind in kinds), strict=True))
    values["uncached_input_tokens"] = [
        None if sent is None else sent - (read or 0) - (written or 0)
        for sent, _, read, written in tokens
    ]
    values["total_tokens"] = [
        None if sent is None or said is None else sent + said for sent, said, *_ in tokens
    ]
    for name in ("step_count", "unpriced_step_count"):
        values[name] = [count or 0 for count in values[name]]
    values["turn_count"] = counted.counts
    values["tool_call_count"] = _Groups(np.asarray(calls.array("conversation")), keys).counts
    used = _Groups(np.asarray(steps.array("conversation")), keys)
    models = pd.DataFrame(
        {"conversation": used.of, "model": pd.Series(steps.array("model")).take(used.rows).array}
    )
    models = models.dropna().drop_duplicates()
    named = join_texts(models["model"], models["conversation"], ", ")
    values["models"] = typed(named.reindex(keys).array, TEXT)
    return Rows(build_frame(CONVERSATIONS, values), keys)


class _Groups:
    """The rows that belong to each of some conversations, in their order.

    Parameters
    ----------
    of_all
        For each row the conversation it belongs to.
    wanted
        The conversations, ascending.
    """

    def __init__(self, of_all: Any, wanted: Any) -> None:
        mine = np.flatnonzero(np.isin(of_all, wanted))
        self.rows = mine[np.argsort(of_all[mine], kind="stable")]
        self.of = of_all[self.rows]
        self._starts = np.searchsorted(self.of, wanted, side="left")
        self._stops = np.searchsorted(self.of, wanted, side="right")

    @property
    def counts(self) -> list[int]:
        """How many rows there are of each."""
        counts: list[int] = (self._stops - self._starts).tolist()
        return counts

    def sums(self, column: Any) -> list[Any]:
        """Return the sum for each of a nullable column, None where it has no value.

        Sums of money are rounded once, so they do not depend on what was added first.
        """
        part = column[self.rows]
        there = ~np.asarray(part.isna())
        data = part.to_numpy(dtype=part.dtype.numpy_dtype, na_value=0)
        before = np.concatenate([[0], np.cumsum(there)])
        known = (before[self._stops] - before[self._starts]).tolist()
        if data.dtype.kind == "f":
            pairs = zip(self._starts.tolist(), self._stops.tolist(), strict=True)
            plain = data.tolist()
            sums = [math.fsum(plain[start:stop]) for start, stop in pairs]
        else:
            totals = np.concatenate([[0], np.cumsum(data)])
            sums = (totals[self._stops] - totals[self._starts]).tolist()
        return [each if count else None for each, count in zip(sums, known, strict=True)]


def _read_part(
    store: FrameStore,
    connection: Connection,
    spec: FrameSpec,
    scope: Scope,
    live: LiveState | None,
) -> Rows:
    table = spec.name.partition(" ")[0]
    values = fetch_columns(connection, keyed(spec, table, connection), scope)
    return Rows(build_frame(spec, values), keys_of(values))


def _refresh_sums(kept: Kept, store: FrameStore, news: News) -> bool:
    turns = news.of("turns", "turn_id") | news.of("steps", "turn_id")
    keys = rowids(news.connection, "turns", "turn_id", turns)
    return read_again(kept, store, news, "turns", keys)


def _refresh_count(kept: Kept, store: FrameStore, news: News) -> bool:
    keys = np.array(sorted(news.of("tool_calls", "rowid")), dtype="int64")
    return read_again(kept, store, news, "tool_calls", keys)


_OWN = replace(
    CONVERSATIONS,
    columns=tuple(
        column
        for column in CONVERSATIONS.columns
        if isinstance(column.source, str) and not re.search(r"\b(used|called)\.", column.source)
    ),
    tables="FROM conversations WHERE {conversations} ORDER BY {conversations_order}",
)
_WHOSE = Column("conversation", INTEGER, "conversations.rowid", "The conversation's row")
_OF = "JOIN conversations ON conversations.conversation_id = {0}.conversation_id"
_MODELS_OF = Kind(
    FrameSpec(
        "steps by model",
        "one step and the model that answered, else the one asked for",
        (
            _WHOSE,
            Column("model", TEXT, "COALESCE(steps.response_model, steps.request_model)", "It"),
        ),
        f"FROM steps {_OF.format('steps')} WHERE {{steps}} ORDER BY {{steps_order}}",
    ),
    _read_part,
    refresh_steps,
)
_CALLS = Kind(
    FrameSpec(
        "tool_calls by conversation",
        "one tool call",
        (_WHOSE,),
        f"FROM tool_calls {_OF.format('tool_calls')} WHERE {{tool_calls}} "
        "ORDER BY {tool_calls_order}",
    ),
    _read_part,
    _refresh_count,
)
_TURN_SUMS = Kind(TURN_SUMS, _read_part, _refresh_sums)

_CONVERSATIONS = Kind(CONVERSATIONS, _read_conversations, _refresh, begin=_begin)
