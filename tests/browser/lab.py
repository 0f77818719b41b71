"""A real JupyterLab on loopback and a real Chromium in front of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SETTINGS = {
    "@jupyterlab/apputils-extension/notification.jupyterlab-settings": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
}
WAIT_MS = 60_000


def chromium_path() -> str:
    """Return the system's Chromium; the test run installs one where it can."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    assert found, "No Chromium on PATH: install the package chromium, or set CHROMIUM."
    return found


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab that serves `root`."""

    base: str
    root: Path

    def add(self, source: Path, name: str) -> str:
        """Copy a notebook into the served folder."""
        shutil.copy(source, self.root / name)
        return name

    def write(self, name: str, cells: list[str]) -> str:
        """Write a notebook of code cells into the served folder."""
        made: list[dict[str, object]] = [
            {
                "cell_type": "code",
                "id": f"c{i}",
                "metadata": {},
                "execution_count": None,
                "outputs": [],
                "source": source,
            }
            for i, source in enumerate(cells)
        ]
        spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        document: dict[str, object] = {"cells": made, "metadata": {"kernelspec": spec}}
        document |= {"nbformat": 4, "nbformat_minor": 5}
        (self.root / name).write_text(json.dumps(document))
        return name


@contextmanager
def running_lab(folder: Path) -> Iterator[Lab]:
    """Start JupyterLab with nothing of this machine's configuration."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    root = folder / "notebooks"
    root.mkdir(parents=True)
    settings = folder / "settings"
    for name, value in SETTINGS.items():
        path = settings / name
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(value))
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        "DISPATCH_NB_STORE": str(folder / "store.db"),
    }
    log = (folder / "lab.log").open("wb")
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            *("--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"),
            *(f"--ServerApp.root_dir={root}", "--IdentityProvider.token="),
            *("--ServerApp.password=", "--ServerApp.disable_check_xsrf=True"),
            "--LabApp.expose_app_in_browser=True",
        ],
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    base = f"http://127.0.0.1:{port}"
    try:
        _wait_for(base + "/api/status", server)
        yield Lab(base, root)
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        log.close()


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert server.poll() is None, "JupyterLab ended before it was ready"
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("JupyterLab was not ready within 60 s")


@dataclass(frozen=True)
class Notebook:
    """A notebook open in a page, with its kernel."""

    page: Page
    base: str

    def run(self, index: int) -> None:
        """Run a cell and return when it has finished."""
        self.page.evaluate(_RUN_CELL, index)

    def start(self, index: int) -> None:
        """Run a cell without waiting for it."""
        self.page.evaluate(f"index => {{ ({_RUN_CELL})(index); }}", index)

    def output(self, index: int) -> str:
        """Return the text of a cell's outputs."""
        return str(self.page.evaluate(_CELL_OUTPUT, index))

    def kill_kernel(self, process_id: int) -> None:
        """Kill the kernel with SIGKILL; return when the page knows that it is gone."""
        self.page.evaluate(_WATCH_DEATH)
        os.kill(process_id, signal.SIGKILL)
        self.page.wait_for_function("() => window.kernelDied")

    def restart_kernel(self) -> None:
        """Restart the kernel, as the notebook's menu does."""
        self.page.evaluate(_RESTART)
        self.ready()

    def ready(self) -> None:
        """Wait until the kernel can be asked."""
        self.page.evaluate(_READY)

    def save(self) -> None:
        """Save the notebook and return when nothing of it is unsaved."""
        self.page.evaluate(_SAVE)
        self.page.wait_for_function(_CLEAN)

    @property
    def chat(self) -> Locator:
        """The first chat on the page."""
        return self.page.locator(".dnb-chat").first


_PANEL = "const panel = [...window.jupyterapp.shell.widgets('main')].find(w => w.sessionContext);"
_RUN_CELL = f"""async index => {{
  {_PANEL}
  panel.content.activeCellIndex = index;
  await window.jupyterapp.commands.execute('notebook:run-cell');
}}"""
_CELL_OUTPUT = f"""index => {{
  {_PANEL}
  const outputs = panel.content.widgets[index].model.outputs;
  const texts = [];
  for (let i = 0; i < outputs.length; i++) {{
    const o = outputs.get(i).toJSON();
    const text = o.text ?? o.data?.['text/plain'] ?? (o.traceback ?? []).join('\\n');
    texts.push(Array.isArray(text) ? text.join('') : text);
  }}
  return texts.join('');
}}"""
_RESTART = f"async () => {{ {_PANEL} await panel.sessionContext.session.kernel.restart(); }}"
_SAVE = f"async () => {{ {_PANEL} await panel.context.save(); }}"
_CLEAN = f"() => {{ {_PANEL} return !panel.context.model.dirty; }}"
_WATCH_DEATH = f"""() => {{
  {_PANEL}
  window.kernelDied = false;
  panel.sessionContext.statusChanged.connect((_, status) => {{
    if (/restarting|dead/.test(status)) window.kernelDied = true;
  }});
}}"""
_READY = f"""async () => {{
  await window.jupyterapp.restored;
  for (;;) {{
    {_PANEL}
    if (panel) {{
      await panel.context.ready;
      await panel.sessionContext.ready;
      const kernel = panel.sessionContext.session?.kernel;
      if (kernel?.connectionStatus === 'connected' && kernel.status === 'idle') return;
    }}
    await new Promise(done => setTimeout(done, 50));
  }}
}}"""


@contextmanager
def open_notebook(
    browser: Browser,
    lab: Lab,
    name: str,
    *,
    width: int = 1200,
    dark: bool = False,
    init_script: str | None = None,
) -> Iterator[Notebook]:
    """Open a notebook in a page of its own; ends its kernel afterwards."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    if init_script is not None:
        page.add_init_script(init_script)
    try:
        page.goto(f"{lab.base}/lab/tree/{name}?reset")
        page.wait_for_function("() => window.jupyterapp")
        page.evaluate(_READY)
        # JupyterLab keeps a theme for the notebooks that follow.
        page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})",
            "JupyterLab Dark" if dark else "JupyterLab Light",
        )
        page.wait_for_function(
            "isLight => document.body.dataset.jpThemeLight === isLight",
            arg="false" if dark else "true",
        )
        yield Notebook(page, lab.base)
    finally:
        context.close()
        _end_sessions(lab.base)


def _end_sessions(base: str) -> None:
    with urllib.request.urlopen(base + "/api/sessions") as answer:
        sessions = json.load(answer)
    for session in sessions:
        request = urllib.request.Request(f"{base}/api/sessions/{session['id']}", method="DELETE")
        for attempt in count(1):
            try:
                urllib.request.urlopen(request).close()
                break
            except urllib.error.HTTPError as error:
                # A server cannot end a killed kernel while it is starting it anew.
                if error.code == 404:
                    break
                if attempt == 10:
                    raise
                time.sleep(1)
