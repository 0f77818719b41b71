"""Real kernels of several ipykernel versions, driven as a front end drives them."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from jupyter_core.utils import ensure_event_loop

from tests.waiting import wait_until

INSTALLED = importlib.metadata.version("ipykernel")
NEWEST = ".".join(INSTALLED.split(".")[:2])
VERSIONS = {"6.31": "6.31.0", "7.3": "7.3.0", "7.4": "7.4.0"} | {NEWEST: INSTALLED}
TRIED = [*VERSIONS] if os.environ.get("DISPATCH_NB_PROOF") == "full" else [NEWEST]
"""The versions to test: the installed one, and all when the full proof is asked for."""
KERNEL_NAME = "proof"
WAIT_S = 30.0

IS_WAITING = """
import sys, threading
from dispatch_nb.conversation.turn import Turn

def is_waiting():
    "Whether the main thread is in what `turn.result()` calls: there it hears of an interrupt."
    frame = sys._current_frames()[threading.main_thread().ident]
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code is Turn.result.__code__:
            return True
    return False
"""
"""What a kernel runs to know when its cell can be interrupted."""

Message = dict[str, Any]


def python_with_ipykernel(version: str) -> str:
    """Return a Python that has this ipykernel, and the rest of this environment.

    The installed version is served by the running Python. Any other lives in a small
    environment of its own under `.venv`, made once, that finds everything else here.
    """
    if version == INSTALLED:
        return sys.executable
    home = Path(sys.prefix) / "kernels" / f"ipykernel-{version}"
    python, ready = home / "bin" / "python", home / "ready"
    if not ready.exists():
        _call(sys.executable, "-m", "venv", "--clear", "--without-pip", str(home))
        (site,) = home.glob("lib/python*/site-packages")
        here = Path(os.__file__).parent.name
        shared = Path(sys.prefix) / "lib" / here / "site-packages"
        (site / "shared.pth").write_text(f"import site; site.addsitedir({str(shared)!r})\n")
        _call(
            *(sys.executable, "-m", "pip", "--python", str(python), "install", "-qq"),
            *("--no-input", f"ipykernel=={version}"),
        )
        ready.touch()
    found = subprocess.check_output(
        [python, "-c", "import ipykernel, dispatch_nb; print(ipykernel.__version__)"], text=True
    )
    assert found.strip() == version
    return str(python)


def _call(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass(frozen=True)
class CellEnd:
    """How a cell ended: `error` is the exception's name, or empty."""

    error: str
    at: float


