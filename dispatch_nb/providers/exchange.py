"""One request to a provider's API over HTTP, and its answer as events."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from ..engine.contracts import UNREACHABLE, Failure, ProviderEvent
from ..errors import ProviderConnectionError, ProviderUnreachableError
from ..keys import without_keys
from .answer import Answer, Decoder, Reader
from .chat_errors import status_failure
from .http import Timeouts, post

__all__ = ["Request", "exchange"]


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, and where to.

    Parameters
    ----------
    body
        The JSON object.
    headers
        Those with a key hold it as a secret.
    secrets
        What must not come back in the words of a failure: the key, as a rule.
    query
        The rest of the URL after its ``?``, which may hold a key.
    """

    url: str
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
    answer = Answer(request.url, reader, decoder)
    secrets = request.secrets
    try:
        async with post(
            request.url,
            headers=request.headers,
            json=request.body,
            query=request.query,
            timeouts=request.timeouts,
        ) as response:
            if not 200 <= response.status < 300:
                # Before anything is cut out of it, which could cut a key in two.
                text = without_keys(await response.text(), secrets)
                failure = status_failure(request.url, response.status, response.headers, text)
                yield _without_secrets(failure, secrets)
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
        for event in _checked(answer.break_off(Failure(str(error), code, retryable=True)), secrets):
            yield event


def _checked(events: list[ProviderEvent], secrets: tuple[SecretStr, ...]) -> list[ProviderEvent]:
    """Return `events` whose failure, which is the last if there is one, names no secret."""
    if events and isinstance(failure := events[-1], Failure):
        events[-1] = _without_secrets(failure, secrets)
    return events


def _without_secrets(failure: Failure, secrets: tuple[SecretStr, ...]) -> Failure:
    code = None if failure.code is None else without_keys(failure.code, secrets)
    return dataclasses.replace(failure, message=without_keys(failure.message, secrets), code=code)
