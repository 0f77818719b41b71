"""The frames about runs: conversations, turns, steps, usage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..transcript.live import LiveState
from ..wire.conversation import TextChunk
from .build import build_frame, typed
from .columns import TEXT, TOKEN_TYPES
from .joining import join_texts
from .live_rows import live_entries, scoped
from .mending import mend
from .read import FrameStore, fetch, fetch_columns
from .run_columns import CONVERSATIONS, STEPS, TURNS, USAGE
from .scope import Scope

__all__ = ["conversations_frame", "steps_frame", "turns_frame", "usage_frame"]

_MODELS = """SELECT steps.conversation_id,
        COALESCE(steps.response_model, steps.request_model) AS model FROM steps
    WHERE {steps} AND COALESCE(steps.response_model, steps.request_model) IS NOT NULL
    GROUP BY steps.conversation_id, COALESCE(steps.response_model, steps.request_model)
    ORDER BY steps.conversation_id, MIN({steps_order})"""

_SAID = """SELECT turn_id, text, conversation_id, seq FROM chunks
    WHERE {chunks} AND seq <= :upto AND role = 'assistant' AND chunk_type = 'text'
    ORDER BY {chunks_order}"""
_SAID_COLUMNS = ["turn_id", "text", "conversation_id", "seq"]
_USED = ("conversation_id", "turn_id", "step_id", "request_model", "response_model")


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
    scope = scoped(conversation_id, scope, live)
    spec = CONVERSATIONS if columns is None else CONVERSATIONS.only(columns)
    with store.connect() as connection:
        values = fetch_columns(connection, spec, scope)
        if "models" in spec.names:
            used = fetch(connection, _MODELS, ["conversation_id", "model"], scope)
            named = join_texts(
                typed(used["model"], TEXT), typed(used["conversation_id"], TEXT), ", "
            )
            values["models"] = typed(values["conversation_id"], TEXT).map(named)
    return build_frame(spec, values)


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
    scope = scoped(conversation_id, scope, live)
    spec = TURNS if columns is None else TURNS.only(columns)
    with store.connect() as connection:
        values = fetch_columns(connection, spec, scope)
        if "output_text" in spec.names:
            said = mend(connection, fetch(connection, _SAID, _SAID_COLUMNS, scope))
            for entry in live_entries(live, None):
                if entry.role == "assistant" and isinstance(entry.chunk, TextChunk):
                    said["turn_id"].append(entry.turn_id)
                    said["text"].append(entry.chunk.text)
            output = join_texts(typed(said["text"], TEXT), typed(said["turn_id"], TEXT), "\n\n")
            values["output_text"] = typed(values["turn_id"], TEXT).map(output)
    return build_frame(spec, values)


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
    scope = scoped(conversation_id, scope, live)
    spec = STEPS if columns is None else STEPS.only(columns)
    with store.connect() as connection:
        return build_frame(spec, fetch_columns(connection, spec, scope))


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
    spec = USAGE if columns is None else USAGE.only(columns)
    counted = [f"{kind}_tokens" for kind in TOKEN_TYPES]
    paid = [f"{kind}_usd" for kind in TOKEN_TYPES]
    steps = steps_frame(
        store, conversation_id, live=live, scope=scope, columns=[*_USED, *counted, *paid]
    )
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
    long = long[long["tokens"].notna()].reset_index(drop=True)
    return build_frame(spec, {str(name): long[name] for name in long.columns})
