"""The demo: the quickstart's conversation in the terminal, then JupyterLab on its notebook."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.request
from types import FrameType

from common import ROOT, VENV_PYTHON, TaskError, environment, run, say

NOTEBOOK = "quickstart.ipynb"
START_SECONDS = 90
STOP_SECONDS = 5


def main() -> None:
    """Run the conversation once, then serve the notebooks unless SERVE=0."""
    run([VENV_PYTHON, "-m", "dispatch_nb.cli", "demo"])
    if os.environ.get("SERVE") != "0":
        _serve()


def _serve() -> None:
    signal.signal(signal.SIGTERM, _end)
    port, token = _free_port(), secrets.token_hex(16)
    argv = [
        str(VENV_PYTHON),
        "-m",
        "jupyterlab",
        "--no-browser",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.answer_yes=True",
        "--log-level=WARN",
        f"--ServerApp.root_dir={ROOT / 'notebooks'}",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        argv.append("--allow-root")
    server = subprocess.Popen(argv, cwd=ROOT, env=environment({"JUPYTER_TOKEN": token}))
    try:
        _wait_until_ready(server, f"http://127.0.0.1:{port}/api")
        say(f"\nJupyterLab: http://127.0.0.1:{port}/lab/tree/{NOTEBOOK}?token={token}")
        say("Ctrl-C stops it.")
        code = server.wait()
    except KeyboardInterrupt:
        _stop(server)
        say("JupyterLab has stopped.")
        return
    finally:
        if server.poll() is None:
            server.terminate()
            server.wait()
    if code != 0:
        raise TaskError(f"JupyterLab ended with exit code {code}.")


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Let the server end by itself: a terminal sends Ctrl-C to it as well."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(timeout=STOP_SECONDS)


def _end(signal_number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + signal_number)


def _wait_until_ready(server: subprocess.Popen[bytes], url: str) -> None:
    # A proxy of the environment must not be asked for an address of this machine.
    local = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise TaskError(f"JupyterLab ended with exit code {server.returncode} while starting.")
        try:
            with local.open(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise TaskError(f"JupyterLab did not answer within {START_SECONDS} s.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
