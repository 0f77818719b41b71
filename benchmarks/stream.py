"""The same stream of tokens into ours and into its peers, in a real JupyterLab, in one run.

Run it as ``python benchmarks/stream.py``. It takes about half an hour; ``--quick`` runs what
the aims ask of ours alone, once, in a few minutes; ``--rounds`` says how often each case of an
aim is run (the table shows medians), ``--only`` names one way. Every case has a page and a
kernel of its own, the server keeps its default limits, and Markdown, formulas, highlighting
and sanitising are on in ours. Bytes and messages are counted at the page's sockets. A way that
does not show the end within 90 s is not asked for more tokens or more earlier messages.

Of the peers only Panel is not installed with the project's own dependencies for development:
``pip install panel pyviz_comms``, here or in an environment beside it whose packages come
first. Such an environment sees this one's by a ``.pth`` file with the path of its
``site-packages``, and its JupyterLab by ``JUPYTERLAB_DIR=…/share/jupyter/lab`` and
``JUPYTER_PATH=…/share/jupyter`` of both.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import math
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from measuring import say_machine, table
from playwright.sync_api import sync_playwright
from stream_bars import bars
from stream_run import LIMIT_S, Case, Result, median, run_case

from tests.browser.lab import CHROMIUM_FLAGS, chromium_path, running_lab

OURS = ("raw", "outbox", "whole")
PEERS = ("list_trait", "html_widget", "markdown", "panel_chat")
TOKENS = (500, 2000, 8000)
HISTORY = (0, 200, 2000)
WHOLE_RUNS = 10


def aimed() -> Iterator[tuple[Case, int | None]]:
    """Yield the cases of ours that aims are about, with how often each is run if that is fixed."""
    yield from ((Case(way, 2000), None) for way in OURS)
    yield Case("raw", 8000), None
    yield from ((Case(way, 8000), WHOLE_RUNS) for way in ("outbox", "whole"))
    for tokens in (2000, 8000):
        yield from ((Case(way, tokens, history=2000), None) for way in ("raw", "outbox"))
    yield from ((Case(way, 2000, 200, 200), None) for way in OURS)
    yield from ((Case(way, 8000, 2000, 200), None) for way in OURS)
    yield from ((Case(way, 8000, 2000, drop_every=10), 3) for way in ("outbox", "whole"))


def peers() -> Iterator[Case]:
    """Yield the cases of peers that aims are about; each takes long, and is run once."""
    for way in ("markdown", "panel_chat"):
        yield Case(way, 2000)
        # With earlier messages Panel does not come to its end at all.
        yield Case(way, 2000, 200, 0 if way == "panel_chat" else 200)


def grid() -> Iterator[Case]:
    """Yield every way at every length, the shorter ones first."""
    for way in (*OURS, *PEERS):
        for history in HISTORY:
            for tokens in TOKENS:
                yield Case(way, tokens, history=history)


def is_beyond(case: Case, results: dict[Case, list[Result]]) -> bool:
    """Tell whether a smaller case of the same way did not come to its end."""
    return any(
        each.peer == case.peer
        and each.rate == case.rate
        and each.tokens <= case.tokens
        and each.history <= case.history
        and median(runs, "wall") == math.inf
        for each, runs in results.items()
    )


def plan(rounds: int, *, is_quick: bool, only: str | None) -> Iterator[tuple[Case, int]]:
    """Yield the cases, each once, with how often it is run."""
    cases = [(case, 1 if is_quick else runs or rounds) for case, runs in aimed()]
    if not is_quick:
        cases += [(case, 1) for case in (*peers(), *grid())]
    if importlib.util.find_spec("panel") is None:
        cases = [each for each in cases if each[0].peer != "panel_chat"]
        print("Panel is not installed: not measured (pip install panel pyviz_comms).")
    seen: set[Case] = set()
    for case, runs in cases:
        if case not in seen and only in (None, case.peer):
            seen.add(case)
            yield case, runs


def main() -> None:
    """Run the plan and print its table and what became of each aim."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="ours alone, once")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="a way")
    chosen = parser.parse_args()
    say_machine()
    started = time.monotonic()
    results: dict[Case, list[Result]] = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), headless=True, args=CHROMIUM_FLAGS
        )
        with running_lab(Path(folder)) as lab:
            for case, runs in plan(chosen.rounds, is_quick=chosen.quick, only=chosen.only):
                if is_beyond(case, results):
                    print(f"  {case}: not asked for, as it did not end with less", flush=True)
                    continue
                results[case] = [run_case(browser, lab, case) for _ in range(runs)]
                print(f"  {case}: wall {median(results[case], 'wall'):.2f} s", flush=True)
        browser.close()
    print(f"\n{(time.monotonic() - started) / 60:.0f} minutes. A figure in brackets is a ratio to")
    print("the floor of the same length; never: not within", LIMIT_S, "s.\n")
    table([HEAD, *(row(case, runs, results) for case, runs in results.items())])
    for line in bars(results):
        print(line)


HEAD = (
    *("way", "tokens", "a second", "earlier", "runs", "wall s", "lag s", "bytes/text", "messages"),
    *("msg/s", "long ms", "frame p95 ms", "kernel s", "browser s", "whole"),
)


def row(case: Case, runs: list[Result], results: dict[Case, list[Result]]) -> tuple[str, ...]:
    """Return a case as a line of the table."""
    name = f"{case.peer}, every {case.drop_every}th dropped" if case.drop_every else case.peer
    floor = results.get(dataclasses.replace(case, peer="raw", drop_every=0))

    def figure(name: str, digits: int = 2) -> str:
        value = median(runs, name)
        if not math.isfinite(value):
            return "never" if name == "wall" else "-"
        base = median(floor, name) if floor and case.peer != "raw" else 0
        ratio = f" ({value / base:.3g})" if base > 0 else ""
        return f"{value:.{digits}f}{ratio}"

    return (
        name,
        f"{case.tokens:,}",
        f"{case.rate:g}" if case.rate else "max",
        f"{case.history:,}",
        str(len(runs)),
        figure("wall"),
        figure("lag"),
        f"{median(runs, 'bytes') / runs[0].text_bytes:.2f}",
        figure("messages", 0),
        f"{max(run.messages / run.seconds for run in runs):.0f}",
        figure("long_tasks_ms", 0),
        figure("frame_p95_ms", 0),
        figure("kernel_cpu"),
        figure("browser_cpu"),
        f"{sum(run.is_whole for run in runs)} of {len(runs)}",
    )


if __name__ == "__main__":
    main()
