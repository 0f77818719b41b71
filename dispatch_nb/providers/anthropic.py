"""Anthropic's Messages API, and every server that speaks it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import ClassVar

from ..engine.contracts import ProviderEvent, ProviderOptions, Tool
from ..wire.conversation import ChatMessage
from .connected import ConnectedProvider
from .exchange import exchange
from .messages_reader import MessageReader
from .messages_request import request_body
from .sse import SseDecoder

__all__ = ["AnthropicProvider"]


class AnthropicProvider(ConnectedProvider):
    """A model behind the Messages API; see `ConnectedProvider`.

    The `base_url` of its servers is given with or without its ``/v1``.
    """

    makers: ClassVar[str] = "anthropic"

    def stream(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[Tool],
        options: ProviderOptions,
    ) -> AsyncGenerator[ProviderEvent]:
        """Send one request and yield what comes back; every fault becomes a `Failure`."""
        body = request_body(self._model, messages, tools, options, provider=self.id)
        # Its makers' own tools are given the address without the version, others with it.
        version = "" if self._connection.address.base.endswith("/v1") else "/v1"
        request = self._connection.request(f"{version}/messages", body, options.extra_headers)
        return exchange(request, MessageReader(body["model"]), SseDecoder())
