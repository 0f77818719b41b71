"""Asking a server which models it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from ..errors import ModelError
from ..keys import without_keys
from .chat_errors import excerpt
from .faults import Asked, http_failure
from .http import Timeouts, send
from .model_list import ServedModel, read_models

__all__ = ["Listing", "fetch_models"]

TIMEOUTS = Timeouts(connect=5.0, first_byte=10.0, between=10.0, total=20.0)


@dataclass(frozen=True, slots=True)
class Listing:
    """The question which models a server has: whom to ask, and with which key."""

    asked: Asked
    headers: Mapping[str, str | SecretStr]
    query: SecretStr | None = None
    secrets: tuple[SecretStr, ...] = ()


async def fetch_models(listing: Listing) -> list[ServedModel]:
    """Return the models that a server lists.

    Raises
    ------
    ProviderConnectionError
        If it cannot be reached, or does not answer in time.
    ModelError
        If it answers with an error, or with something that is no list.
    """
    asked, secrets = listing.asked, listing.secrets
    async with send(
        "GET", asked.url, headers=listing.headers, query=listing.query, timeouts=TIMEOUTS
    ) as response:
        text = without_keys(await response.text(), secrets)
        if not 200 <= response.status < 300:
            failure = http_failure(asked, response.status, response.headers, text)
            raise ModelError(without_keys(failure.message, secrets))
    models = read_models(text)
    if models is None:
        raise ModelError(
            f"{asked.url} answered with something that is not a list of models: "
            f"{excerpt(text) or 'nothing'}. Check base_url (it often ends in /v1)."
        )
    return models
