"""Anthropic's Messages API, and every server that speaks it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence

from pydantic import SecretStr

from ..engine.contracts import ProviderEvent, ProviderOptions, Tool
from ..keys import as_key
from ..wire.conversation import ChatMessage
from .connection import connect
from .endpoints import ENDPOINTS
from .exchange import exchange
from .http import Timeouts
from .messages_reader import MessageReader
from .messages_request import request_body
from .sse import SseDecoder

__all__ = ["AnthropicProvider"]


class AnthropicProvider:
    """A model behind the Messages API.

    Parameters
    ----------
    model : str
        The model's name, as the server knows it.
    endpoint : str
        Whose API it is, by a name of `ENDPOINTS`.
    base_url : str or SecretStr, optional
        Where the API is, with or without its ``/v1``; the endpoint's own by default.
    api_key : str or SecretStr, optional
        The key; for the endpoint's own address its environment variable
        (ANTHROPIC_API_KEY) or the keyring stands in, other servers get a key only if one
        is given. It is never shown.
    headers : mapping, optional
        More headers for each request.
    timeouts : Timeouts
        How long to wait for the server before the answer counts as broken off.

    Raises
    ------
    ModelError
        If `base_url` is not an http address, or the endpoint's own API has no key.
    """

    def __init__(
        self,
        model: str,
        *,
        endpoint: str = "anthropic",
        base_url: str | SecretStr | None = None,
        api_key: str | SecretStr | None = None,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        # First of all: no traceback shall have them in the open.
        api_key, base_url = as_key(api_key), as_key(base_url)
        self._model = model
        self._connection = connect(
            ENDPOINTS[endpoint],
            base_url=base_url,
            api_key=api_key,
            headers=headers,
            timeouts=timeouts,
        )

    @property
    def id(self) -> str:
        """The provider's name."""
        return self._connection.endpoint.name

    @property
    def model(self) -> str:
        """The model's name, as the server knows it."""
        return self._model

    def __repr__(self) -> str:
        """Return the provider with model and address, without the key."""
        return f"AnthropicProvider({self._model!r}, base_url={self._connection.address.base!r})"

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
