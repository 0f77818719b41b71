"""Streaming POST requests; the one place that knows the HTTP library."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx

from ..errors import ModelError, ProviderConnectionError, ProviderUnreachableError

__all__ = ["Response", "checked_base_url", "post"]

CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Response:
    """An answer whose head has arrived; `body` yields its bytes as they come."""

    status: int
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]

    async def text(self) -> str:
        """Return the whole body as text."""
        return b"".join([piece async for piece in self.body]).decode("utf-8", "replace")


def checked_base_url(base_url: str) -> str:
    """Return `base_url` without a slash at its end.

    Raises
    ------
    ModelError
        If it is not an http or https URL.
    """
    try:
        url = httpx.URL(base_url)
    except (httpx.InvalidURL, TypeError) as error:
        raise ModelError(f"base_url {base_url!r} is not a URL: {error}.") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ModelError(
            f"base_url {base_url!r} is not an http address. "
            "Write it with its scheme, such as 'http://localhost:8000/v1'."
        )
    return base_url.rstrip("/")


@contextlib.asynccontextmanager
async def post(
    url: str, *, headers: Mapping[str, str], json: Any, silence_seconds: float
) -> AsyncIterator[Response]:
    """Send one request on a connection of its own and hold it open until the block ends.

    A connection of its own, because some servers close one after each streamed answer
    while they promise to keep it, and the next request on it then fails.

    Raises
    ------
    ProviderConnectionError
        If there is no connection, no answer, or the body breaks off or falls silent for
        `silence_seconds`.
    """
    timeout = httpx.Timeout(silence_seconds, connect=CONNECT_SECONDS)
    limits = httpx.Limits(max_keepalive_connections=0)
    # Loading certificates takes long enough to stall every other turn on the loop.
    tls = await asyncio.to_thread(_tls)
    started = False
    try:
        async with (
            # A proxy of the environment must not be asked for an address of this machine.
            httpx.AsyncClient(
                timeout=timeout, limits=limits, verify=tls, trust_env=not _is_local(url)
            ) as client,
            client.stream("POST", url, headers=dict(headers), json=json) as response,
        ):
            started = True
            # Keys in small letters, as httpx gives them.
            yield Response(response.status_code, dict(response.headers), response.aiter_bytes())
    except httpx.ConnectTimeout as error:
        raise ProviderUnreachableError(
            f"{url} did not accept a connection within {CONNECT_SECONDS:.0f} s. "
            "Check base_url and the network."
        ) from error
    except httpx.ConnectError as error:
        raise ProviderUnreachableError(
            f"No connection to {url} ({error}). Check that the server runs, and base_url."
        ) from error
    except httpx.TimeoutException as error:
        raise ProviderConnectionError(f"{url} sent nothing for {silence_seconds:g} s.") from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        what = "broke off before the answer was complete" if started else "closed without an answer"
        raise ProviderConnectionError(f"{url}: the connection {what} ({error}).") from error


@cache
def _tls() -> ssl.SSLContext:
    """Return the TLS settings, which take a while to load, once for all requests."""
    return httpx.create_ssl_context()


def _is_local(url: str) -> bool:
    host = httpx.URL(url).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
