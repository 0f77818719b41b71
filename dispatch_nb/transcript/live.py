"""A conversation as every reader of its event log sees it: transcript and side data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from pydantic import MISSING

from ..wire.conversation import StoredChunk
from ..wire.extensions import LiveEvent
from ..wire.view import AccumulatingChunk, ProvisionalChunk, SnapshotMessage, TranscriptSnapshot
from .additions import add_images, end_block
from .extensions import ExtensionState, SettledTools, fold_extension, initial_extensions
from .log import Log
from .reducer import fold_event
from .state import Accumulating, Provisional, TranscriptState
from .sync import sync_history, told_state
from .told import Told, announce_prompt, commit_told, fold_told
from .working import Working

__all__ = [
    "LiveState",
    "fold_live",
    "from_snapshot",
    "initial_live",
    "live_from_history",
    "to_snapshot",
]


_E = TypeVar("_E")
_tuple = tuple.__new__


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
    return LiveState(told_state(), initial_extensions())


def live_from_history(chunks: Iterable[StoredChunk]) -> LiveState:
    """Return the state of a conversation of which only stored chunks are known."""
    return LiveState(sync_history(told_state(), chunks), initial_extensions())


def fold_live(live: LiveState, event: LiveEvent) -> LiveState:
    """Return the state after `event`; the very same object if it changes nothing."""
    transcript, extensions = live
    kind = event.type
    if kind == "text-delta" or kind == "reasoning-delta":
        # Most events are one of these, and it always changes something.
        return _tuple(LiveState, (fold_event(transcript, event), extensions))
    match event.type:
        case "nb.chunks-committed":
            transcript = commit_told(transcript, event)
        case "nb.prompt-sent":
            transcript = announce_prompt(transcript, event)
        case "nb.prompt-images":
            transcript = _fold_addition(transcript, event, add_images)
        case "nb.chunk-detail":
            transcript = _fold_addition(transcript, event, end_block)
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


def _fold_addition(
    state: TranscriptState, event: _E, fold: Callable[[TranscriptState, _E], TranscriptState]
) -> TranscriptState:
    told = state.sync
    return fold_told(state, told, event, fold) if isinstance(told, Told) else fold(state, event)


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
    claimed = list(state.sync.claimed) if isinstance(state.sync, Told) else []
    return SnapshotMessage(
        next=next,
        transcript=transcript,
        settled_tools=settled,
        working_tools=working or MISSING,
        claimed=claimed or MISSING,
    )


def from_snapshot(snapshot: SnapshotMessage, before: LiveState | None = None) -> LiveState:
    """Return the state that a snapshot describes; events from `snapshot.next` on continue it.

    Parameters
    ----------
    before
        What was shown until now: its older pages stay, and its own prompts, until they are
        claimed.
    """
    told = snapshot.transcript
    growing = told.accumulating
    committed = Log(told.committed)
    claimed = () if snapshot.claimed is MISSING else tuple(snapshot.claimed)
    known = None if before is None else before.transcript
    open_prompts = known.sync.echoes if known is not None and known.sync is not None else ()
    state = TranscriptState(
        committed=committed,
        provisional=Log(Provisional(p.role, p.chunk, p.turn_id) for p in told.provisional),
        accumulating=None
        if growing is None
        else Accumulating(growing.kind, growing.turn_id, Log((growing.text,))),
        current_turn_id=told.current_turn_id,
        latest_usage=told.latest_usage,
        sealed_turn_id=told.sealed_turn_id,
        generating=told.generating,
        provider_retry=told.provider_retry,
        hidden_before_seq=committed[0].seq if committed and committed[0].seq > 1 else 0,
        sync=Told(
            upto=committed[-1].seq if committed else 0,
            claimed=claimed,
            echoes=tuple(e for e in open_prompts if e.client_message_id not in claimed),
        ),
    )
    if known is not None and committed:
        older = [stored for stored in known.committed if stored.seq < committed[0].seq]
        state = sync_history(state, older, is_page=True)
    working = [] if snapshot.working_tools is MISSING else snapshot.working_tools
    tools = {tool.tool_call_id: Working.from_wire(tool) for tool in working}
    return LiveState(state, ExtensionState(SettledTools(snapshot.settled_tools), tools))
