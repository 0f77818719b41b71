"""OpenAI chat completions, and every server that speaks them.

Source: the Dispatch turn contract, section 8.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import ClassVar
from urllib.parse import urlsplit

from ..engine.contracts import ProviderEvent, ProviderOptions, Tool
from ..wire.conversation import ChatMessage
from .chat_reader import ChunkReader
from .chat_request import request_body
from .connected import ConnectedProvider
from .exchange import exchange
from .sse import SseDecoder

__all__ = ["OpenAIProvider"]


class OpenAIProvider(ConnectedProvider):
    """A model behind an OpenAI-compatible chat completions API; see `ConnectedProvider`."""

    makers: ClassVar[str] = "openai"

    def stream(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[Tool],
        options: ProviderOptions,
    ) -> AsyncGenerator[ProviderEvent]:
        """Send one request and yield what comes back; every fault becomes a `Failure`."""
        body = request_body(
            self._model, messages, tools, options, provider=self.id, is_openai=self._is_openai
        )
        request = self._connection.request("/chat/completions", body, options.extra_headers)
        return exchange(request, ChunkReader(), SseDecoder())

    @property
    def _is_openai(self) -> bool:
        host = urlsplit(self._connection.address.base).hostname or ""
        return host == "api.openai.com" or host.endswith(".openai.azure.com")
