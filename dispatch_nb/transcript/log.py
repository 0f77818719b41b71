"""An immutable sequence that grows at its end without being copied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar, overload

__all__ = ["Log"]

_T = TypeVar("_T")
_S = TypeVar("_S")
_new = object.__new__


class _Buffer(list[_T]):
    """Items, and what is derived from them once for all views."""

    __slots__ = ("derived",)

    def __init__(self, items: Iterable[_T] = ()) -> None:
        super().__init__(items)
        self.derived: dict[object, object] | None = None


class Log(Sequence[_T]):
    """A view of a stretch of a shared buffer; no view ever changes.

    Extending the newest view appends to the buffer it shares, which is O(1) amortised for
    each item; extending an older one copies that view first. Two logs are equal when
    their items are.
    """

    __slots__ = ("_buffer", "_start", "_stop")

    def __init__(self, items: Iterable[_T] = ()) -> None:
        self._buffer = _Buffer(items)
        self._start = 0
        self._stop = len(self._buffer)

    @classmethod
    def _view(cls, buffer: _Buffer[_T], start: int, stop: int) -> Log[_T]:
        log: Log[_T] = cls.__new__(cls)
        log._buffer, log._start, log._stop = buffer, start, stop
        return log

    def append(self, item: _T) -> Log[_T]:
        """Return a log with one more item."""
        buffer, stop = self._buffer, self._stop
        if len(buffer) == stop:
            buffer.append(item)
            # Another thread may have appended first: then its item stands at `stop`.
            if buffer[stop] is item:
                # `_view` written out: every event comes by here.
                log: Log[_T] = _new(Log)
                log._buffer, log._start, log._stop = buffer, self._start, stop + 1
                return log
        copied = _Buffer(buffer[self._start : stop])
        copied.append(item)
        return self._view(copied, 0, len(copied))

    def extend(self, items: Iterable[_T]) -> Log[_T]:
        """Return a log with these items behind its own."""
        log = self
        for item in items:
            log = log.append(item)
        return log

    def drop(self, count: int) -> Log[_T]:
        """Return a log without its first `count` items, O(1) amortised."""
        start = min(self._start + max(count, 0), self._stop)
        if start == self._stop:
            return Log()
        if start > self._stop - start:
            # Most of the buffer is gone from every later view: let it go from memory too.
            return Log(self._buffer[start : self._stop])
        return self._view(self._buffer, start, self._stop)

    def shared(self, make: Callable[[], _S]) -> _S:
        """Return the one object from `make` that all views of this buffer have in common.

        It is a place for what can be derived from items once and for all: they never change.
        """
        derived = self._buffer.derived
        if derived is None:
            derived = self._buffer.derived = {}
        found: Any = derived.get(make)
        if found is None:
            found = derived.setdefault(make, make())
        shared: _S = found
        return shared

    @property
    def stretch(self) -> tuple[int, int]:
        """Where in the buffer this view begins and ends."""
        return self._start, self._stop

    def from_origin(self) -> Log[_T]:
        """Return this view with everything that its buffer still has before it."""
        return self._view(self._buffer, 0, self._stop)

    def view(self, start: int, stop: int) -> Log[_T]:
        """Return the items from `start` to before `stop`, both within the log, uncopied."""
        return self._view(self._buffer, self._start + start, self._start + stop)

    def __len__(self) -> int:
        return self._stop - self._start

    @overload
    def __getitem__(self, index: int) -> _T: ...
    @overload
    def __getitem__(self, index: slice) -> list[_T]: ...
    def __getitem__(self, index: int | slice) -> _T | list[_T]:
        positions = range(self._start, self._stop)[index]
        if isinstance(positions, range):
            return [self._buffer[position] for position in positions]
        return self._buffer[positions]

    def __iter__(self) -> Iterator[_T]:
        if self._start == 0:
            return islice(self._buffer, self._stop)
        # `islice` would walk through everything before the view.
        return map(self._buffer.__getitem__, range(self._start, self._stop))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Log):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __repr__(self) -> str:
        return f"Log({list(self)!r})"
