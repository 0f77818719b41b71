"""Why no connection was made, as a sentence."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

import httpx

from ..errors import ProviderConnectionError, ProviderSetupError, ProviderUnreachableError

__all__ = ["as_connection_error", "shown_proxy"]


def as_connection_error(
    error: Exception, url: str, *, proxy: str | None, connect_seconds: float
) -> ProviderConnectionError:
    """Return the error of a request that got no answer, without what led to it."""
    root = _root(error)
    parts = urlsplit(url)
    place = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    if isinstance(root, ssl.SSLCertVerificationError):
        return ProviderSetupError(
            f"{url} shows a certificate that this machine does not trust "
            f"({root.verify_message}). If it is your own server, let SSL_CERT_FILE name the "
            "file with its certificate, or use http:// on your own machine."
        )
    if isinstance(root, ssl.SSLError):
        return ProviderSetupError(
            f"{place} does not speak TLS as https:// asks for ({root.reason or root}). "
            "If it is a plain server write http:// in base_url."
        )
    if isinstance(error, httpx.ProxyError):
        return ProviderSetupError(
            f"The proxy {shown_proxy(proxy)} let {place} not through: {error}."
        )
    if isinstance(error, httpx.ConnectTimeout):
        return ProviderUnreachableError(
            f"{url} did not accept a connection within {connect_seconds:g} s. "
            f"Check base_url and the network{_or_proxy(proxy)}."
        )
    if isinstance(error, httpx.ConnectError) and proxy is not None:
        return ProviderUnreachableError(
            f"No connection to the proxy {shown_proxy(proxy)} on the way to {place} ({error}). "
            "Correct the proxy variables of the environment, or name the server in NO_PROXY."
        )
    if isinstance(root, socket.gaierror):
        return ProviderUnreachableError(
            f"There is no server by the name of {parts.hostname!r}, or no network. Check base_url."
        )
    if isinstance(error, httpx.ConnectError):
        return ProviderUnreachableError(
            f"No connection to {url} ({error}). Check that the server runs, and base_url."
        )
    if isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in str(error):
        return ProviderSetupError(
            f"{place} answered with something that is not HTTP ({error}). Check base_url; if the "
            "server wants TLS write https:// in it."
        )
    return ProviderConnectionError(f"{url}: the connection closed without an answer ({error}).")


def shown_proxy(proxy: str | None) -> str:
    """Return a proxy's address without the login in it."""
    scheme, slashes, rest = (proxy or "").rpartition("://")
    return scheme + slashes + rest.rpartition("@")[2]


def _or_proxy(proxy: str | None) -> str:
    return "" if proxy is None else f", or the proxy {shown_proxy(proxy)}"


def _root(error: BaseException) -> BaseException:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error
