"""Connections as real servers give them: what comes is read right, or refused, in time."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from dispatch_nb.compose import open_conversation
from dispatch_nb.engine.contracts import (
    UNREACHABLE,
    Failure,
    Finish,
    ProviderEvent,
    TextDelta,
    ToolCall,
)
from dispatch_nb.engine.retry import BackoffRetry
from dispatch_nb.providers import OpenAIProvider
from dispatch_nb.providers.http import Timeouts
from tests.providers_parts import ask, text_of
from tests.raw_server import delta, speaking, sse

pytestmark = pytest.mark.anyio
BODY = sse(delta(content="Hel"), delta(content="lo"), delta("stop"), "[DONE]")
CALLING = sse(
    delta(tool_calls=[{"index": 0, "id": "c", "function": {"name": "add", "arguments": "{}"}}])
)


def head(*lines: str, status: str = "200 OK", kind: str = "text/event-stream") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Type: {kind}", *lines, "", ""]).encode()


def promising(body: bytes) -> bytes:
    """Return an answer that promises to keep the connection, which `speaking` then closes."""
    kept = ("Connection: keep-alive", "Keep-Alive: timeout=5, max=100")
    return head(*kept, f"Content-Length: {len(body)}") + body


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


async def answer(
    talk: Callable[[socket.socket], None], timeouts: Timeouts | None = None
) -> list[ProviderEvent]:
    with speaking(talk) as base_url:
        return await ask(OpenAIProvider("m", base_url=base_url, timeouts=timeouts), "hi")


def failure_of(events: list[ProviderEvent]) -> Failure:
    assert isinstance(events[-1], Failure)
    assert not any(isinstance(event, ToolCall | Finish) for event in events)
    return events[-1]


async def test_sixty_turns_back_to_back_with_a_server_that_closes_despite_its_promise() -> None:
    with speaking(lambda connection: connection.sendall(promising(BODY))) as base_url:
        provider = OpenAIProvider("m", base_url=base_url)
        for _ in range(60):
            events = await ask(provider, "hi")
            assert text_of(events) == "Hello"
            assert events[-1] == Finish("stop")


def test_a_conversation_with_such_a_server_shows_no_failure_and_no_retry() -> None:
    with speaking(lambda connection: connection.sendall(promising(BODY))) as base_url:
        chat = open_conversation(
            OpenAIProvider("m", base_url=base_url),
            store=":memory:",
            retry=BackoffRetry(delays_ms=()),
        )
        assert [chat.send("hi").result(20).text for _ in range(20)] == ["Hello"] * 20


@pytest.mark.parametrize(
    "sent",
    [
        promising(BODY),  # head and body in one read
        head() + BODY,  # until the connection closes
        head("Transfer-Encoding: chunked") + chunked(BODY) + b"0\r\n\r\n",
        head("Transfer-Encoding: chunked") + chunked(BODY),  # no last chunk, but [DONE]
        head("Transfer-Encoding: chunked")
        + chunked(*(BODY[at : at + 1] for at in range(len(BODY))))
        + b"0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + promising(BODY),
        head(kind="application/octet-stream") + BODY,
        head(kind="application/json") + BODY,
    ],
)
async def test_an_answer_is_read_however_it_is_framed(sent: bytes) -> None:
    events = await answer(lambda connection: connection.sendall(sent))
    assert text_of(events) == "Hello"
    assert events[-1] == Finish("stop")


async def test_a_server_that_closes_with_the_end_mark_unread_loses_nothing() -> None:
    whole = sse(delta(content="Hello"), delta("stop"))
    sent = head("Transfer-Encoding: chunked") + chunked(whole)
    events = await answer(lambda connection: connection.sendall(sent))
    assert events == [TextDelta("Hello"), Finish("stop")]


@pytest.mark.parametrize(
    ("sent", "words", "retryable"),
    [
        (b"", "closed without an answer", True),
        (b"HTTP/1.1 200", "closed without an answer", True),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "closed without an answer", True),
        (head(), "not a chat completion: nothing", False),
        (head("Content-Length: 500") + CALLING, "broke off before the answer was complete", True),
        (head() + CALLING, "broke off before the answer was complete", True),
        (head() + CALLING[:-9], "not a JSON object", False),
        (head("Transfer-Encoding: chunked") + b"zz\r\n", "broke off before the answer", True),
        (head("Content-Encoding: gzip") + b"not gzip", "broke off before the answer", True),
        (head(kind="text/plain") + b"Bad gateway", "not a chat completion: Bad gateway", False),
        (head(kind="application/json") + b'{"choices": [', "not a chat completion", False),
        (head(kind="application/json") + b'{"model": "m"}', "not a chat completion", False),
        (head() + b"<html>Log in</html>", "not a chat completion: <html>Log in</html>", False),
        (head("Location: /elsewhere", status="307 Temporary Redirect"), "HTTP 307", False),
        (head(status="204 No Content"), "not a chat completion: nothing", False),
    ],
)
async def test_what_is_no_whole_answer_is_one_failure_and_runs_no_call(
    sent: bytes, words: str, retryable: bool
) -> None:
    failure = failure_of(await answer(lambda connection: connection.sendall(sent)))
    assert words in failure.message
    assert failure.retryable is retryable


def silent(first: bytes) -> Callable[[socket.socket], None]:
    """Return what sends `first`, and then nothing until the client is gone."""

    def talk(connection: socket.socket) -> None:
        if first:
            connection.sendall(first)
        connection.recv(1)

    return talk


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\n", head()])
async def test_a_server_that_never_begins_its_answer_is_left(first: bytes) -> None:
    failure = failure_of(await answer(silent(first), Timeouts(first_byte=0.2)))
    assert "sent nothing within 0.2 s" in failure.message
    assert failure.retryable


async def test_a_server_that_falls_silent_is_left_and_its_text_kept() -> None:
    events = await answer(silent(head() + sse(delta(content="a"))), Timeouts(between=0.2))
    assert text_of(events) == "a"
    assert "sent nothing for 0.2 s" in failure_of(events).message


async def test_silence_after_the_finish_reason_ends_a_whole_answer() -> None:
    whole = head() + sse(delta(content="a"), delta("stop"))
    events = await answer(silent(whole), Timeouts(between=0.2))
    assert events == [TextDelta("a"), Finish("stop")]


async def test_a_server_that_only_says_that_it_is_alive_is_left_in_the_end() -> None:
    def talk(connection: socket.socket) -> None:
        connection.sendall(head())
        while True:
            connection.sendall(b": still here\n\n")
            time.sleep(0.02)

    events = await answer(talk, Timeouts(first_byte=5, between=5, total=0.4))
    assert "was not done with its answer after 0.4 s" in failure_of(events).message


async def test_a_line_without_end_is_refused() -> None:
    def talk(connection: socket.socket) -> None:
        connection.sendall(head() + b"data: ")
        while True:
            connection.sendall(b"x" * (1 << 20))

    assert "longer than" in failure_of(await answer(talk)).message


@contextlib.contextmanager
def full() -> Iterator[str]:
    """Listen where no more connections are taken: what asks for one hears nothing."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"


async def test_a_server_that_accepts_no_connection_is_left() -> None:
    with full() as base_url:
        waits = Timeouts(connect=0.3)
        events = await ask(OpenAIProvider("m", base_url=base_url, timeouts=waits), "hi")
    failure = failure_of(events)
    assert "did not accept a connection within 0.3 s" in failure.message
    assert (failure.code, failure.retryable) == (UNREACHABLE, True)
