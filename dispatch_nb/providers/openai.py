"""OpenAI chat completions, and every server that speaks them.

Source: the Dispatch turn contract, section 8.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from urllib.parse import urlsplit

from pydantic import SecretStr

from ..engine.contracts import ProviderEvent, ProviderOptions, Tool
from ..keys import as_key
from ..wire.conversation import ChatMessage
from .chat_reader import ChunkReader
from .chat_request import request_body
from .connection import connect
from .endpoints import ENDPOINTS
from .exchange import exchange
from .http import Timeouts
from .sse import SseDecoder

__all__ = ["OpenAIProvider"]


class OpenAIProvider:
    """A model behind an OpenAI-compatible chat completions API.

    Parameters
    ----------
    model : str
        The model's name, as the server knows it.
    endpoint : str
        Whose API it is, by a name of `ENDPOINTS`.
    base_url : str or SecretStr, optional
        Where the API is, up to and with its ``/v1``; the endpoint's own by default.
    api_key : str or SecretStr, optional
        The key; for the endpoint's own address its environment variable (OPENAI_API_KEY)
        or the keyring stands in, other servers get a key only if one is given. It is never
        shown.
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
        endpoint: str = "openai",
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
        return f"OpenAIProvider({self._model!r}, base_url={self._connection.address.base!r})"

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
