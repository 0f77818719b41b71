"""A conversation as every reader of its event log sees it: transcript and side data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pydantic import MISSING

from ..wire.conversation import StoredChunk
from ..wire.extensions import LiveEvent
from ..wire.view import AccumulatingChunk, ProvisionalChunk, SnapshotMessage, TranscriptSnapshot
from .additions import add_images, end_block
from .commit import commit_chunks
from .extensions import ExtensionState, fold_extension, initial_extensions
from .history import merge_loaded
from .reducer import fold_event
from .state import TranscriptState, initial_state

__all__ = [
    "LiveState",
    "fold_live",
    "initial_live",
    "live_from_history",
    "merge_history",
    "to_snapshot",
]


class LiveState(NamedTuple):
    """The states of all reducers after the same events."""

    transcript: TranscriptState
    extensions: ExtensionState


# Events of the contract that say something of calls at work besides.
_OF_TOOLS_TOO = frozenset(
    {
        *("tool-call", "tool-output", "tool-result"),
        *("provider-retry", "turn-start", "done", "turn-sealed"),
    }
)


def initial_live() -> LiveState:
    """Return the state before any event."""
    return LiveState(initial_state(), initial_extensions())


def live_from_history(chunks: Iterable[StoredChunk]) -> LiveState:
    """Return the state of a conversation of which only stored chunks are known."""
    return merge_history(initial_live(), chunks)


def fold_live(live: LiveState, event: LiveEvent) -> LiveState:
    """Return the state after `event`; the very same object if it changes nothing."""
    transcript, extensions = live
    match event.type:
        case "nb.chunks-committed":
            transcript = commit_chunks(transcript, event)
        case "nb.prompt-images":
            transcript = add_images(transcript, event)
        case "nb.chunk-detail":
            transcript = end_block(transcript, event)
        case "nb.tool-settled":
            extensions = fold_extension(extensions, event)
        case "nb.tool-input-delta":
            extensions = fold_extension(extensions, event)
        case "nb.request-told":
            pass  # for the books
        case _:
            transcript = fold_event(transcript, event)
            if event.type in _OF_TOOLS_TOO:
                extensions = fold_extension(extensions, event)
    if transcript is live.transcript and extensions is live.extensions:
        return live
    return LiveState(transcript, extensions)


def merge_history(live: LiveState, chunks: Iterable[StoredChunk]) -> LiveState:
    """Return the state with stored chunks, an older page for example, among the committed.

    Unlike `apply_history` it drops nothing after a seal: here an event says of each chunk
    when it is stored, and a page may arrive while the next turn streams.
    """
    committed = merge_loaded(live.transcript, chunks)
    if committed is live.transcript.committed:
        return live
    return live._replace(transcript=live.transcript._replace(committed=committed))


def to_snapshot(live: LiveState, *, next: int, window: int) -> SnapshotMessage:
    """Return all a view needs to show `live` now.

    Parameters
    ----------
    live
        The state after every event before number `next`.
    next
        The number of the first event that the view will get.
    window
        How many of the newest committed chunks go along; older ones come as pages.
    """
    state = live.transcript
    growing = state.accumulating
    transcript = TranscriptSnapshot(
        committed=state.committed[max(len(state.committed) - window, 0) :],
        provisional=[
            ProvisionalChunk(role=entry.role, chunk=entry.chunk, turn_id=entry.turn_id)
            for entry in state.provisional
        ],
        accumulating=None
        if growing is None
        else AccumulatingChunk(kind=growing.kind, text=growing.text, turn_id=growing.turn_id),
        current_turn_id=state.current_turn_id,
        latest_usage=state.latest_usage,
        sealed_turn_id=state.sealed_turn_id,
        generating=state.generating,
        provider_retry=state.provider_retry,
    )
    settled = list(live.extensions.settled_tools.values())
    working = [tool.to_wire(id) for id, tool in live.extensions.working_tools.items()]
    return SnapshotMessage(
        next=next,
        transcript=transcript,
        settled_tools=settled,
        working_tools=working or MISSING,
    )
