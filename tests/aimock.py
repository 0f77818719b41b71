"""The aimock server (an npm package nobody here wrote) as a context manager.

`running_aimock` starts the real program on a free loopback port. Fixtures are aimock's own:
``{"match": {"userMessage": "…"}, "response": {"content": "…"}}``; the first match answers.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "js" / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"
LISTENING = "listening on "


class Aimock:
    """A running aimock; `base_url` is what an OpenAI client is given."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.base_url = f"{address}/v1"

    def journal(self) -> list[dict[str, Any]]:
        """Return the requests it saw, oldest first, each with its `body` as sent."""
        entries: list[dict[str, Any]] = self._ask("GET", "journal")
        return entries

    def requests(self) -> list[dict[str, Any]]:
        """Return the bodies of the requests it saw, oldest first."""
        return [entry["body"] for entry in self.journal()]

    def chaos(self, **rates: float) -> None:
        """Make requests fail from now on; without rates, stop that.

        Rates from 0 to 1: `rateLimitRate` (429), `dropRate` (500), `malformedRate` (not
        JSON), `disconnectRate` (closed before an answer).
        """
        if rates:
            self._ask("POST", "chaos", rates)
        else:
            self._ask("DELETE", "chaos")

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.address}/__aimock/{path}",
            method=method,
            data=data,
            headers={"Content-Type": "application/json"},
        )
        # A proxy of the environment must not be asked for an address of this machine.
        local = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with local.open(request, timeout=60) as response:
            text = response.read()
        return json.loads(text) if text else None


@contextlib.contextmanager
def running_aimock(fixtures: Sequence[dict[str, Any]], *, latency_ms: int = 0) -> Iterator[Aimock]:
    """Run aimock with `fixtures`, `latency_ms` between two pieces of an answer."""
    if not PROGRAM.exists():
        raise RuntimeError("aimock is not installed: `make setup` installs it.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fixtures.json"
        path.write_text(json.dumps({"fixtures": list(fixtures)}), encoding="utf-8")
        argv = [_node(), str(PROGRAM), "-p", "0", "-f", str(path), "-l", str(latency_ms)]
        process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
        )
        assert process.stdout is not None
        # The output must be read for as long as the server runs, or it would block.
        reader = threading.Thread(target=process.stdout.read, daemon=True)
        try:
            with process.stdout:
                address = _address(process.stdout)
                reader.start()
                try:
                    yield Aimock(address)
                finally:
                    process.terminate()
                    reader.join()
        finally:
            process.kill()
            process.wait()


def _node() -> str:
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    node = shutil.which("node", path=places)
    if node is None:
        raise RuntimeError("aimock needs Node: `make setup` installs it.")
    return node


def _address(output: IO[str]) -> str:
    """Return the address that the server names when it is ready."""
    said = []
    for line in output:
        said.append(line)
        if LISTENING in line:
            return line.partition(LISTENING)[2].strip()
    raise RuntimeError(f"aimock did not start:\n{''.join(said)}")
