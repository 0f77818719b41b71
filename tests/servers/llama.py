"""llama-server, where it has been built (`build_llama.py`), as a context manager.

A test that needs it takes the fixture `llama` or `calling_llama`, and is reported as not run,
with the command that builds it, on a machine where it is not there.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from . import build_llama

NOT_RUN = "llama-server: not run (build it with `python tests/servers/build_llama.py`)"
ALIAS = "tiny"
STARTED_WITHIN_S = 60.0

needs_llama = pytest.mark.skipif(not build_llama.is_built(), reason=NOT_RUN)


class Llama:
    """A running llama-server; `base_url` is what an OpenAI client is given."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.base_url = f"{address}/v1"

    def slots(self) -> list[dict[str, Any]]:
        """Return what each of its slots does now."""
        found: list[dict[str, Any]] = self.get("/slots")
        return found

    def get(self, path: str) -> Any:
        """Return the JSON behind a path."""
        return self._ask(urllib.request.Request(f"{self.address}{path}"))

    def post(self, path: str, body: Any) -> Any:
        """Return the JSON that answers a JSON body."""
        data = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        return self._ask(urllib.request.Request(f"{self.address}{path}", data, headers))

    def _ask(self, request: urllib.request.Request) -> Any:
        # A proxy of the environment must not be asked for an address of this machine.
        local = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with local.open(request, timeout=60) as response:
            return json.loads(response.read())


@contextlib.contextmanager
def running_llama(*, calls_tools: bool = False, context: int = 16_384) -> Iterator[Llama]:
    """Run the server on a free port of this machine; `context` is shared by its two slots."""
    model = build_llama.models()[calls_tools]
    address = f"http://127.0.0.1:{_free_port()}"
    argv = [str(build_llama.program()), "-m", str(model), "--alias", ALIAS, "--seed", "1"]
    argv += ["--host", "127.0.0.1", "--port", address.rpartition(":")[2]]
    argv += ["-c", str(context), "-np", "2", "-t", "1", "--jinja", "--slots"]
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "said.txt"
        with said.open("wb") as log:
            process = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT)
        try:
            server = Llama(address)
            _await(server, process, said)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await(server: Llama, process: subprocess.Popen[bytes], said: Path) -> None:
    end = time.monotonic() + STARTED_WITHIN_S
    while time.monotonic() < end and process.poll() is None:
        try:
            server.get("/health")
        except (OSError, urllib.error.HTTPError):  # not listening, or loading its model
            time.sleep(0.05)
        else:
            return
    words = said.read_text(encoding="utf-8", errors="replace")[-2_000:]
    raise RuntimeError(f"llama-server did not start:\n{words}")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
