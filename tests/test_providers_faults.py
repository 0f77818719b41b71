"""What goes wrong with a request, as a sentence: what, where, and what to do."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import Any

import pytest

from dispatch_nb.engine.contracts import UNREACHABLE, Failure
from dispatch_nb.providers import OpenAIProvider
from dispatch_nb.providers.http import Timeouts
from tests.providers_parts import ask, text_of
from tests.raw_server import delta, serving, sse

pytestmark = pytest.mark.anyio
ANSWER = sse(delta(content="Hello.", finish="stop"), "[DONE]")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


async def failure_at(base_url: str, model: str = "some-model", **settings: Any) -> Failure:
    provider = OpenAIProvider(model, base_url=base_url, **settings)
    failure = (await ask(provider, "hi"))[-1]
    assert isinstance(failure, Failure)
    return failure


async def answered(status: int, body: Any, *, path: str = "/v1", **asked: Any) -> Failure:
    """Return the failure of a request that is answered so."""
    text = body if isinstance(body, str) else json.dumps(body)
    listed = asked.pop("listed", b"")
    headers = asked.pop("headers", None)
    with serving(
        [text.encode()],
        status=status,
        content_type="application/json",
        listed=listed,
        headers=headers,
    ) as server:
        return await failure_at(server.base_url.replace("/v1", path), **asked)


@pytest.mark.parametrize(
    ("status", "said", "advice", "retryable"),
    [
        (401, "Bad key", "No API key was sent, since one of the environment goes to its", False),
        (402, "Pay first", "has no credit left", False),
        (403, "Not yours", "Check that the API key may use this model", False),
        (413, "Too big", "leave out images or shorten what tools return", False),
        (429, "Slow down", "it may work after a wait", True),
        (500, "Oh", "The fault is on the server's side", True),
        (503, "Away", "The fault is on the server's side", True),
        (529, "Overloaded", "The fault is on the server's side", True),
    ],
)
async def test_a_status_comes_with_the_providers_words_and_what_to_do(
    status: int, said: str, advice: str, retryable: bool
) -> None:
    failure = await answered(status, {"error": {"message": said, "type": "a_type"}})
    assert f"HTTP {status}" in failure.message
    assert f": {said}. " in failure.message
    assert advice in failure.message
    assert (failure.code, failure.status, failure.reason) == (str(status), status, "a_type")
    assert failure.retryable is retryable


async def test_a_refused_key_is_told_apart_from_a_missing_one() -> None:
    body = {"error": {"message": "Incorrect API key provided: sk-mine-123456."}}
    failure = await answered(401, body, api_key="sk-mine-123456")
    assert "Incorrect API key provided: [api key]. The API key was refused" in failure.message
    failure = await answered(401, body, endpoint="vllm")
    assert "No API key was sent: set the environment variable VLLM_API_KEY" in failure.message


async def test_a_key_at_the_cut_of_a_long_error_is_not_shown_in_part() -> None:
    key = "sk-0123456789abcdefghij"
    for before in range(470, 500):
        failure = await answered(400, {"error": {"message": "x" * before + key}}, api_key=key)
        assert "sk-0" not in failure.message


async def test_no_credit_is_not_tried_again_though_it_comes_as_429() -> None:
    body = {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}
    failure = await answered(429, body)
    assert failure.retryable is False
    assert "has no credit left" in failure.message


async def test_a_web_page_is_called_one() -> None:
    page = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>…</body></html>"
    failure = await answered(404, page)
    assert "a web page titled 'Sign in', not an API's answer" in failure.message
    assert "There is no such API at this address: check base_url" in failure.message


async def test_a_base_url_without_its_end_is_told_the_likely_one() -> None:
    failure = await answered(404, "404 page not found", path="")
    assert "HTTP 404 (Not Found): 404 page not found." in failure.message
    assert "base_url usually ends in /v1, so try base_url='http://127.0.0.1:" in failure.message
    assert failure.message.endswith("/v1'.")


async def test_a_redirect_names_where_to() -> None:
    headers = {"Location": "https://new.example/v1/chat/completions?key=secret"}
    failure = await answered(308, "", headers=headers)
    assert "It sends to https://new.example/v1/chat/completions: give" in failure.message


LISTED = json.dumps(
    {"data": [{"id": name} for name in ("gpt-5.2-pro", "gpt-5.2", "llama3:8b", "Mistral-7B", "x")]}
).encode()


@pytest.mark.parametrize(
    ("status", "error", "asked", "names"),
    [
        (
            404,
            {
                "code": "model_not_found",
                "message": "The model `gpt-5.2-proo` does not exist or you do not have access.",
            },
            "gpt-5.2-proo",
            "The nearest it has: gpt-5.2-pro, gpt-5.2.",
        ),
        (
            404,
            {"message": 'model "llama3" not found, try pulling it first', "type": "api_error"},
            "llama3",
            "The nearest it has: llama3:8b.",
        ),
        (
            400,
            {"message": "mistral-7b is not a valid model ID", "code": 400},
            "mistral-7b",
            "The nearest it has: Mistral-7B.",
        ),
        (
            404,
            {"message": "model: claude-sonet-4-5", "type": "not_found_error"},
            "claude-sonet-4-5",
            "It has 5, such as: Mistral-7B, gpt-5.2, gpt-5.2-pro, llama3:8b, x.",
        ),
    ],
)
async def test_a_wrong_model_name_comes_with_the_nearest_of_the_servers_list(
    status: int, error: dict[str, Any], asked: str, names: str
) -> None:
    failure = await answered(status, {"error": error}, model=asked, listed=LISTED)
    assert failure.message.endswith(names)
    assert failure.retryable is False


async def test_a_wrong_model_name_is_told_also_where_nothing_is_listed() -> None:
    error = {"code": "model_not_found", "message": "The model `m` does not exist"}
    failure = await answered(404, {"error": error})
    assert failure.message.endswith("does not exist. Check the model's name, 'some-model'.")


async def test_the_list_is_asked_for_with_the_key() -> None:
    body = json.dumps({"error": {"code": "model_not_found", "message": "no"}}).encode()
    with serving([body], status=404, listed=LISTED) as server:
        await failure_at(server.base_url, api_key="sk-mine-123456")
    assert server.paths == ["/v1/chat/completions", "/v1/models"]
    assert server.headers[1]["authorization"] == "Bearer sk-mine-123456"


@pytest.mark.parametrize(
    ("status", "error", "sent", "fit"),
    [
        (
            400,
            {
                "code": "context_length_exceeded",
                "message": "This model's maximum context length is 128000 tokens. However, your "
                "messages resulted in 130011 tokens.",
            },
            "130,011",
            "128,000",
        ),
        (
            400,
            {
                "message": "the request exceeds the available context size",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 5012,
                "n_ctx": 4096,
            },
            "5,012",
            "4,096",
        ),
        (
            400,
            {
                "type": "invalid_request_error",
                "message": "prompt is too long: 213,462 tokens > 200,000 maximum",
            },
            "213,462",
            "200,000",
        ),
        (
            400,
            {
                "message": "This endpoint's maximum context length is 32768 tokens. However, you "
                "requested about 60000 tokens (59000 of text input, 1000 in the output)."
            },
            "60,000",
            "32,768",
        ),
    ],
)
async def test_a_conversation_that_is_too_long_is_told_with_its_numbers(
    status: int, error: dict[str, Any], sent: str, fit: str
) -> None:
    failure = await answered(status, {"error": error})
    wanted = f"too long for some-model: it takes {sent} tokens and {fit} fit. Begin a new chat"
    assert wanted in failure.message
    assert failure.retryable is False


async def test_a_conversation_that_is_too_long_is_told_also_without_numbers() -> None:
    error = {"message": "litellm.ContextWindowExceededError: mock", "code": "400"}
    failure = await answered(400, {"error": error})
    assert "The conversation is too long for some-model. Begin" in failure.message


async def test_a_content_filter_is_called_one() -> None:
    error = {
        "message": "The response was filtered",
        "code": "content_filter",
        "innererror": {"code": "ResponsibleAIPolicyViolation"},
    }
    failure = await answered(400, {"error": error})
    assert "Its content filter refused the request" in failure.message
    assert failure.reason == "ResponsibleAIPolicyViolation"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


async def test_nothing_that_listens_is_unreachable() -> None:
    failure = await failure_at(f"http://127.0.0.1:{_free_port()}/v1")
    assert failure.message.startswith("No connection to http://127.0.0.1:")
    assert "Check that the server runs, and base_url." in failure.message
    assert (failure.code, failure.retryable) == (UNREACHABLE, True)


async def test_a_name_that_nobody_has_is_named() -> None:
    failure = await failure_at("http://no-such-host.invalid/v1")
    assert "There is no server by the name of 'no-such-host.invalid'" in failure.message
    assert failure.code == UNREACHABLE


async def test_a_connection_that_is_not_accepted_times_out() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        with contextlib.ExitStack() as waiting:
            for _ in range(3):  # the queue of those who wait is full
                one = waiting.enter_context(socket.socket())
                one.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    one.connect(("127.0.0.1", port))
            failure = await failure_at(
                f"http://127.0.0.1:{port}/v1", timeouts=Timeouts(connect=0.2)
            )
    assert "did not accept a connection within 0.2 s." in failure.message
    assert (failure.code, failure.retryable) == (UNREACHABLE, True)


@pytest.mark.parametrize(
    ("pieces", "timeouts", "words"),
    [
        ([], Timeouts(first_byte=0.2), "sent nothing within 0.2 s"),
        ([sse(delta(content="a"))], Timeouts(between=0.2), "sent nothing for 0.2 s"),
        ([sse(delta(content="a"))], Timeouts(total=0.3), "not done with its answer after 0.3 s"),
        ([], Timeouts(total=0.3), "not done with its answer after 0.3 s"),
        ([], Timeouts(first_byte=0.2, total=inf), "sent nothing within 0.2 s"),
    ],
    ids=["first byte", "between chunks", "total", "total, nothing sent", "no limit in all"],
)
async def test_each_wait_has_its_own_limit(
    pieces: list[bytes], timeouts: Timeouts, words: str
) -> None:
    with serving(pieces, hold=True) as server:
        failure = await failure_at(server.base_url, timeouts=timeouts)
        assert server.client_gone.wait(10)
    assert words in failure.message
    assert failure.retryable is True


@contextlib.contextmanager
def _answering(reply: bytes) -> Iterator[int]:
    """Answer one connection with raw bytes, as soon as anything came; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            with contextlib.suppress(OSError), socket.create_connection(listener.getsockname()):
                pass
            thread.join()


