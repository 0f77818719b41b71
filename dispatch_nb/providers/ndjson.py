"""JSON objects, one a line, from bytes at any split."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from ..errors import ProviderDataError
from .sse import LONGEST_FRAME

__all__ = ["JsonLine", "NdjsonDecoder"]

_BOM = b"\xef\xbb\xbf"


class JsonLine(NamedTuple):
    """One line; `event` is always empty, as the lines have no names."""

    data: str
    event: str = ""


class NdjsonDecoder:
    """Turns the bytes of one response into lines; give it every piece, then `flush`.

    A line ends at LF or CRLF alone, which JSON text cannot hold unescaped. Blank lines say
    nothing.

    Parameters
    ----------
    longest
        Bytes of one line at most; a server that sends more is refused.

    Raises
    ------
    ProviderDataError
        By the call after the one that brought a longer line.
    """

    whole_marks: ClassVar[bytes] = b"<"
    heads: ClassVar[tuple[bytes, ...]] = (b"{",)

    def __init__(self, longest: int = LONGEST_FRAME) -> None:
        self._longest = longest
        self._at_start = True
        self._pending = bytearray()
        self._is_refused = False

    def feed(self, data: bytes) -> list[JsonLine]:
        """Return the lines that are complete with `data`."""
        if self._is_refused:
            raise ProviderDataError(
                f"a line is longer than {self._longest} bytes: the answer is not read."
            )
        lines = data.split(b"\n")
        rest = lines.pop()
        if lines and self._pending:
            lines[0] = bytes(self._pending) + lines[0]
            self._pending.clear()
        self._pending += rest
        found = self._texts(lines)
        # What stands before is still given: the next call refuses.
        self._is_refused |= len(self._pending) > self._longest
        return found

    def flush(self) -> list[JsonLine]:
        """Return the last line, if no line end closed it."""
        return self.feed(b"\n")

    def _texts(self, lines: list[bytes]) -> list[JsonLine]:
        found = []
        for line in lines:
            if len(line) > self._longest:
                self._is_refused = True
                break
            if self._at_start:
                line = line.removeprefix(_BOM)
                self._at_start = False
            if line.strip():
                found.append(JsonLine(line.decode("utf-8", "replace")))
        return found
