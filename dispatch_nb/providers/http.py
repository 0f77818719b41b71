"""Requests with streamed answers; the one place that knows the HTTP library."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, cast

import httpx
from pydantic import SecretStr

from ..errors import ProviderConnectionError, ProviderSetupError
from .sealed import SealedTransport

__all__ = ["Response", "Timeouts", "send"]

CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_LONGEST_TEXT = 1 << 20  # bytes of an error page that are read at most


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a request may take, in seconds.

    Parameters
    ----------
    connect
        Until the connection stands.
    first_byte
        From there until the first byte of the answer: a long prompt takes its time.
    between
        From one piece of the answer to the next.
    total
        From the request to the end of the answer, however steadily it comes.
    """

    connect: float = 10.0
    first_byte: float = 300.0
    between: float = 300.0
    total: float = 3600.0


@dataclass(frozen=True, slots=True)
class Response:
    """An answer whose head has arrived; `body` yields its bytes as they come."""

    status: int
    headers: Mapping[str, str]
    body: AsyncGenerator[bytes]

    async def text(self) -> str:
        """Return the body as text: no more of it than any error page has."""
        pieces, size = [], 0
        async with contextlib.aclosing(self.body) as body:
            async for piece in body:
                pieces.append(piece)
                size += len(piece)
                if size >= _LONGEST_TEXT:
                    break
        return b"".join(pieces)[:_LONGEST_TEXT].decode("utf-8", "replace")


@contextlib.asynccontextmanager
async def send(
    method: Literal["GET", "POST"],
    url: str,
    *,
    headers: Mapping[str, str | SecretStr],
    timeouts: Timeouts,
    json: Any = None,
    query: SecretStr | None = None,
) -> AsyncIterator[Response]:
    """Send one request on a connection of its own and hold it open until the block ends.

    A connection of its own, because some servers close one after each streamed answer
    while they promise to keep it, and the next request on it then fails.

    Raises
    ------
    ProviderConnectionError
        If there is no connection, no answer, or the body breaks off or takes longer than
        `timeouts` allow.
    """
    # Loading certificates takes long enough to stall every other turn on the loop.
    tls = await asyncio.to_thread(_tls, *map(os.environ.get, CERTIFICATE_VARIABLES))
    clock = _Clock(url, timeouts)
    try:
        async with httpx.AsyncClient(
            timeout=httpx.Timeout(None, connect=timeouts.connect),
            transport=SealedTransport(url, headers, query, tls),
            trust_env=False,
        ) as client:
            request = client.build_request(
                method, url, json=json, extensions={"trace": clock.heard_of}
            )
            async with clock.first_byte():
                response = await client.send(request, stream=True)
            try:
                body = _body(response, clock)
                async with contextlib.aclosing(body):
                    # Keys in small letters, as httpx gives them.
                    yield Response(response.status_code, dict(response.headers), body)
            finally:
                await response.aclose()
    except (httpx.HTTPError, httpx.StreamError) as error:
        words = f"{url}: the connection broke off before the answer was complete ({error})."
        raise ProviderConnectionError(words) from None


class _Clock:
    """Watches over the waits of one request, which begins when this is made."""

    def __init__(self, url: str, timeouts: Timeouts) -> None:
        self._url = url
        self._timeouts = timeouts
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._last = self._started + timeouts.total
        self._connected: float | None = None
        self._waiting: asyncio.Timeout | None = None

    async def heard_of(self, what: str, details: Mapping[str, Any]) -> None:
        """Take note of how far the connection is, as the HTTP library tells it."""
        if what.endswith("send_request_headers.started"):
            self._connected = self._loop.time()
            if self._waiting is not None:
                self._waiting.reschedule(self._at(self._first_byte_at()))

    def first_byte(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Allow the body of the block the wait for the answer's first byte."""
        said = f"{self._url} sent nothing within {self._timeouts.first_byte:g} s."
        return self._until(self._first_byte_at(), said)

    def _first_byte_at(self) -> float:
        """Return the end of the wait, which begins when the connection stands."""
        latest = self._started + self._timeouts.connect
        begin = latest if self._connected is None else self._connected
        return begin + self._timeouts.first_byte

    def next_byte(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Allow the body of the block the wait between two pieces."""
        said = f"{self._url} sent nothing for {self._timeouts.between:g} s."
        return self._until(self._loop.time() + self._timeouts.between, said)

    def _at(self, moment: float) -> float | None:
        """Return the end of a wait, no later than that of the whole request."""
        end = min(moment, self._last)
        return end if math.isfinite(end) else None

    @contextlib.asynccontextmanager
    async def _until(self, moment: float, said: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout_at(self._at(moment)) as waiting:
                self._waiting = waiting
                yield
        except TimeoutError:
            if self._loop.time() >= self._last:
                total = f"{self._timeouts.total:g} s"
                said = f"{self._url} was not done with its answer after {total}."
            raise ProviderConnectionError(said) from None
        finally:
            self._waiting = None


async def _body(response: httpx.Response, clock: _Clock) -> AsyncGenerator[bytes]:
    received = cast(AsyncGenerator[bytes], response.aiter_bytes())
    async with contextlib.aclosing(received) as pieces:
        wait = clock.first_byte
        while True:
            try:
                async with wait():
                    piece = await anext(pieces)
            except StopAsyncIteration:
                return
            wait = clock.next_byte
            yield piece


@cache
def _tls(file: str | None, folder: str | None) -> ssl.SSLContext:
    """Return the TLS settings, which take a while to load, once for each set of certificates."""
    try:
        return httpx.create_ssl_context()
    except (OSError, ssl.SSLError) as error:
        raise ProviderSetupError(
            f"The certificates that {' or '.join(CERTIFICATE_VARIABLES)} of the environment names "
            f"({file or folder}) cannot be read: {error}."
        ) from None
