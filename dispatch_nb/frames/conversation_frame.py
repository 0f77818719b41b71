"""The frame of conversations: their own columns, and sums over their turns, steps and calls."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from sqlalchemy import Connection

from ..transcript.live import LiveState
from .build import build_frame, typed
from .cache import Kind, Rows, asked, keyed, keys_of
from .columns import TEXT, FrameSpec
from .joining import join_texts
from .live_rows import scoped
from .read import FrameStore, fetch, fetch_columns
from .refreshing import refresh_conversations
from .run_columns import CONVERSATIONS
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


_CONVERSATIONS = Kind(CONVERSATIONS, _read_conversations, refresh_conversations)