class Kernel:
    """A running kernel with a front end that keeps everything the kernel says."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self._manager = manager
        self._client = client
        self._said: list[tuple[float, Message]] = []
        self._over = threading.Event()
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def close(self) -> None:
        """Stop listening."""
        self._over.set()
        self._listener.join()

    def start(self, code: str) -> str:
        """Start a cell and return its message's id."""
        return str(self._client.execute(code))

    def finish(self, cell: str) -> CellEnd:
        """Wait until a cell has ended and return how."""
        wait_until(lambda: self._ended_at(cell) is not None, WAIT_S)
        content = self._reply_to(cell, self._client.shell_channel)
        ended = self._ended_at(cell)
        assert ended is not None
        return CellEnd(content.get("ename", ""), ended)

    def is_running(self, cell: str) -> bool:
        """Whether a cell has not ended yet."""
        return self._ended_at(cell) is None

    def value(self, expression: str) -> Any:
        """Run a cell that evaluates an expression and return its value, which is JSON."""
        code = f"import json; print(json.dumps({expression}))"
        cell = self.start(code)
        end = self.finish(cell)
        text = self.printed(cell)
        assert not end.error, f"{expression}: {end.error}\n{text}"
        return json.loads(text)

    def run(self, code: str) -> None:
        """Run a cell to its end; it must not raise."""
        cell = self.start(code)
        end = self.finish(cell)
        assert not end.error, self.traceback(cell)

    def printed(self, cell: str) -> str:
        """Return what a cell has printed."""
        return "".join(m["content"]["text"] for _, m in self._of(cell, "stream"))

    def traceback(self, cell: str) -> str:
        """Return the traceback a cell has shown."""
        return "\n".join(
            line for _, m in self._of(cell, "error") for line in m["content"]["traceback"]
        )

    def interrupt(self) -> float:
        """Interrupt the kernel as the notebook's button does; return when."""
        at = time.monotonic()
        self._manager.interrupt_kernel()
        return at

    @property
    def has_subshells(self) -> bool:
        """Whether the kernel says that it can make subshells."""
        request = self._client.kernel_info()
        content = self._reply_to(request, self._client.shell_channel)
        return "kernel subshells" in content.get("supported_features", [])

    def new_subshell(self) -> str:
        """Make a subshell, as JupyterLab does for the messages of widgets."""
        message = self._client.session.msg("create_subshell_request", {})
        self._client.control_channel.send(message)
        content = self._reply_to(message["header"]["msg_id"], self._client.control_channel)
        return str(content["subshell_id"])

    def delete_subshell(self, subshell: str) -> None:
        """Take a subshell away, as JupyterLab may when a page is closed."""
        message = self._client.session.msg("delete_subshell_request", {"subshell_id": subshell})
        self._client.control_channel.send(message)
        self._reply_to(message["header"]["msg_id"], self._client.control_channel)

    def act(self, comm_id: str, subshell: str | None, **content: Any) -> float:
        """Send what a view of a widget would send; return when."""
        data = {"method": "custom", "content": content}
        message = self._client.session.msg("comm_msg", {"comm_id": comm_id, "data": data})
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        at = time.monotonic()
        self._client.shell_channel.send(message)
        return at

    def told(self, comm_id: str, of_type: str) -> list[tuple[float, Message]]:
        """Return the custom messages a widget has sent to its views, with their times."""
        found = []
        for at, message in tuple(self._said):
            content = message["content"]
            data = content.get("data", {})
            if (
                message["header"]["msg_type"] == "comm_msg"
                and content["comm_id"] == comm_id
                and data.get("method") == "custom"
                and data["content"]["type"] == of_type
            ):
                found.append((at, data["content"]))
        return found

    def _listen(self) -> None:
        socket = self._client.iopub_channel.socket
        while not self._over.is_set():
            if socket.poll(50):
                _, message = self._client.session.recv(socket)
                self._said.append((time.monotonic(), message))

    def _of(self, cell: str, kind: str) -> list[tuple[float, Message]]:
        return [
            (at, message)
            for at, message in tuple(self._said)
            if message["header"]["msg_type"] == kind
            and message["parent_header"].get("msg_id") == cell
        ]

    def _ended_at(self, cell: str) -> float | None:
        for at, message in self._of(cell, "status"):
            if message["content"]["execution_state"] == "idle":
                return at
        return None

    def _reply_to(self, request: str, channel: Any) -> Message:
        while True:
            message = channel.get_msg(timeout=WAIT_S)
            if message["parent_header"].get("msg_id") == request:
                content: Message = message["content"]
                return content


def kernel_specs(version: str, folder: Path) -> KernelSpecManager:
    """Describe the kernel `KERNEL_NAME` with this ipykernel, in a folder of its own."""
    spec = folder / "kernels" / KERNEL_NAME
    spec.mkdir(parents=True)
    python = python_with_ipykernel(version)
    argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    described = {"argv": argv, "display_name": KERNEL_NAME, "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(described))
    return KernelSpecManager(kernel_dirs=[str(folder / "kernels")])


def kernel_environment(folder: Path) -> dict[str, str]:
    """Return an environment with nothing of this machine's configuration."""
    return os.environ | {
        "IPYTHONDIR": str(folder / "ipython"),
        "DISPATCH_NB_STORE": str(folder / "store.db"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


@contextmanager
def running_kernel(version: str, folder: Path) -> Iterator[Kernel]:
    """Start a kernel with nothing of this machine's configuration."""
    manager = KernelManager(
        kernel_name=KERNEL_NAME,
        kernel_spec_manager=kernel_specs(version, folder),
        connection_file=str(folder / "connection.json"),
    )
    manager.start_kernel(env=kernel_environment(folder), cwd=str(folder))
    client: BlockingKernelClient = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        kernel = Kernel(manager, client)
        try:
            yield kernel
        finally:
            kernel.close()
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
        close_client_loop()


def close_client_loop() -> None:
    """Close the loop that a client's blocking calls run on; it never does so itself."""
    ensure_event_loop().close()
    asyncio.set_event_loop(None)
