"""What selectors keep of one state for the next: whatever has not changed is there already.

Every buffer of chunks has one `Rendering` that grows with it. Two threads may extend it at
once: each then puts a whole new value in place, and either is right.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple, TypeVar, overload

from ..wire.conversation import ChatMessage, Chunk, Role, StoredChunk
from .log import Log
from .state import Provisional

__all__ = ["Joined", "RenderedChunk", "Run", "Runs", "rendered_chunks", "runs_of"]

_T = TypeVar("_T")


class RenderedChunk(NamedTuple):
    """A chunk in its place; `seq` is None while it is provisional.

    `streaming` is true for the chunk that still grows, and for no other; `sending` for an
    own prompt that no event has confirmed yet.
    """

    seq: int | None
    role: Role
    chunk: Chunk
    provisional: bool
    streaming: bool = False
    sending: bool = False


class Joined(Sequence[_T]):
    """A few sequences read as one; equal to any other with the same items."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Sequence[Sequence[_T]]) -> None:
        self._parts = [part for part in parts if part]

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    @overload
    def __getitem__(self, index: int) -> _T: ...
    @overload
    def __getitem__(self, index: slice) -> list[_T]: ...
    def __getitem__(self, index: int | slice) -> _T | list[_T]:
        places = range(len(self))[index]
        if isinstance(places, range):
            return [self[place] for place in places]
        for part in self._parts:
            if places < len(part):
                return part[places]
            places -= len(part)
        raise IndexError(index)

    def __iter__(self) -> Iterator[_T]:
        return chain.from_iterable(self._parts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Joined):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __repr__(self) -> str:
        return f"Joined({list(self)!r})"


class Run(NamedTuple):
    """Neighbouring chunks of one role, from `start` to before `stop` in their buffer."""

    rendering: Rendering
    start: int
    stop: int

    @property
    def role(self) -> Role:
        """Whose chunks they are."""
        return self.rendering.chunks[self.start].role

    @property
    def chunks(self) -> list[Chunk]:
        """The chunks themselves."""
        return [each.chunk for each in self.rendering.chunks.view(self.start, self.stop)]


class Runs(NamedTuple):
    """The runs of a log; `last` is None when the first is the only one."""

    first: Run
    between: Sequence[ChatMessage]
    last: Run | None


class _Scanned(NamedTuple):
    """Where runs begin, up to a place, and the messages of all but the last of them."""

    stop: int
    starts: Log[int]
    messages: Log[ChatMessage]


class Rendering:
    """The chunks of one buffer as they are shown, and the messages that they make."""

    def __init__(self) -> None:
        self.chunks: Log[RenderedChunk] = Log()
        self._scanned = _Scanned(0, Log(), Log())
        self._made: dict[int, tuple[tuple[Run, ...], ChatMessage]] = {}

    def grow(self, items: Log[StoredChunk] | Log[Provisional]) -> None:
        """Render what is new in the buffer."""
        known = self.chunks
        if len(known) < len(items):
            self.chunks = known.extend(map(_rendered, items.view(len(known), len(items))))

    def scan(self, stop: int) -> _Scanned:
        """Return the runs up to `stop` at least."""
        scanned, starts, messages = self._scanned
        if scanned >= stop:
            return self._scanned
        role = self.chunks[scanned - 1].role if scanned > 0 else None
        for place, chunk in enumerate(self.chunks.view(scanned, stop), scanned):
            if chunk.role != role:
                role = chunk.role
                if place > 0:
                    messages = messages.append(self.message((Run(self, starts[-1], place),)))
                starts = starts.append(place)
        self._scanned = _Scanned(stop, starts, messages)
        return self._scanned

    def message(self, runs: tuple[Run, ...]) -> ChatMessage:
        """Return the message of neighbouring runs, the last of which is of this buffer.

        It is the same object as long as nothing is added to them.
        """
        start = runs[-1].start
        known = self._made.get(start)
        if known is not None and known[0] == runs:
            return known[1]
        made = ChatMessage(role=runs[0].role, chunks=[c for run in runs for c in run.chunks])
        self._made[start] = (runs, made)
        return made


def rendered_chunks(log: Log[StoredChunk] | Log[Provisional]) -> Log[RenderedChunk]:
    """Return the chunks of a log as they are shown, each made once."""
    start, stop = log.stretch
    return _rendering_of(log).chunks.view(start, stop)


def runs_of(log: Log[StoredChunk] | Log[Provisional]) -> Runs | None:
    """Return the runs of a log; None if it is empty."""
    if not log:
        return None
    start, stop = log.stretch
    rendering = _rendering_of(log)
    scanned, starts, messages = rendering.scan(stop)
    first = 0 if start == 0 else bisect_right(starts, start) - 1
    last = (len(starts) if stop == scanned else bisect_left(starts, stop)) - 1
    if first == last:
        return Runs(Run(rendering, start, stop), (), None)
    return Runs(
        first=Run(rendering, start, starts[first + 1]),
        between=messages.view(first + 1, last),
        last=Run(rendering, starts[last], stop),
    )


def _rendering_of(log: Log[StoredChunk] | Log[Provisional]) -> Rendering:
    rendering = log.shared(Rendering)
    rendering.grow(log.from_origin())
    return rendering


def _rendered(item: StoredChunk | Provisional) -> RenderedChunk:
    if isinstance(item, StoredChunk):
        return RenderedChunk(item.seq, item.role, item.chunk, False)
    return RenderedChunk(None, item.role, item.chunk, True)
