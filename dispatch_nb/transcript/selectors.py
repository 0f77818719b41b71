"""What is shown: chunks in order, and messages.

Source: the Dispatch transcript contract, A.4 and A.5. Selecting again after an event costs
what the event changed, not what is shown; whatever did not change comes back as the very
same objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..wire.conversation import ChatMessage, Chunk, Role, TextChunk
from .rendering import Joined, RenderedChunk, Run, Runs, rendered_chunks, runs_of
from .state import TranscriptState
from .sync_places import in_order

__all__ = ["Joined", "RenderedChunk", "select_chunks", "select_messages"]


def select_chunks(state: TranscriptState) -> Joined[RenderedChunk]:
    """Return committed chunks, then provisional ones, then the one that still grows.

    Chunks that a foreign backend did not store stand where they were said, between committed
    ones. Own prompts that no turn has claimed yet come last.
    """
    parts = (_growing(state) if part is None else rendered_chunks(part) for part in in_order(state))
    return Joined((*parts, _echoes(state)))


def select_messages(state: TranscriptState) -> Joined[ChatMessage]:
    """Return the shown chunks with neighbours of one role joined into one message.

    Original message borders cannot be told from chunks: two user messages in a row are one
    here, and so are the results of a step's calls. After a delta all but the last are the
    same objects as before.
    """
    joining = _Joining()
    for part in in_order(state):
        if part is None:
            joining.add_loose(_growing(state))
        else:
            joining.add(runs_of(part))
    joining.add_loose(_echoes(state))
    return joining.messages()


class _Loose(NamedTuple):
    """Chunks of one role that are in no log."""

    role: Role
    chunks: list[Chunk]


class _Joining:
    """Messages that are complete, and the pieces of the one that is not."""

    def __init__(self) -> None:
        self._complete: list[Sequence[ChatMessage]] = []
        self._pieces: list[Run | _Loose] = []

    def add(self, runs: Runs | None) -> None:
        if runs is None:
            return
        self.add_piece(runs.first)
        if runs.last is not None:
            self._close()
            self._complete.append(runs.between)
            self._pieces.append(runs.last)

    def add_loose(self, chunks: list[RenderedChunk]) -> None:
        for rendered in chunks:
            self.add_piece(_Loose(rendered.role, [rendered.chunk]))

    def add_piece(self, piece: Run | _Loose) -> None:
        if self._pieces and self._pieces[-1].role != piece.role:
            self._close()
        self._pieces.append(piece)

    def messages(self) -> Joined[ChatMessage]:
        self._close()
        return Joined(self._complete)

    def _close(self) -> None:
        if self._pieces:
            self._complete.append((_message(self._pieces),))
            self._pieces = []


def _message(pieces: list[Run | _Loose]) -> ChatMessage:
    runs = tuple(piece for piece in pieces if isinstance(piece, Run))
    if len(runs) == len(pieces):
        return runs[-1].rendering.message(runs)
    chunks = [chunk for piece in pieces for chunk in piece.chunks]
    return ChatMessage(role=pieces[0].role, chunks=chunks)


def _growing(state: TranscriptState) -> list[RenderedChunk]:
    if state.accumulating is None:
        return []
    chunk = state.accumulating.to_chunk()
    return [RenderedChunk(None, "assistant", chunk, True, streaming=True)]


def _echoes(state: TranscriptState) -> list[RenderedChunk]:
    if state.sync is None:
        return []
    shown = [echo for echo in state.sync.echoes if echo.row is None]
    chunks: list[Chunk] = []
    for echo in shown:
        chunks += [TextChunk(text=echo.text), *echo.images]
    return [RenderedChunk(None, "user", chunk, True, sending=True) for chunk in chunks]
