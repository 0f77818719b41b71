"""Why no answer came, as a sentence: connections, waits, certificates and proxies."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from math import inf
from pathlib import Path

import pytest

from dispatch_nb.engine.contracts import UNREACHABLE
from dispatch_nb.providers import OpenAIProvider
from dispatch_nb.providers.http import Timeouts
from tests.providers_parts import ask, failure_at, text_of
from tests.raw_server import delta, serving, sse

pytestmark = pytest.mark.anyio
ANSWER = sse(delta(content="Hello.", finish="stop"), "[DONE]")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


async def test_nothing_that_listens_is_unreachable(dead_port: int) -> None:
    failure = await failure_at(f"http://127.0.0.1:{dead_port}/v1")
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
        ([sse(delta(content="a"))], Timeouts(total=1.5), "not done with its answer after 1.5 s"),
        ([], Timeouts(total=1.5), "not done with its answer after 1.5 s"),
        ([], Timeouts(first_byte=0.2, total=inf), "sent nothing within 0.2 s"),
    ],
    ids=["first byte", "between chunks", "total", "total, nothing sent", "no limit in all"],
)
async def test_each_wait_has_its_own_limit(
    pieces: list[bytes], timeouts: Timeouts, words: str
) -> None:
    with serving(pieces, hold=True) as server:
        failure = await failure_at(server.base_url, timeouts=timeouts)
        assert server.client_gone.wait(60)
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


async def test_a_dead_proxy_is_named_without_its_login(
    dead_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = f"127.0.0.1:{dead_port}"
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
    host: str, dead_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{dead_port}")
    with serving([ANSWER]) as server:
        provider = OpenAIProvider("m", base_url=server.base_url.replace("127.0.0.1", host))
        assert text_of(await ask(provider, "hi")) == "Hello."


async def test_a_server_that_no_proxy_is_for_is_asked_directly(
    dead_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{dead_port}")
    monkeypatch.setenv("NO_PROXY", "no-such-host.invalid")
    failure = await failure_at("http://no-such-host.invalid/v1")
    assert "There is no server by the name of" in failure.message
