"""The last step before the wire: where keys join a request, below every log and traceback."""

from __future__ import annotations

import ipaddress
import ssl
import urllib.request
from collections.abc import Mapping

import httpx
from pydantic import SecretStr

from ..errors import ProviderSetupError
from .unreachable import as_connection_error, shown_proxy

__all__ = ["SealedTransport", "proxy_for"]


class SealedTransport(httpx.AsyncBaseTransport):
    """Sends requests with their secrets, each on a connection of its own.

    The request that the HTTP client sees, logs and attaches to its errors has neither the
    headers nor the query given here; and an error leaves without the frames below, whose
    variables have them in the open.

    Parameters
    ----------
    url
        Where the requests go, which decides about the proxy.
    headers
        More headers, secret or not.
    query
        What follows the URL's ``?``.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str | SecretStr],
        query: SecretStr | None,
        tls: ssl.SSLContext,
    ) -> None:
        self._headers = headers
        self._query = query
        self._proxy = proxy_for(url)
        try:
            self._inner = httpx.AsyncHTTPTransport(
                verify=tls,
                trust_env=False,
                limits=httpx.Limits(max_keepalive_connections=0),
                proxy=self._proxy,
            )
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            raise ProviderSetupError(
                f"The proxy {shown_proxy(self._proxy)} of the environment cannot be used: {error}"
            ) from None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its answer.

        Raises
        ------
        ProviderConnectionError
            If there is none.
        """
        try:
            return await self._inner.handle_async_request(self._unsealed(request))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            bare = as_connection_error(
                error,
                str(request.url),
                proxy=self._proxy,
                connect_seconds=request.extensions["timeout"]["connect"],
            )
        raise bare  # out here, so that it does not remember the other one

    async def aclose(self) -> None:
        """Close the connection."""
        await self._inner.aclose()

    def _unsealed(self, request: httpx.Request) -> httpx.Request:
        headers = request.headers.copy()
        for name, value in self._headers.items():
            headers[name] = value.get_secret_value() if isinstance(value, SecretStr) else value
        url = request.url
        if self._query is not None:
            both = filter(None, (url.query, self._query.get_secret_value().encode()))
            url = url.copy_with(query=b"&".join(both))
        return httpx.Request(
            request.method,
            url,
            headers=headers,
            stream=request.stream,
            extensions=request.extensions,
        )


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for an address, or None.

    A proxy is never asked for an address of this machine.
    """
    parts = httpx.URL(url)
    if is_loopback(parts.host) or urllib.request.proxy_bypass(parts.host):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(parts.scheme) or proxies.get("all") or None


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
