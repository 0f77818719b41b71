"""Server-sent events from bytes, at any split.

Source: the event stream format of the HTML standard.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import ClassVar

__all__ = ["ServerSentEvent", "SseDecoder"]

# Python's own splitlines would also cut at U+2028, U+0085 and others inside the data.
_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event: its kind (``message`` unless the server named one), data, and last id."""

    event: str
    data: str
    id: str


class SseDecoder:
    """Turns the bytes of one response into events; give it every piece, then `flush`."""

    whole_marks: ClassVar[bytes] = b"{[<"
    heads: ClassVar[tuple[bytes, ...]] = (b":", b"data", b"event", b"id", b"retry")

    def __init__(self) -> None:
        self._text = codecs.getincrementaldecoder("utf-8")("replace")
        self._at_start = True
        self._pieces: list[str] = []
        self._ended_with_cr = False
        self._event = ""
        self._data: list[str] = []
        self._id = ""

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
        if self._at_start and text:
            self._at_start = False
            text = text.removeprefix("\ufeff")
        if self._ended_with_cr and text:
            # The line end was taken when its CR came: this LF is its second half.
            self._ended_with_cr = False
            text = text.removeprefix("\n")
        if not text:
            return []
        self._ended_with_cr = text.endswith("\r")
        first, *others = _LINE_END.split(text)
        self._pieces.append(first)
        found = []
        for line in others:
            event = self._line("".join(self._pieces))
            if event is not None:
                found.append(event)
            self._pieces = [line]
        return found

    def _line(self, line: str) -> ServerSentEvent | None:
        if not line:
            return self._complete()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
            case "event":
                self._event = value
            case "id" if "\0" not in value:
                self._id = value
        return None

    def _complete(self) -> ServerSentEvent | None:
        kind, lines = self._event or "message", self._data
        self._event, self._data = "", []
        return ServerSentEvent(kind, "\n".join(lines), self._id) if lines else None
