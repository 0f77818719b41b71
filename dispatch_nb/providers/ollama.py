"""Ollama's own chat API, which has options that its OpenAI-compatible one lacks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import ClassVar

from ..engine.contracts import ProviderEvent, ProviderOptions, Tool
from ..wire.conversation import ChatMessage
from .connected import ConnectedProvider
from .exchange import exchange
from .ndjson import NdjsonDecoder
from .ollama_reader import OllamaReader
from .ollama_request import ollama_body

__all__ = ["OllamaProvider"]


class OllamaProvider(ConnectedProvider):
    """A model behind Ollama's own API; see `ConnectedProvider`.

    The `base_url` of its server is given without ``/v1``.
    """

    makers: ClassVar[str] = "ollama-chat"

    def stream(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[Tool],
        options: ProviderOptions,
    ) -> AsyncGenerator[ProviderEvent]:
        """Send one request and yield what comes back; every fault becomes a `Failure`."""
        body = ollama_body(self._model, messages, tools, options)
        request = self._connection.request("/api/chat", body, options.extra_headers)
        return exchange(request, OllamaReader(), NdjsonDecoder())
