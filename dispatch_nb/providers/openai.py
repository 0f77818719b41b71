"""OpenAI chat completions, and every server that speaks them.

Source: the Dispatch turn contract, section 8.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping, Sequence

from ..engine.contracts import ProviderEvent, ProviderOptions, Tool
from ..errors import ModelError
from ..wire.conversation import ChatMessage
from .chat_reader import ChunkReader
from .chat_request import request_body
from .exchange import Request, exchange
from .http import Timeouts, checked_base_url
from .sse import SseDecoder

__all__ = ["OPENAI_URL", "OpenAIProvider"]

OPENAI_URL = "https://api.openai.com/v1"


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
    timeouts : Timeouts
        How long to wait for the server before the answer counts as broken off.

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
        timeouts: Timeouts | None = None,
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
        self._timeouts = timeouts or Timeouts()

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

    def stream(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[Tool],
        options: ProviderOptions,
    ) -> AsyncGenerator[ProviderEvent]:
        """Send one request and yield what comes back; every fault becomes a `Failure`."""
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        if self._api_key:
            headers["Authorization"] = f"Bearer {self._api_key}"
        request = Request(
            f"{self._base_url}/chat/completions",
            headers | self._headers,
            request_body(self._model, messages, tools, options),
            secrets=(self._api_key or "",),
            timeouts=self._timeouts,
        )
        return exchange(request, ChunkReader(), SseDecoder())
