"""The bytes of one answer as provider events: no connection, no clock, any split of the bytes."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

from pydantic_core import from_json

from ..engine.contracts import Failure, ProviderEvent
from ..errors import ProviderDataError
from .chat_errors import error_words, excerpt

__all__ = ["Answer", "Decoder", "Frame", "Reader", "json_object"]

_SPACE = b" \t\r\n"
_HEAD_LENGTH = 2000
_LONGEST_WHOLE = 1 << 26  # bytes of an answer in one JSON object


class Frame(Protocol):
    """One framed piece of a stream: the name the server gave it, or "", and its text."""

    @property
    def event(self) -> str:
        """The event's name."""
        ...

    @property
    def data(self) -> str:
        """The event's text."""
        ...


class Decoder(Protocol):
    """Cuts bytes into frames."""

    whole_marks: ClassVar[bytes]
    """First bytes of a body that is no stream of this kind, but one JSON text or a page."""

    heads: ClassVar[tuple[bytes, ...]]
    """What a stream of this kind begins with."""

    def feed(self, data: bytes) -> Sequence[Frame]:
        """Return the frames that are complete with `data`."""
        ...

    def flush(self) -> Sequence[Frame]:
        """Return what the end of the body completes."""
        ...


class Reader(Protocol):
    """Turns the JSON objects of one answer into provider events.

    A list that holds a `Failure` ends with it, and the answer is over.
    """

    kind: ClassVar[str]
    """What an answer is, in words: ``a chat completion``."""

    @property
    def ended(self) -> bool:
        """Whether the answer's own end has come: what still follows is not a part of it."""
        ...

    def feed(self, data: Mapping[str, Any], event: str) -> list[ProviderEvent]:
        """Return the events of one frame, whose name is `event`."""
        ...

    def close(self, *, marked: bool) -> list[ProviderEvent] | None:
        """Return the events that complete the answer when nothing more comes.

        None if it is not complete; `marked` if a bare ``[DONE]`` told that it is.
        """
        ...

    def usage(self) -> list[ProviderEvent]:
        """Return what is left to say of an answer that broke off: its usage so far."""
        ...

    def whole(self, data: Mapping[str, Any]) -> list[ProviderEvent] | None:
        """Return the events of an answer that came as one object, None if it is none."""
        ...


class Answer:
    """Reads one body: give it every piece with `feed`, then `flush`.

    After the answer's end mark or a `Failure` `ended` is true, and nothing more is read.

    Parameters
    ----------
    url
        Who answers, for the words of failures.
    """

    def __init__(self, url: str, reader: Reader, decoder: Decoder) -> None:
        self.ended = False
        self._url = url
        self._reader = reader
        self._decoder = decoder
        self._head = b""
        self._whole: list[bytes] | None = None
        self._length = 0
        self._has_begun = False

    def feed(self, data: bytes) -> list[ProviderEvent]:
        """Return the events that `data` completes."""
        if self.ended:
            return []
        if len(self._head) < _HEAD_LENGTH:
            self._head += data[:_HEAD_LENGTH]
        if not self._has_begun:
            begun = _begun(self._head)
            if begun and not BOM_UTF8.startswith(begun):
                self._has_begun = True
                if begun[0] in self._decoder.whole_marks:
                    self._whole = []
        if self._whole is not None:
            return self._gather(self._whole, data)
        try:
            frames = self._decoder.feed(data)
        except ProviderDataError as error:
            return self._fail(Failure(f"{self._url}: {error}"))
        return self._read(frames)

    def flush(self) -> list[ProviderEvent]:
        """Return the events at the end of the body."""
        if self.ended:
            return []
        if self._whole is not None:
            return self._read_whole(b"".join(self._whole))
        try:
            events = self._read(self._decoder.flush())
        except ProviderDataError as error:
            return self._fail(Failure(f"{self._url}: {error}"))
        return events + self._at_end()

    def _at_end(self) -> list[ProviderEvent]:
        if self.ended:
            return []
        head = _begun(self._head)
        if not head.startswith(self._decoder.heads):
            return self._fail(self._no_answer(head.decode("utf-8", "replace")))
        words = f"{self._url} broke off before the answer was complete: no finish reason, no end."
        return self.break_off(Failure(words, retryable=True))

    def break_off(self, failure: Failure) -> list[ProviderEvent]:
        """Return the events of an answer that nothing more comes of, and of the reason."""
        if self.ended:
            return []
        # Where all has been said, only the end mark can have been lost.
        events = self._reader.close(marked=False)
        if events is None:
            return self._fail(failure)
        self.ended = True
        return events

    def _read(self, frames: Sequence[Frame]) -> list[ProviderEvent]:
        events: list[ProviderEvent] = []
        reader = self._reader
        for frame in frames:
            text = frame.data
            data = json_object(text)
            if data is None:
                text = text.strip()
                if not text:
                    continue
                if text == "[DONE]":
                    closing = reader.close(marked=True)
                    if closing is None:
                        words = f"{self._url} ended its answer before it was complete."
                        return events + self._fail(Failure(words, retryable=True))
                    self.ended = True
                    return events + closing
                words = f"The provider sent a line that is not a JSON object: {excerpt(text)}"
                return events + self._fail(Failure(words))
            new = reader.feed(data, frame.event)
            if new:
                events += new
                if isinstance(new[-1], Failure):
                    self.ended = True
                    return events
            if reader.ended:
                self.ended = True
                return events
        return events

    def _gather(self, pieces: list[bytes], data: bytes) -> list[ProviderEvent]:
        pieces.append(data)
        self._length += len(data)
        if self._length <= _LONGEST_WHOLE:
            return []
        return self._fail(Failure(f"{self._url} sent more than any answer has: it is not read."))

    def _read_whole(self, body: bytes) -> list[ProviderEvent]:
        text = body.decode("utf-8-sig", "replace")
        data = json_object(text)
        events = None if data is None else self._reader.whole(data)
        if events is None:
            said = error_words(data) if data is not None else ""
            return self._fail(self._no_answer(said or text))
        self.ended = True
        return events

    def _no_answer(self, text: str) -> Failure:
        return Failure(
            f"{self._url} answered with something that is not {self._reader.kind}: "
            f"{excerpt(text) or 'nothing'}. "
            "Check that base_url is that of an API of this kind (it often ends in /v1)."
        )

    def _fail(self, failure: Failure) -> list[ProviderEvent]:
        self.ended = True
        return [*self._reader.usage(), failure]


def _begun(head: bytes) -> bytes:
    """Return what a body begins with, behind a byte order mark and space."""
    return head.removeprefix(BOM_UTF8).lstrip(_SPACE)


def json_object(text: str) -> dict[str, Any] | None:
    """Return the object that `text` is as JSON, or None.

    NaN and Infinity, which servers write though JSON has no such numbers, are null.
    """
    try:
        data = from_json(text, allow_inf_nan=False)
    except ValueError:
        try:
            # Takes lone surrogates and deeper nesting too.
            data = json.loads(text, parse_constant=lambda _: None)
        except (ValueError, RecursionError):
            return None
    return data if isinstance(data, dict) else None
