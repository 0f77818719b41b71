"""What the upstream client does, by the transcript contract's D.2 and B.2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dispatch_nb.transcript import reducer
from dispatch_nb.transcript.history import apply_history
from dispatch_nb.transcript.log import Log
from dispatch_nb.transcript.state import Provisional, TranscriptState, flushed
from dispatch_nb.wire.conversation import TextChunk

State = TranscriptState


def unchanged(state: State, *arguments: Any, **options: Any) -> State:
    return state


def without(log: Log[Provisional], is_gone: Callable[[Provisional], bool]) -> Log[Provisional]:
    return Log(entry for entry in log if not is_gone(entry))


def upstream_append(state: State, text: str) -> State:
    """B.2: the echo is a provisional chunk, and cuts the text that streams."""
    entry = Provisional("user", TextChunk(text=text), "")
    return state._replace(provisional=flushed(state).append(entry), accumulating=None)


def upstream_sync(state: State, chunks: list[Any], **options: Any) -> State:
    """D.2.2: only provisional text equal to the last committed chunk is dropped."""
    before = state.sealed_turn_id
    known = len(state.committed)
    state = apply_history(state, chunks)
    if before is not None or len(state.committed) == known or not state.generating:
        return state
    last = state.committed[-1]

    def is_last(entry: Provisional) -> bool:
        return isinstance(entry.chunk, TextChunk) and (entry.role, entry.chunk) == (
            last.role,
            last.chunk,
        )

    return state._replace(provisional=without(state.provisional, is_last))


def upstream_fold(state: State, event: Any) -> State:
    """D.2.3: a prompt is skipped when the last provisional chunk has its text."""
    if event.type == "user-message" and state.provisional:
        last = state.provisional[-1]
        if last.role == "user" and last.chunk == TextChunk(text=event.text):
            return state._replace(generating=True)
    return reducer.fold_event(state, event)
