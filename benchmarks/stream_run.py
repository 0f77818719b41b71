"""One stream into one way of showing it, in a real JupyterLab: what it took."""

from __future__ import annotations

import json
import math
import re
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser
from stream_peers import TAILS
from stream_peers.pace import payload, word

from tests.browser.lab import Lab, Notebook, open_notebook

__all__ = ["LIMIT_S", "Case", "Result", "median", "run_case"]

HERE = Path(__file__).parent
WATCH = (HERE / "stream_page.js").read_text(encoding="utf-8")
# A cell shows no more outputs than 50: one message a cell's output needs several cells.
OUTPUTS_A_CELL = 40
LIMIT_S = 90
"""How long a stream, and what stands before it, may take to be shown, in seconds."""

_WORD = re.compile(r"(?<![0-9a-z])\d[0-9a-z]{2}(?![0-9a-z])")


@dataclass(frozen=True)
class Case:
    """What is streamed: how many tokens, how fast (0: at once), after how many messages."""

    peer: str
    tokens: int
    rate: float = 0
    history: int = 0
    drop_every: int = 0


@dataclass(frozen=True)
class Result:
    """What one run took; times in seconds unless they say ms.

    `wall` is None if the end did not come within the limit, `bytes` 0 if not even the earlier
    messages did.

    `lag` is from the last token handed over to the last one visible, `wall` from the first.
    """

    wall: float | None
    lag: float | None
    bytes: int
    text_bytes: int
    messages: int
    seconds: float
    dropped: int
    long_tasks_ms: float
    frame_p95_ms: float
    kernel_cpu: float
    browser_cpu: float
    is_whole: bool


def run_case(browser: Browser, lab: Lab, case: Case) -> Result:
    """Open a page and a kernel of its own, stream, and return what it took."""
    tokens = payload(case.tokens)
    module = f"stream_peers.{case.peer}"
    cells = [
        f"import sys, json, time; sys.path[:0] = {[str(HERE), str(HERE.parent)]!r}\n"
        f"import importlib; peer = importlib.import_module({module!r})\n"
        f"from stream_peers.pace import payload; tokens = payload({case.tokens})"
    ]
    if case.peer in ("outbox", "whole"):
        cells.append("peer.warm()")
    spread = case.history if case.peer == "markdown" else 0
    cells += [f"peer.show({OUTPUTS_A_CELL})"] * (spread // OUTPUTS_A_CELL)
    cells.append(f"peer.show({case.history - spread})")
    cells.append(
        "cpu = time.process_time()\n"
        f"started, ended = await peer.stream(tokens, {case.rate})\n"
        "print(json.dumps([started, ended, time.process_time() - cpu]))"
    )
    name = lab.write("stream.ipynb", cells)
    with open_notebook(browser, lab, name, init_script=WATCH) as notebook:
        page = notebook.page
        end = time.monotonic() + LIMIT_S
        for index in range(len(cells) - 1):
            if not _finished(notebook, index, end - time.monotonic()):
                return _NEVER_BEGUN
            assert "Traceback" not in notebook.output(index), notebook.output(index)
        page.wait_for_timeout(1500)
        tail = TAILS[case.peer]
        page.evaluate(
            f"([word, limit]) => window.__stream.begin({tail}, word, limit)",
            [word(case.tokens - 1), LIMIT_S * 1000],
        )
        page.evaluate(f"() => {{ window.__stream.dropEvery = {case.drop_every}; }}")
        browsers = _browsers()
        before = _cpu(browsers)
        notebook.start(len(cells) - 1)
        page.set_default_timeout((LIMIT_S + 30) * 1000)
        seen: dict[str, Any] = page.evaluate("() => window.__stream.done")
        browser_cpu = _cpu(browsers) - before
        page.wait_for_timeout(1000 if case.drop_every else 300)
        # Blocks stand apart in what is read, not in what the nodes hold.
        shown = _WORD.findall(page.evaluate(tail.replace("textContent", "innerText")))
        page.evaluate("() => { window.__stream.dropEvery = 0; }")
        printed = _printed(notebook, len(cells) - 1) if seen["isThere"] else None
    started, ended, kernel_cpu = printed or (0.0, 0.0, float("nan"))
    wall = seen["at"] - started if printed else None
    gaps = sorted(seen["gaps"]) or [0.0]
    return Result(
        wall=wall,
        lag=seen["at"] - ended if printed else None,
        bytes=seen["bytes"],
        text_bytes=len("".join(tokens).encode()),
        messages=seen["messages"],
        seconds=max(wall or LIMIT_S, 0.001),
        dropped=seen["dropped"],
        long_tasks_ms=seen["longTasks"],
        frame_p95_ms=gaps[int(len(gaps) * 0.95)] if len(gaps) > 1 else gaps[0],
        kernel_cpu=kernel_cpu,
        browser_cpu=browser_cpu,
        is_whole=shown == [word(number) for number in range(case.tokens)],
    )


_NEVER_BEGUN = Result(
    wall=None,
    lag=None,
    bytes=0,
    text_bytes=1,
    messages=0,
    seconds=LIMIT_S,
    dropped=0,
    long_tasks_ms=math.nan,
    frame_p95_ms=math.nan,
    kernel_cpu=math.nan,
    browser_cpu=math.nan,
    is_whole=False,
)
_FINISHED = """([cell, seconds]) => {
  const panel = [...window.jupyterapp.shell.widgets('main')].find(w => w.sessionContext);
  panel.content.activeCellIndex = cell;
  const ran = window.jupyterapp.commands.execute('notebook:run-cell').then(() => true);
  return Promise.race([ran, new Promise(end => setTimeout(end, 1000 * seconds, false))]);
}"""


def _finished(notebook: Notebook, index: int, seconds: float) -> bool:
    """Run a cell; return whether it came to its end in time."""
    return bool(notebook.page.evaluate(_FINISHED, [index, max(seconds, 0)]))


def median(results: list[Result], name: str) -> float:
    """Return the median of a figure; infinity where a run never ended."""
    values = [getattr(result, name) for result in results]
    return statistics.median(float("inf") if value is None else value for value in values)


def _printed(notebook: Notebook, index: int) -> tuple[float, float, float]:
    notebook.page.wait_for_timeout(200)
    for _ in range(200):
        line = next((x for x in notebook.output(index).splitlines() if x.startswith("[")), None)
        if line:
            started, ended, cpu = json.loads(line)
            return started, ended, cpu
        notebook.page.wait_for_timeout(100)
    raise AssertionError("The streaming cell printed no times.")


def _browsers() -> list[psutil.Process]:
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if "chrom" in process.name().lower()
    ]


def _cpu(processes: list[psutil.Process]) -> float:
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
            total += times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return total
