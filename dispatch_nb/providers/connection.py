"""Who is asked, and with which key: what the requests of one provider have in common."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from pydantic import SecretStr

from ..errors import ModelError
from ..keys import KEYRING_SERVICE, HiddenHeaders, Key, NotAKey, as_key, find_key
from .endpoints import Endpoint
from .exchange import Request
from .faults import Asked
from .http import Timeouts
from .listing import Listing

__all__ = ["Address", "Connection", "connect"]

_MESSAGES_VERSION = "2023-06-01"  # of the protocol; the only one that streams


@dataclass(frozen=True, slots=True)
class Address:
    """Where an API is; a login or a query of its URL, which may hold keys, is kept apart.

    `base` has no slash at its end.
    """

    base: str
    query: Key | None = None
    login: Key | None = None

    def secrets(self) -> tuple[Key, ...]:
        """Return what must not stand in any sentence."""
        found = [self.query, self.login]
        if self.query is not None:
            parts = self.query.get_secret_value().split("&")
            values = [part.partition("=")[2] for part in parts]
            found += [Key(form) for value in values for form in (value, unquote(value))]
        if self.login is not None:
            name, _, word = self.login.get_secret_value().partition(":")
            found += [Key(form) for form in (word, quote(word, safe=""), name) if form]
            found.append(self._basic(self.login))
        return tuple(secret for secret in found if secret is not None)

    def authorization(self) -> Key | None:
        """Return the header's value that logs in, if the URL has a login."""
        if self.login is None:
            return None
        return Key(f"Basic {self._basic(self.login).get_secret_value()}")

    @staticmethod
    def _basic(login: Key) -> Key:
        return Key(base64.b64encode(login.get_secret_value().encode()).decode())


def parsed(hidden: Key) -> Address:
    """Return the address that a URL names.

    Raises
    ------
    ModelError
        If it is not an http or https URL.
    """
    try:
        parts = urlsplit(hidden.get_secret_value())
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # no port, no closing bracket: what it says may quote a login
        has_host, parts = False, urlsplit("")
    if parts.scheme not in ("http", "https") or not has_host:
        raise ModelError(
            f"base_url {_shown(hidden)!r} is not an http address. "
            "Write it with its scheme, such as 'http://localhost:8000/v1'."
        )
    login, _, host = parts.netloc.rpartition("@")
    base = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
    plain = unquote(login)
    return Address(base, Key(parts.query) if parts.query else None, Key(plain) if plain else None)


def _shown(hidden: Key) -> str:
    """Return a URL that is none, as far as it may be shown."""
    text = hidden.get_secret_value().partition("?")[0]
    scheme, slashes, rest = text.rpartition("//")
    return scheme + slashes + rest.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Connection:
    """One provider at one address, with one key; nothing of it shows the key."""

    endpoint: Endpoint
    address: Address
    key: Key | None = None
    headers: HiddenHeaders = field(default_factory=HiddenHeaders)
    timeouts: Timeouts = field(default_factory=Timeouts)

    def request(
        self, path: str, body: Mapping[str, Any], *more_headers: Mapping[str, str]
    ) -> Request:
        """Return the request for one POST of `body`, the later headers over the earlier."""
        given = tuple(HiddenHeaders(each) for each in (self.headers, *more_headers))
        base, endpoint = self.address.base, self.endpoint
        model = body.get("model")
        asked = Asked(
            base + path, base, endpoint, model if isinstance(model, str) else "", self._has_key
        )
        return Request(
            asked,
            self.listing(),
            self._headers(given),
            body,
            secrets=self._secrets(given),
            query=self.address.query,
            timeouts=self.timeouts,
        )

    def listing(self) -> Listing:
        """Return the question which models the server has."""
        base, given = self.address.base, (self.headers,)
        asked = Asked(_models_url(base, self.endpoint), base, self.endpoint, "", self._has_key)
        return Listing(asked, self._headers(given), self.address.query, self._secrets(given))

    @property
    def foreign_origin(self) -> str | None:
        """Scheme, host and port, if not the endpoint's own; a path may hold a key."""
        if _host(self.address.base) == _host(self.endpoint.base_url):
            return None
        return "://".join(_host(self.address.base))

    @property
    def _has_key(self) -> bool:
        return self.key is not None or self.address.login is not None

    def _headers(self, given: tuple[HiddenHeaders, ...]) -> dict[str, str | SecretStr]:
        headers: dict[str, str | SecretStr] = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
        }
        if (login := self.address.authorization()) is not None:
            headers["Authorization"] = login
        if self.endpoint.api == "messages":
            headers["anthropic-version"] = _MESSAGES_VERSION
        if self.key is not None and self.endpoint.api == "messages":
            headers["x-api-key"] = self.key
        elif self.key is not None:
            headers["Authorization"] = Key(f"Bearer {self.key.get_secret_value()}")
        for each in given:
            headers |= dict(zip(each, each.keys_of(), strict=True))
        return headers

    def _secrets(self, given: tuple[HiddenHeaders, ...]) -> tuple[Key, ...]:
        found = [*self.address.secrets()]
        found += [value for headers in given for value in headers.keys_of()]
        if self.key is not None:
            found.append(self.key)
        return tuple(found)


