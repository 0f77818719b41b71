"""What is known of a conversation after some events and some history: an immutable value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from ..wire.conversation import Chunk, Role, StoredChunk, TextChunk, ThinkingChunk, Usage
from ..wire.events import ProviderRetryEvent
from .log import Log

if TYPE_CHECKING:
    from .sync_state import SyncState
    from .told import Told

__all__ = ["Accumulating", "Provisional", "TranscriptState", "initial_state"]

_new = object.__new__
AccumulatingKind = Literal["text", "thinking"]


class Provisional(NamedTuple):
    """A chunk that events of a turn built and that has no `seq` yet."""

    role: Role
    chunk: Chunk
    turn_id: str


class Accumulating:
    """Text or thinking that still grows; immutable, and O(1) to extend.

    `text` is joined when it is first asked for.
    """

    __slots__ = ("_deltas", "_text", "kind", "turn_id")

    def __init__(self, kind: AccumulatingKind, turn_id: str, deltas: Log[str]) -> None:
        self.kind: AccumulatingKind = kind
        self.turn_id = turn_id
        self._deltas = deltas
        self._text: str | None = None

    @property
    def text(self) -> str:
        """Everything that has streamed so far."""
        if self._text is None:
            self._text = "".join(self._deltas)
        return self._text

    def extended(self, delta: str) -> Accumulating:
        """Return the same with `delta` behind."""
        joined = self._text
        deltas = self._deltas if joined is None else Log((joined,))
        longer: Accumulating = _new(Accumulating)
        longer.kind, longer.turn_id = self.kind, self.turn_id
        longer._deltas, longer._text = deltas.append(delta), None
        return longer

    def to_chunk(self) -> TextChunk | ThinkingChunk:
        """Return the chunk that it is so far."""
        return TextChunk(text=self.text) if self.kind == "text" else ThinkingChunk(text=self.text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Accumulating):
            return NotImplemented
        mine, theirs = (self.kind, self.turn_id), (other.kind, other.turn_id)
        return mine == theirs and self.text == other.text

    def __repr__(self) -> str:
        return f"Accumulating({self.kind!r}, {self.text!r}, turn_id={self.turn_id!r})"


class TranscriptState(NamedTuple):
    """The transcript of one conversation: stored chunks, then what still has no `seq`.

    Source: the Dispatch transcript contract, A.1 and B.1. `committed` ascends by `seq`;
    `generating` says that a turn runs; `provider_retry` is the announced retry that has
    not begun yet. Stored chunks below `hidden_before_seq` were unloaded (0: none were), and
    `hidden_thinking_count` of them hold thinking. `sync` is what tells stored and live chunks
    apart: `Told` where events say what is stored, what was compared where they do not, and
    None before either is known.
    """

    committed: Log[StoredChunk]
    provisional: Log[Provisional]
    accumulating: Accumulating | None = None
    current_turn_id: str | None = None
    latest_usage: Usage | None = None
    sealed_turn_id: str | None = None
    generating: bool = False
    provider_retry: ProviderRetryEvent | None = None
    hidden_before_seq: int = 0
    hidden_thinking_count: int = 0
    sync: SyncState | Told | None = None


def initial_state() -> TranscriptState:
    """Return the state before any event."""
    return TranscriptState(committed=Log(), provisional=Log())


def flushed(state: TranscriptState) -> Log[Provisional]:
    """Return the provisional chunks with the accumulating one, if any, behind them."""
    growing = state.accumulating
    if growing is None:
        return state.provisional
    return state.provisional.append(Provisional("assistant", growing.to_chunk(), growing.turn_id))
