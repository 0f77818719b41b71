"""A loopback model that talks until it is left alone, and notes when that happens."""

from __future__ import annotations

import contextlib
import http.server
import json
import select
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.raw_server import delta, sse

SHORTLY = "shortly"
"""A prompt that ends with this word is answered at once, by `SHORT_ANSWER`."""
SHORT_ANSWER = "Here you are."
WORD_EVERY_S = 0.02


@dataclass
class Request:
    """One request: what was sent for it, and when its connection was closed by the client."""

    prompt: str
    words: list[str] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)
    closed_at: float = 0.0

    @property
    def text(self) -> str:
        """Everything that was sent so far."""
        return "".join(self.words)


@dataclass
class EndlessServer:
    """What the server saw, oldest request first."""

    base_url: str = ""
    requests: list[Request] = field(default_factory=list)


@contextlib.contextmanager
def endless_server() -> Iterator[EndlessServer]:
    """Answer chat completions word by word until the client closes the connection."""
    seen = EndlessServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            request = Request(_prompt(body))
            seen.requests.append(request)
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            try:
                if request.prompt.endswith(SHORTLY):
                    self._answer()
                else:
                    self._talk(request)
            except ConnectionError:
                _close(request)

        def _answer(self) -> None:
            self.wfile.write(sse(delta(content=SHORT_ANSWER), delta("stop"), "[DONE]"))

        def _talk(self, request: Request) -> None:
            gone = select.poll()  # select itself knows no more than 1,024 files
            gone.register(self.connection, select.POLLIN)
            while True:
                readable = gone.poll(1000 * WORD_EVERY_S)
                if readable and not self.connection.recv(1):
                    return _close(request)
                word = f"word{len(request.words)} "
                request.words.append(word)
                self.wfile.write(sse(delta(content=word)))
                self.wfile.flush()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing on the terminal."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    seen.base_url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _close(request: Request) -> None:
    request.closed_at = time.monotonic()
    request.closed.set()


def _prompt(body: dict[str, Any]) -> str:
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else content[-1]["text"]