def _models_url(base: str, endpoint: Endpoint) -> str:
    if endpoint.api == "ollama":
        return f"{base.removesuffix('/v1')}/v1/models"
    if endpoint.api != "messages":
        return f"{base}/models"
    # Its makers' own tools are given the address without the version, others with it. The
    # list comes in pages, of which the first can be long enough for all.
    return f"{base.removesuffix('/v1')}/v1/models?limit=1000"


def connect(
    endpoint: Endpoint,
    *,
    base_url: str | SecretStr | None = None,
    api_key: str | SecretStr | None = None,
    headers: Mapping[str, str] | None = None,
    timeouts: Timeouts | None = None,
) -> Connection:
    """Return the connection to a provider, or to another server that speaks its API.

    Without `api_key` the key is that of the environment or the keyring. It is sent to the
    provider's own address alone, unless the provider is a server of one's own.

    Raises
    ------
    ModelError
        If `base_url` is not an http address, or the provider needs a key and none is found.
    """
    given = api_key = as_key(api_key)
    url = base_url = as_key(base_url)
    for name, value in (("api_key", given), ("base_url", url)):
        if isinstance(value, NotAKey):
            raise ModelError(f"{name} must be text, not {value.kind}.")
    address = parsed(url or Key(endpoint.base_url))
    is_own = _host(address.base) == _host(endpoint.base_url)
    key = given
    if key is None and (is_own or endpoint.is_local):
        key = find_key(endpoint.variable)
    if key is None and is_own and not endpoint.is_local and address.login is None:
        raise ModelError(missing_key(endpoint))
    if key is not None and not _can_be_sent(key):
        where = "api_key" if given is not None else endpoint.variable
        raise ModelError(
            f"{where} holds a character that no key has, such as a line break or '…': "
            "copy the key again."
        )
    return Connection(
        endpoint, address, key, HiddenHeaders(headers), Timeouts() if timeouts is None else timeouts
    )


def missing_key(endpoint: Endpoint) -> str:
    """Return what a person can do about a key that is not there."""
    name = endpoint.variable
    return (
        f"{endpoint.title} needs an API key: set the environment variable {name} (here: "
        f"`import os, getpass; os.environ['{name}'] = getpass.getpass()`), keep it with "
        f"`keyring set {KEYRING_SERVICE} {name}`, or pass api_key. "
        "For another server that speaks the same API pass base_url."
    )


def _host(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _can_be_sent(key: Key) -> bool:
    text = key.get_secret_value()
    return text.isascii() and text.isprintable() and " " not in text
