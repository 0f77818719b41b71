"""A loopback HTTP server that sends exactly the bytes it is told, in the pieces it is told."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class RawServer:
    """What the server saw; `client_gone` is set when a client that was held has closed."""

    base_url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    client_gone: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def serving(
    pieces: Sequence[bytes],
    *,
    status: int = 200,
    content_type: str = "text/event-stream",
    headers: Mapping[str, str] | None = None,
    hold: bool = False,
    length: int | None = None,
    listed: bytes = b"",
    tls: ssl.SSLContext | None = None,
) -> Iterator[RawServer]:
    """Answer every POST with `pieces`, each written and flushed by itself, then close.

    `hold` keeps the connection open after the pieces until the client closes it; `length`
    announces a Content-Length, so that a shorter body is a broken one. `listed` is what a GET
    is answered with, 404 if empty.
    """
    seen = RawServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        def handle(self) -> None:
            try:
                super().handle()
            finally:
                # However it left: perhaps by a reset, or in the middle of its request.
                if hold:
                    seen.client_gone.set()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.bodies.append(json.loads(body))
            seen.paths.append(self.path)
            seen.headers.append({key.lower(): value for key, value in self.headers.items()})
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            if length is not None:
                self.send_header("Content-Length", str(length))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                for piece in pieces:
                    self.wfile.write(piece)
                    self.wfile.flush()
            if hold:
                self.connection.recv(1)

        def do_GET(self) -> None:
            seen.paths.append(self.path)
            seen.headers.append({key.lower(): value for key, value in self.headers.items()})
            self.send_response(200 if listed else 404)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(listed)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing on the terminal."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "http" if tls is None else "https"
    seen.base_url = f"{scheme}://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def sse(*frames: Any) -> bytes:
    """Return `frames` as the bytes of an event stream; text stands as it is."""
    lines = (frame if isinstance(frame, str) else json.dumps(frame) for frame in frames)
    return "".join(f"data: {line}\n\n" for line in lines).encode()


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    """Return a chat completions frame with one choice."""
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


@contextlib.contextmanager
def speaking(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """Hand every connection, once its request is read, to `talk`, then close it: bare bytes.

    Yields the base URL; nothing stands between the bytes of `talk` and the client.
    """

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            length = 0
            while line := self.rfile.readline().strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            self.rfile.read(length)
            with contextlib.suppress(ConnectionError):
                talk(self.request)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
