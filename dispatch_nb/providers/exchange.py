"""One request to a provider's API over HTTP, and its answer as events."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..engine.contracts import UNREACHABLE, Failure, ProviderEvent
from ..errors import ProviderConnectionError, ProviderUnreachableError
from .answer import Answer, Decoder, Reader
from .chat_errors import status_failure
from .http import Timeouts, post

__all__ = ["Request", "exchange"]

_SECRET_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, and where to.

    Parameters
    ----------
    body
        The JSON object.
    secrets
        What must not come back in the words of a failure: the key, as a rule.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: Mapping[str, Any]
    secrets: tuple[str, ...] = field(default=(), repr=False)
    timeouts: Timeouts = field(default_factory=Timeouts)


async def exchange(
    request: Request, reader: Reader, decoder: Decoder
) -> AsyncGenerator[ProviderEvent]:
    """Send `request` and yield what its answer says; every fault becomes a `Failure`.

    Closing the generator closes the connection.
    """
    answer = Answer(request.url, reader, decoder)
    try:
        async with post(
            request.url, headers=request.headers, json=request.body, timeouts=request.timeouts
        ) as response:
            if not 200 <= response.status < 300:
                text = await response.text()
                failure = status_failure(request.url, response.status, response.headers, text)
                yield _without_secrets(failure, request.secrets)
                return
            async for piece in response.body:
                for event in answer.feed(piece):
                    yield _checked(event, request.secrets)
                if answer.ended:
                    return
        for event in answer.flush():
            yield _checked(event, request.secrets)
    except ProviderConnectionError as error:
        code = UNREACHABLE if isinstance(error, ProviderUnreachableError) else None
        for event in answer.break_off(Failure(str(error), code, retryable=True)):
            yield _checked(event, request.secrets)


def _checked(event: ProviderEvent, secrets: tuple[str, ...]) -> ProviderEvent:
    return _without_secrets(event, secrets) if type(event) is Failure else event


def _without_secrets(failure: Failure, secrets: tuple[str, ...]) -> Failure:
    """Return `failure` without the key, which some servers repeat in their errors."""
    message = failure.message
    for secret in filter(None, secrets):
        key = re.escape(secret)
        # A local server's placeholder, such as "x", stands inside other words.
        pattern = key if len(secret) >= _SECRET_LENGTH else rf"(?<!\w){key}(?!\w)"
        message = re.sub(pattern, "[api key]", message)
    return dataclasses.replace(failure, message=message)
