"""A loopback server that keeps what was sent to it, word for word, and passes it on.

aimock's own journal holds requests in one form for all protocols, and not every field.
"""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Forwarder:
    """What was sent, oldest first; `address` is where to send it."""

    address: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@contextlib.contextmanager
def forwarding(address: str) -> Iterator[Forwarder]:
    """Pass every POST on to `address` and its answer back, as it comes."""
    seen = Forwarder()
    host = urlsplit(address).netloc

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.bodies.append(json.loads(body))
            seen.headers.append({key.lower(): value for key, value in self.headers.items()})
            there = http.client.HTTPConnection(host, timeout=20)
            with contextlib.closing(there):
                there.request("POST", self.path, body, dict(self.headers))
                with there.getresponse() as answer:
                    self.pass_on(answer)

        def pass_on(self, answer: http.client.HTTPResponse) -> None:
            self.send_response(answer.status)
            for name in ("Content-Type", "Retry-After"):
                if value := answer.headers.get(name):
                    self.send_header(name, value)
            self.end_headers()
            # An answer that is cut there is cut here.
            with contextlib.suppress(ConnectionError, http.client.IncompleteRead):
                while piece := answer.read1(65536):
                    self.wfile.write(piece)
                    self.wfile.flush()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing on the terminal."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    seen.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