async def test_what_is_no_http_is_said_to_be_none() -> None:
    with _answering(b"+OK ready\r\n\r\n") as port:
        failure = await failure_at(f"http://127.0.0.1:{port}/v1")
    assert f"127.0.0.1:{port} answered with something that is not HTTP" in failure.message
    assert failure.retryable is False


async def test_a_connection_closed_without_an_answer_may_be_tried_again() -> None:
    with _answering(b"") as port:
        failure = await failure_at(f"http://127.0.0.1:{port}/v1")
    assert "the connection closed without an answer" in failure.message
    assert failure.retryable is True


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a self-signed certificate with its key, in one file."""
    place = tmp_path_factory.mktemp("tls") / "self-signed.pem"
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    argv += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    key = place.with_suffix(".key")
    subprocess.run([*argv, "-keyout", key, "-out", place], check=True, capture_output=True)
    place.write_text(place.read_text() + key.read_text())
    return place


async def test_a_certificate_that_nobody_signed_is_refused(certificate: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with serving([ANSWER], tls=tls) as server:
        failure = await failure_at(server.base_url, api_key="sk-mine-123456")
        assert server.bodies == []  # the key was not sent
    assert "shows a certificate that this machine does not trust (self-signed" in failure.message
    assert "SSL_CERT_FILE" in failure.message
    assert failure.retryable is False


async def test_a_certificate_of_ones_own_is_trusted_once_the_environment_names_it(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with serving([ANSWER], tls=tls) as server:
        assert "does not trust" in (await failure_at(server.base_url)).message
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        provider = OpenAIProvider("m", base_url=server.base_url)
        assert text_of(await ask(provider, "hi")) == "Hello."


async def test_certificates_that_cannot_be_read_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(wrong))
    failure = await failure_at("https://no-such-host.invalid/v1")
    assert f"SSL_CERT_FILE or SSL_CERT_DIR of the environment names ({wrong})" in failure.message
    assert failure.retryable is False


async def test_https_to_a_plain_server_is_told_to_be_http() -> None:
    with serving([ANSWER]) as server:
        failure = await failure_at(server.base_url.replace("http://", "https://"))
    assert "does not speak TLS as https:// asks for" in failure.message
    assert "write http:// in base_url" in failure.message
    assert failure.retryable is False


async def test_a_dead_proxy_is_named_without_its_login(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = f"127.0.0.1:{_free_port()}"
    monkeypatch.setenv("HTTP_PROXY", f"http://me:proxy-secret@{proxy}")
    failure = await failure_at("http://model-server.invalid/v1")
    assert f"No connection to the proxy http://{proxy} on the way to" in failure.message
    assert "NO_PROXY" in failure.message
    assert "proxy-secret" not in failure.message
    assert failure.code == UNREACHABLE


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "ftp://127.0.0.1:21"])
async def test_a_proxy_of_a_kind_that_cannot_be_used_is_told(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    failure = await failure_at("http://model-server.invalid/v1")
    assert f"The proxy {proxy} of the environment cannot be used" in failure.message
    assert failure.retryable is False


async def test_a_proxy_is_used_and_what_it_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with _answering(b"HTTP/1.1 403 Forbidden\r\n\r\n") as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        failure = await failure_at("https://model-server.invalid/v1")
    assert f"The proxy http://127.0.0.1:{port} let model-server.invalid:443 not" in failure.message
    assert "403" in failure.message


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_no_proxy_captures_an_address_of_this_machine(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{_free_port()}")
    with serving([ANSWER]) as server:
        provider = OpenAIProvider("m", base_url=server.base_url.replace("127.0.0.1", host))
        assert text_of(await ask(provider, "hi")) == "Hello."


async def test_a_server_that_no_proxy_is_for_is_asked_directly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{_free_port()}")
    monkeypatch.setenv("NO_PROXY", "no-such-host.invalid")
    failure = await failure_at("http://no-such-host.invalid/v1")
    assert "There is no server by the name of" in failure.message
