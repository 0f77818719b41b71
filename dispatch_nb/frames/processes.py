"""Programs beside this one that read parts of a store's file, and the pipes they write to."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any

from ..errors import FrameError

__all__ = ["filled", "read_side_by_side"]

_PIPE_BYTES = 1 << 20

Take = Callable[[BufferedReader], Any]
"""Takes a batch from a pipe; None is the end of a part."""


def read_side_by_side(
    program: Path, uri: str, statements: Sequence[str], rows_at_once: int, take: Take, count: int
) -> Iterator[Any]:
    """Run statements in some processes; yield the first's batches, then the second's.

    Parameters
    ----------
    program
        Python that runs the statements after its first two arguments, the file and the rows
        of a batch.
    uri
        Names the file, for SQLite.
    statements
        Each SELECT that is a part of the whole.
    rows_at_once
        How many rows a batch has at most.
    take
        Takes a batch from what a process writes.
    count
        How many processes share the statements: the first takes the first, and so in turn.

    Raises
    ------
    FrameError
        If a process ends without having read all.
    """
    count = min(count, len(statements))
    start = [str(program), uri, str(rows_at_once)]
    shares = [statements[place::count] for place in range(count)]
    readers = [_Reader([*start, *share], take, len(share)) for share in shares]
    try:
        for place in range(len(statements)):
            yield from readers[place % count].part()
    finally:
        for reader in readers:
            reader.close()


class _Reader:
    """One process, and the thread that empties its pipe."""

    def __init__(self, arguments: Sequence[str], take: Take, parts: int) -> None:
        # -P: the modules beside the program are no libraries of its.
        self._process = subprocess.Popen(
            [sys.executable, "-P", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        _widen(self._process.stdout)
        self._read: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(
            target=self._empty, args=(take, parts), name="dispatch_nb frame reader", daemon=True
        )
        self._thread.start()

    def part(self) -> Iterator[Any]:
        """Yield the batches of the next part."""
        while (batch := self._read.get()) is not None:
            if isinstance(batch, Exception):
                raise self._failure() from batch
            yield batch

    def close(self) -> None:
        """End the process if it still reads."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._thread.join()
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()

    def _empty(self, take: Take, parts: int) -> None:
        pipe: Any = self._process.stdout
        end = EOFError("Nothing more is read.")
        try:
            for _ in range(parts):
                while (batch := take(pipe)) is not None:
                    self._read.put(batch)
                self._read.put(None)
        except (EOFError, OSError, ValueError) as error:
            end.__cause__ = error
        finally:
            # Whatever happened: nobody must wait for more.
            self._read.put(end)

    def _failure(self) -> FrameError:
        assert self._process.stderr is not None
        told = self._process.stderr.read().decode(errors="replace").strip().splitlines()
        last = told[-1] if told else f"it ended with code {self._process.wait()}"
        return FrameError(
            f"The process that reads the store's rows failed: {last}. The store is as it was; "
            "ask again, or for fewer rows, such as those of one conversation_id."
        )


def filled(pipe: BufferedReader, room: Any) -> Any:
    """Return a buffer, filled from a pipe.

    Raises
    ------
    EOFError
        If the pipe ends before it is full.
    """
    if pipe.readinto(room) != len(room):
        raise EOFError("The rows end in the middle.")
    return room


def _widen(pipe: Any) -> None:
    """Let a pipe hold more, where that can be asked for: both ends then wait less often."""
    try:
        import fcntl

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    except (ImportError, AttributeError, OSError):
        # Not on Linux, or this person's pipes hold as much as they may: it is slower, no more.
        return
