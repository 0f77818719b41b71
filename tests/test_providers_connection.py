"""Who is asked, and with which key."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import keyring
import keyring.backend
import keyring.errors
import pytest
from pydantic import SecretStr

from dispatch_nb.compose import resolve_provider
from dispatch_nb.errors import ModelError, SettingError
from dispatch_nb.keys import KEYRING_SERVICE, HiddenHeaders, Key, as_key, find_key
from dispatch_nb.providers import OpenAIProvider
from dispatch_nb.providers.connection import Connection, connect
from dispatch_nb.providers.endpoints import ENDPOINTS
from tests.providers_parts import ask, text_of
from tests.raw_server import delta, serving, sse

KEY = "sk-planted-0123456789abcdef"
ANSWER = sse(delta(content="Hello.", finish="stop"), "[DONE]")
LOCAL = [row.name for row in ENDPOINTS.values() if row.is_local]
HOSTED = [row.name for row in ENDPOINTS.values() if not row.is_local]


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for row in ENDPOINTS.values():
        monkeypatch.delenv(row.variable, raising=False)
    monkeypatch.setattr(keyring.core, "_keyring_backend", Keyring())


class Keyring(keyring.backend.KeyringBackend):
    """A keyring in memory, a real backend of the real package."""

    priority = 1

    def __init__(self, **kept: str) -> None:
        super().__init__()
        self._kept = kept

    def get_password(self, service: str, username: str) -> str | None:
        return self._kept.get(username) if service == KEYRING_SERVICE else None

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError

    def delete_password(self, service: str, username: str) -> None:
        raise NotImplementedError


class LockedKeyring(Keyring):
    def get_password(self, service: str, username: str) -> str | None:
        raise keyring.errors.KeyringLocked("locked")


def shown_key(connection: Connection) -> str | None:
    return None if connection.key is None else connection.key.get_secret_value()


@pytest.mark.parametrize("name", HOSTED)
def test_a_providers_missing_key_is_named_with_the_ways_to_give_it(name: str) -> None:
    with pytest.raises(ModelError) as caught:
        resolve_provider(f"{name}:some-model")
    said = str(caught.value)
    variable = ENDPOINTS[name].variable
    assert said.startswith(f"{ENDPOINTS[name].title} needs an API key: set")
    assert f"os.environ['{variable}'] = getpass.getpass()" in said
    assert f"keyring set dispatch_nb {variable}" in said


@pytest.mark.parametrize("name", ENDPOINTS)
def test_a_provider_takes_the_key_of_its_own_variable(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENDPOINTS[name].variable, f" {KEY}\n")
    connection = connect(ENDPOINTS[name])
    assert shown_key(connection) == KEY
    assert connection.address.base == ENDPOINTS[name].base_url


@pytest.mark.parametrize("name", LOCAL)
def test_a_server_of_ones_own_needs_no_key_and_takes_its_own_anywhere(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shown_key(connect(ENDPOINTS[name])) is None
    monkeypatch.setenv(ENDPOINTS[name].variable, KEY)
    assert shown_key(connect(ENDPOINTS[name], base_url="http://big-box:8000/v1")) == KEY


@pytest.mark.parametrize(
    "elsewhere",
    [
        "http://127.0.0.1:8000/v1",
        "https://api.openai.com.evil.example/v1",
        "http://api.openai.com/v1",
        "https://api.openai.com:444/v1",
    ],
)
def test_a_key_of_the_environment_goes_to_its_owners_address_alone(
    elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert shown_key(connect(ENDPOINTS["openai"], base_url=elsewhere)) is None
    same = connect(ENDPOINTS["openai"], base_url="https://api.openai.com/v2/")
    assert (shown_key(same), same.address.base) == (KEY, "https://api.openai.com/v2")


def test_a_key_can_be_given_as_a_secret_and_goes_before_the_environments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    assert shown_key(connect(ENDPOINTS["openai"], api_key=SecretStr(KEY))) == KEY


def test_the_keyring_is_asked_after_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", Keyring(OPENAI_API_KEY=KEY))
    assert shown_key(connect(ENDPOINTS["openai"])) == KEY
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-environment")
    assert shown_key(connect(ENDPOINTS["openai"])) == "sk-from-environment"


@pytest.mark.parametrize("backend", ["none", "locked"])
def test_a_keyring_that_cannot_be_read_is_as_good_as_none(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keyring.backends import fail

    found = fail.Keyring() if backend == "none" else LockedKeyring()
    monkeypatch.setattr(keyring.core, "_keyring_backend", found)
    assert find_key("OPENAI_API_KEY") is None
    with pytest.raises(ModelError, match="OpenAI needs an API key"):
        connect(ENDPOINTS["openai"])


@pytest.mark.parametrize("key", ["sk-…", "sk-a\nb", "sk-a b", "sk-\x00"])
def test_a_key_that_no_header_can_hold_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ModelError, match="api_key holds a character that no key has") as caught:
        connect(ENDPOINTS["openai"], api_key=key)
    assert key not in str(caught.value)


@pytest.mark.parametrize("thing", [Key(KEY), HiddenHeaders({"x-key": KEY})])
def test_a_key_is_shown_by_nothing_and_pickled_by_nothing(thing: Any) -> None:
    assert KEY not in f"{thing!r} {thing!s}"
    assert KEY not in repr(copy.deepcopy(thing))
    with pytest.raises(SettingError, match="A key is never pickled"):
        pickle.dumps(thing)


def test_a_provider_with_its_key_is_shown_and_pickled_by_nothing() -> None:
    provider = OpenAIProvider("m", api_key=KEY, headers={"x-more": KEY})
    assert repr(provider) == "OpenAIProvider('m', base_url='https://api.openai.com/v1')"
    assert KEY not in repr(vars(provider))
    with pytest.raises(SettingError, match="A key is never pickled"):
        pickle.dumps(provider)


@pytest.mark.anyio
async def test_key_login_query_and_headers_reach_the_server_and_nothing_else_shows_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    with serving([ANSWER]) as server:
        url = server.base_url.replace("http://", "http://me:pass%40word-12345@")
        provider = OpenAIProvider(
            "m",
            base_url=f"{url}/?key=query-secret-12345&v=1",
            headers={"X-Gate": "header-secret-12345"},
        )
        assert text_of(await ask(provider, "hi")) == "Hello."
    (headers,) = server.headers
    assert server.paths == ["/v1/chat/completions?key=query-secret-12345&v=1"]
    assert headers["authorization"] == "Basic bWU6cGFzc0B3b3JkLTEyMzQ1"  # me:pass@word-12345
    assert headers["x-gate"] == "header-secret-12345"
    assert "HTTP Request: POST http://127.0.0.1" in caplog.text
    everything = caplog.text + repr(provider) + repr(vars(provider))
    for secret in ("pass", "word-12345", "query-secret", "header-secret", "bWU6"):
        assert secret not in everything


@pytest.mark.anyio
async def test_a_key_goes_before_a_login() -> None:
    with serving([ANSWER]) as server:
        url = server.base_url.replace("http://", "http://me:word@")
        await ask(OpenAIProvider("m", base_url=url, api_key=KEY), "hi")
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("localhost:8000/v1", "localhost:8000/v1"),
        ("ftp://me:word@host/v1?key=secret", "ftp://host/v1"),
        ("me:word@host", "host"),
        ("http://", "http://"),
        ("http://host:port/v1", "http://host:port/v1"),
        ("http://me:word@host:99999999/v1", "http://host:99999999/v1"),
        ("http://[::1/v1", "http://[::1/v1"),
        ("nonsense", "nonsense"),
    ],
)
def test_an_address_that_is_none_is_refused_without_its_secrets(url: str, shown: str) -> None:
    with pytest.raises(ModelError) as caught:
        connect(ENDPOINTS["ollama"], base_url=url)
    assert str(caught.value).startswith(f"base_url {shown!r} is not an http address.")


@pytest.mark.parametrize("wrong", [5, b"sk-secret", ["sk-secret"]])
@pytest.mark.parametrize("name", ["api_key", "base_url"])
def test_a_key_or_address_of_another_kind_is_refused_by_its_kind_alone(
    name: str, wrong: Any
) -> None:
    arguments: dict[str, Any] = {name: wrong}
    with pytest.raises(ModelError, match=f"{name} must be text, not {type(wrong).__name__}"):
        OpenAIProvider("m", **arguments)
    assert as_key("  ") is None


def test_every_prefix_is_a_provider_and_a_misspelt_one_is_told_the_nearest() -> None:
    for name in LOCAL:
        assert resolve_provider(f"{name}:a/model:7b").id == name
    for name in HOSTED:
        assert resolve_provider(f"{name}:m", api_key=KEY).id == name
    with pytest.raises(ModelError, match=r"Did you mean 'ollama:llama3'\? Known are scripted"):
        resolve_provider("olama:llama3")
