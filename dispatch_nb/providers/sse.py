"""Server-sent events from bytes, at any split.

Source: the event stream format of the HTML standard.
"""

from __future__ import annotations

import codecs
import io
from typing import ClassVar, NamedTuple

from ..errors import ProviderDataError

__all__ = ["LONGEST_FRAME", "ServerSentEvent", "SseDecoder"]

LONGEST_FRAME = 1 << 25
"""Characters of one event at most: more than any answer's largest object, an image."""


class ServerSentEvent(NamedTuple):
    """One event: its kind (``message`` unless the server named one), data, and last id."""

    event: str
    data: str
    id: str


class SseDecoder:
    """Turns the bytes of one response into events; give it every piece, then `flush`.

    Lines end at CR, LF and CRLF alone: Python's own `splitlines` would also cut at U+2028
    and others inside the data. `retry:` says when a browser shall connect again, which
    nobody does with an answer: it is passed over, as are comments and unknown fields.

    Parameters
    ----------
    longest
        Characters of one event at most; a server that sends more is refused.

    Raises
    ------
    ProviderDataError
        By the call after the one that brought a longer event.
    """

    whole_marks: ClassVar[bytes] = b"{[<"
    heads: ClassVar[tuple[bytes, ...]] = (b":", b"data", b"event", b"id", b"retry")

    def __init__(self, longest: int = LONGEST_FRAME) -> None:
        self._longest = longest
        self._text = codecs.getincrementaldecoder("utf-8")("replace")
        self._at_start = True
        self._pending = io.StringIO()  # the line that has not ended
        self._pending_length = 0
        self._ended_with_cr = False
        self._event = ""
        self._data: list[str] = []
        self._id = ""
        self._more = 0  # characters of the event's lines after its first
        self._is_refused = False

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """Return the events that are complete with `data`."""
        return self._read(self._text.decode(data))

    def flush(self) -> list[ServerSentEvent]:
        """Return what the end of the response completes.

        The standard drops an event without its blank line; servers that close early
        after a last ``data:`` line are common, so it is kept here.
        """
        return self._read(self._text.decode(b"", final=True) + "\n\n")

    def _read(self, text: str) -> list[ServerSentEvent]:
        if self._is_refused:
            raise ProviderDataError(
                f"an event is longer than {self._longest} characters: the answer is not read."
            )
        if self._at_start and text:
            self._at_start = False
            text = text.removeprefix("\ufeff")
        if self._ended_with_cr and text:
            # The line end was taken when its CR came: this LF is its second half.
            self._ended_with_cr = False
            text = text.removeprefix("\n")
        if "\r" in text:
            self._ended_with_cr = text.endswith("\r")
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        lines = text.split("\n")
        rest = lines.pop()
        found: list[ServerSentEvent] = []
        if lines:
            if self._pending_length:
                lines[0] = self._pending.getvalue() + lines[0]
                self._pending, self._pending_length = io.StringIO(), 0
            self._lines(lines, found)
        if rest:
            self._pending.write(rest)
            self._pending_length += len(rest)
            # What stands before is still given: the next call refuses.
            self._is_refused |= self._pending_length > self._longest
        return found

    def _lines(self, lines: list[str], found: list[ServerSentEvent]) -> None:
        data, longest = self._data, self._longest
        for line in lines:
            if not line:
                if data:
                    text = data[0] if len(data) == 1 else "\n".join(data)
                    found.append(ServerSentEvent(self._event or "message", text, self._id))
                    data.clear()
                    self._more = 0
                self._event = ""
                continue
            if len(line) > longest:
                self._is_refused = True
                return
            if line.startswith("data: "):
                data.append(line[6:])
            else:
                self._field(line)
            if len(data) > 1:
                self._more += len(line) + 1
                if self._more > longest:
                    self._is_refused = True
                    return

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value
