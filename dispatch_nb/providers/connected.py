"""What the providers that are reached over HTTP have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import SecretStr

from ..keys import as_key
from .connection import connect
from .endpoints import ENDPOINTS
from .http import Timeouts

__all__ = ["ConnectedProvider"]


class ConnectedProvider:
    """A model behind an API at some address.

    Parameters
    ----------
    model : str
        The model's name, as the server knows it.
    endpoint : str, optional
        Whose API it is, by a name of `ENDPOINTS`; the one of its makers by default.
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

    makers: ClassVar[str]
    """The endpoint that a provider of this class has by default."""

    def __init__(
        self,
        model: str,
        *,
        endpoint: str | None = None,
        base_url: str | SecretStr | None = None,
        api_key: str | SecretStr | None = None,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        # First of all: no traceback shall have them in the open.
        api_key, base_url = as_key(api_key), as_key(base_url)
        self._model = model
        self._connection = connect(
            ENDPOINTS[endpoint or self.makers],
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

    @property
    def server_address(self) -> str | None:
        """The origin of the server, such as ``http://localhost:8000``; None for its makers' own."""
        return self._connection.foreign_origin

    def __repr__(self) -> str:
        """Return the provider with model and address, without the key."""
        base = self._connection.address.base
        return f"{type(self).__name__}({self._model!r}, base_url={base!r})"
