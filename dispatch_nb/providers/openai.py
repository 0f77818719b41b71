"""OpenAI chat completions, and every server that speaks them.

Source: the Dispatch turn contract, section 8.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any

from ..engine.contracts import UNREACHABLE, Failure, ProviderEvent, ProviderOptions, Tool
from ..errors import ModelError, ProviderConnectionError, ProviderUnreachableError
from ..wire.conversation import ChatMessage
from .chat_errors import error_words, excerpt, status_failure
from .chat_reader import ChunkReader
from .chat_request import request_body
from .http import Response, checked_base_url, post
from .sse import ServerSentEvent, SseDecoder

__all__ = ["OPENAI_URL", "OpenAIProvider"]

OPENAI_URL = "https://api.openai.com/v1"
_SECRET_LENGTH = 8


class OpenAIProvider:
    """A model behind an OpenAI-compatible chat completions API.

    Parameters
    ----------
    model : str
        The model's name, as the server knows it.
    base_url : str, optional
        Where the API is, up to and with its ``/v1``; OpenAI's own by default.
    api_key : str, optional
        The key; for OpenAI's own API the environment variable OPENAI_API_KEY stands in,
        other servers get a key only if one is given. It is never shown.
    headers : mapping, optional
        More headers for each request.
    silence_seconds : float
        How long the server may send nothing before the answer counts as broken off.

    Raises
    ------
    ModelError
        If `base_url` is not an http address, or OpenAI's own API has no key.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        silence_seconds: float = 300.0,
    ) -> None:
        self._model = model
        self._base_url = checked_base_url(base_url or OPENAI_URL)
        if self._base_url == OPENAI_URL:
            api_key = api_key or os.environ.get("OPENAI_API_KEY")
            if not api_key:
                raise ModelError(
                    "OpenAI needs an API key: set the environment variable OPENAI_API_KEY or "
                    "pass api_key. For another server that speaks the same API pass base_url."
                )
        self._api_key = api_key
        self._headers = dict(headers or {})
        self._silence_seconds = silence_seconds

    @property
    def id(self) -> str:
        """The provider's name."""
        return "openai"

    @property
    def model(self) -> str:
        """The model's name, as the server knows it."""
        return self._model

    def __repr__(self) -> str:
        """Return the provider with model and address, without the key."""
        return f"OpenAIProvider({self._model!r}, base_url={self._base_url!r})"

    async def stream(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[Tool],
        options: ProviderOptions,
    ) -> AsyncIterator[ProviderEvent]:
        """Send one request and yield what comes back; every fault becomes a `Failure`."""
        url = f"{self._base_url}/chat/completions"
        body = request_body(self._model, messages, tools, options)
        reader = ChunkReader()
        try:
            async with (
                post(
                    url,
                    headers=self._all_headers(),
                    json=body,
                    silence_seconds=self._silence_seconds,
                ) as response,
                contextlib.aclosing(_events(url, response, reader)) as events,
            ):
                async for event in events:
                    yield self._without_key(event)
        except ProviderConnectionError as error:
            code = UNREACHABLE if isinstance(error, ProviderUnreachableError) else None
            failure = self._without_key(Failure(str(error), code, retryable=True))
            # After a finish reason only the end mark can have been lost.
            for event in reader.close() if reader.finished else [*reader.usage(), failure]:
                yield event

    def _all_headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        if self._api_key:
            headers["Authorization"] = f"Bearer {self._api_key}"
        return headers | self._headers

    def _without_key(self, event: ProviderEvent) -> ProviderEvent:
        """Return `event` without the key, which some servers repeat in their errors."""
        if not isinstance(event, Failure) or not self._api_key:
            return event
        key = re.escape(self._api_key)
        # A local server's placeholder, such as "x", stands inside other words.
        pattern = key if len(self._api_key) >= _SECRET_LENGTH else rf"(?<!\w){key}(?!\w)"
        message = re.sub(pattern, "[api key]", event.message)
        return Failure(message, event.code, event.retryable, event.retry_after_ms)


async def _events(
    url: str, response: Response, reader: ChunkReader
) -> AsyncGenerator[ProviderEvent]:
    if not 200 <= response.status < 300:
        yield status_failure(url, response.status, response.headers, await response.text())
        return
    content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type in ("application/json", "text/html"):
        for event in _whole_answer(url, await response.text(), reader):
            yield event
        return
    async with contextlib.aclosing(_frames(response.body)) as frames:
        async for frame in frames:
            if frame.data.strip() == "[DONE]":
                for event in reader.close():
                    yield event
                return
            for event in _frame_events(frame, reader):
                yield event
                if isinstance(event, Failure):
                    return
    for event in _at_end(url, reader):
        yield event


async def _frames(body: AsyncIterator[bytes]) -> AsyncGenerator[ServerSentEvent]:
    decoder = SseDecoder()
    async for piece in body:
        for frame in decoder.feed(piece):
            yield frame
    for frame in decoder.flush():
        yield frame


def _frame_events(frame: ServerSentEvent, reader: ChunkReader) -> list[ProviderEvent]:
    data = _json_object(frame.data)
    if data is None:
        words = f"The provider sent a line that is not a JSON object: {excerpt(frame.data)}"
        return [*reader.usage(), Failure(words)]
    return reader.feed(data, is_error=frame.event == "error")


def _at_end(url: str, reader: ChunkReader) -> list[ProviderEvent]:
    """Return the events at the end of a body that came without ``[DONE]``."""
    if reader.finished:  # some servers never send the mark
        return reader.close()
    words = f"{url} broke off before the answer was complete: no finish reason, no end mark."
    return [*reader.usage(), Failure(words, retryable=True)]


def _whole_answer(url: str, text: str, reader: ChunkReader) -> list[ProviderEvent]:
    """Return the events of an answer that was not streamed although a stream was asked for."""
    data = _json_object(text)
    if data is None or not (data.get("choices") or data.get("error")):
        said = (error_words(data) if data is not None else "") or excerpt(text) or "nothing"
        return [
            Failure(
                f"{url} answered with something that is not a chat completion: {said}. "
                "Check that base_url is that of an OpenAI-compatible API (it often ends in /v1)."
            )
        ]
    events = reader.feed(data)
    return events if reader.failed else [*events, *reader.close()]


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        data = json.loads(text)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None
