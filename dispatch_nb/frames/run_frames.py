"""The frames about runs: conversations, turns, steps, usage."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..transcript.live import LiveState
from ..transcript.state import flushed
from ..wire.conversation import TextChunk
from .build import build_frame, typed
from .chunk_rows import last_known_seq
from .columns import TEXT, TOKEN_TYPES
from .joining import join_texts
from .read import FrameStore, fetch, fetch_columns
from .run_columns import CONVERSATIONS, STEPS, TURNS, USAGE

__all__ = ["conversations_frame", "steps_frame", "turns_frame", "usage_frame"]

_MODELS = """SELECT steps.conversation_id,
        COALESCE(steps.response_model, steps.request_model) AS model
    FROM steps LEFT JOIN turns ON turns.turn_id = steps.turn_id WHERE {steps}
        AND COALESCE(steps.response_model, steps.request_model) IS NOT NULL
    ORDER BY steps.conversation_id, turns.turn_index, steps.step_index, steps.attempt"""

_SAID = """SELECT turn_id, text FROM chunks
    WHERE {chunks} AND seq <= :upto AND role = 'assistant' AND chunk_type = 'text'
    ORDER BY conversation_id, seq"""


def conversations_frame(
    store: FrameStore, conversation_id: str | None = None, *, live: LiveState | None = None
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
    upto = last_known_seq(live, conversation_id)
    with store.connect() as connection:
        columns = fetch_columns(connection, CONVERSATIONS, conversation_id, upto)
        used = fetch(connection, _MODELS, ["conversation_id", "model"], conversation_id)
    models = pd.DataFrame({name: typed(values, TEXT) for name, values in used.items()})
    models = models.drop_duplicates()
    named = join_texts(models["model"], models["conversation_id"], ", ")
    ids = typed(columns["conversation_id"], TEXT)
    return build_frame(CONVERSATIONS, {**columns, "models": ids.map(named)})


def turns_frame(
    store: FrameStore, conversation_id: str | None = None, *, live: LiveState | None = None
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
    upto = last_known_seq(live, conversation_id)
    with store.connect() as connection:
        columns = fetch_columns(connection, TURNS, conversation_id, upto)
        said = fetch(connection, _SAID, ["turn_id", "text"], conversation_id, upto)
    if live is not None:
        for entry in flushed(live.transcript):
            if entry.role == "assistant" and isinstance(entry.chunk, TextChunk):
                said["turn_id"].append(entry.turn_id)
                said["text"].append(entry.chunk.text)
    output = join_texts(typed(said["text"], TEXT), typed(said["turn_id"], TEXT), "\n\n")
    ids = typed(columns["turn_id"], TEXT)
    return build_frame(TURNS, {**columns, "output_text": ids.map(output)})


def steps_frame(
    store: FrameStore, conversation_id: str | None = None, *, live: LiveState | None = None
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
    last_known_seq(live, conversation_id)
    with store.connect() as connection:
        columns = fetch_columns(connection, STEPS, conversation_id)
    return build_frame(STEPS, columns)


def usage_frame(
    store: FrameStore, conversation_id: str | None = None, *, live: LiveState | None = None
) -> pd.DataFrame:
    """Return the tokens of `steps_frame` in long form: one row a step and kind of token.

    The kinds overlap: cache rows are parts of ``input``, ``reasoning`` of ``output``. So
    sum within a kind, never over all of them.

    Parameters
    ----------
    store, conversation_id, live
        As for `steps_frame`.
    """
    steps = steps_frame(store, conversation_id, live=live)
    counted = [f"{kind}_tokens" for kind in TOKEN_TYPES]
    tokens = pd.concat([steps[name] for name in counted], ignore_index=True)
    rows = pd.Index(range(len(steps))).repeat(len(TOKEN_TYPES))
    # `tokens` goes kind by kind; a step's kinds are to stand together.
    position = np.arange(len(tokens)).reshape(len(TOKEN_TYPES), len(steps)).T.ravel()
    long = steps.loc[rows, ["conversation_id", "turn_id", "step_id"]].assign(
        model=steps["response_model"].fillna(steps["request_model"])
    )
    long = long.reset_index(drop=True).assign(
        token_type=list(TOKEN_TYPES) * len(steps),
        tokens=tokens.take(position).reset_index(drop=True),
        cost_usd=None,
    )
    long = long[long["tokens"].notna()].reset_index(drop=True)
    return build_frame(USAGE, {str(name): long[name] for name in long.columns})
