"""OpenAI's Responses API, and the servers that speak it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import ClassVar

from ..engine.contracts import ProviderEvent, ProviderOptions, Tool
from ..wire.conversation import ChatMessage
from .connected import ConnectedProvider
from .exchange import exchange
from .responses_reader import ResponseReader
from .responses_request import responses_body
from .sse import SseDecoder

__all__ = ["OpenAIResponsesProvider"]


class OpenAIResponsesProvider(ConnectedProvider):
    """A model behind the Responses API; see `ConnectedProvider`.

    Nothing is stored at the provider: each request holds the whole history. A reasoning
    model's summaries are asked for with a reasoning effort, and shown as its thinking.
    """

    makers: ClassVar[str] = "openai-responses"

    def stream(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[Tool],
        options: ProviderOptions,
    ) -> AsyncGenerator[ProviderEvent]:
        """Send one request and yield what comes back; every fault becomes a `Failure`."""
        body = responses_body(self._model, messages, tools, options, provider=self.id)
        request = self._connection.request("/responses", body, options.extra_headers)
        return exchange(request, ResponseReader(), SseDecoder())
