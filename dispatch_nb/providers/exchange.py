"""One request to a provider's API over HTTP, and its answer as events."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from ..engine.contracts import UNREACHABLE, Failure, ProviderEvent
from ..errors import (
    DispatchError,
    ProviderConnectionError,
    ProviderSetupError,
    ProviderUnreachableError,
)
from ..keys import without_keys
from .answer import Answer, Decoder, Reader
from .faults import Asked, http_failure, is_unknown_model, with_names
from .http import Response, Timeouts, send
from .listing import Listing, fetch_models

__all__ = ["Request", "exchange"]


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, and where to.

    Parameters
    ----------
    asked
        Who is asked for what, and at which URL.
    listing
        How to ask for the names of its models.
    body
        The JSON object.
    headers
        Those with a key hold it as a secret.
    secrets
        What must not come back in the words of a failure: the key, as a rule.
    query
        The rest of the URL after its ``?``, which may hold a key.
    """

    asked: Asked
    listing: Listing
    headers: Mapping[str, str | SecretStr]
    body: Mapping[str, Any]
    secrets: tuple[SecretStr, ...] = ()
    query: SecretStr | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)


async def exchange(
    request: Request, reader: Reader, decoder: Decoder
) -> AsyncGenerator[ProviderEvent]:
    """Send `request` and yield what its answer says; every fault becomes a `Failure`.

    Closing the generator closes the connection.
    """
    answer = Answer(request.asked.url, reader, decoder)
    secrets = request.secrets
    try:
        async with send(
            "POST",
            request.asked.url,
            headers=request.headers,
            json=request.body,
            query=request.query,
            timeouts=request.timeouts,
        ) as response:
            if not 200 <= response.status < 300:
                # Before anything is cut out of it, which could cut a key in two.
                text = without_keys(await response.text(), secrets)
                yield await _refused(request, response, text)
                return
            async for piece in response.body:
                for event in _checked(answer.feed(piece), secrets):
                    yield event
                if answer.ended:
                    return
        for event in _checked(answer.flush(), secrets):
            yield event
    except ProviderConnectionError as error:
        code = UNREACHABLE if isinstance(error, ProviderUnreachableError) else None
        can_pass = not isinstance(error, ProviderSetupError)
        failure = Failure(str(error), code, retryable=can_pass)
        for event in _checked(answer.break_off(failure), secrets):
            yield event


async def _refused(request: Request, response: Response, text: str) -> Failure:
    """Return the failure of an answer with an error status, with names if the name was wrong."""
    asked = request.asked
    failure = http_failure(asked, response.status, response.headers, text)
    if asked.model and is_unknown_model(response.status, text):
        try:
            listed = await fetch_models(request.listing)
        except DispatchError:  # it lists nothing: the sentence does without names
            listed = []
        names = (model.name for model in listed)
        failure = dataclasses.replace(failure, message=with_names(failure, asked.model, names))
    return _without_secrets(failure, request.secrets)


def _checked(events: list[ProviderEvent], secrets: tuple[SecretStr, ...]) -> list[ProviderEvent]:
    """Return `events` whose failure, which is the last if there is one, names no secret."""
    if events and isinstance(failure := events[-1], Failure):
        events[-1] = _without_secrets(failure, secrets)
    return events


def _without_secrets(failure: Failure, secrets: tuple[SecretStr, ...]) -> Failure:
    def clean(text: str) -> str:
        return without_keys(text, secrets)

    return dataclasses.replace(
        failure,
        message=clean(failure.message),
        code=failure.code and clean(failure.code),
        reason=failure.reason and clean(failure.reason),
    )
