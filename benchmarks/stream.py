"""The same stream of tokens into ours and into its peers, in a real JupyterLab, in one run.

Run it as ``python benchmarks/stream.py``; ``--quick`` leaves the slow peers out, ``--rounds``
says how often each case is run (the table shows medians). Panel is measured where it is
installed beside the project: ``pip install panel pyviz_comms``. Every case has a page and a
kernel of its own, the server keeps its default limits, and Markdown, formulas, highlighting
and sanitising are on in ours. Bytes and messages are counted at the page's sockets.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from measuring import say_machine, table
from playwright.sync_api import sync_playwright
from stream_bars import bars
from stream_run import Case, Result, median, run_case

from tests.browser.lab import CHROMIUM_FLAGS, chromium_path, running_lab

OURS = ("raw", "outbox", "whole")
SLOW = ("list_trait", "html_widget", "markdown", "panel_chat")
WHOLE_RUNS = 10


def plan(peers: tuple[str, ...]) -> list[tuple[Case, int | None]]:
    """Return the cases, each with how often it is run where that is not the reader's choice."""
    full_speed = [(Case(peer, 2000), 1 if peer in SLOW else None) for peer in peers]
    longer: list[tuple[Case, int | None]] = [
        (Case("raw", 8000), None),
        (Case("outbox", 8000), WHOLE_RUNS),
        (Case("whole", 8000), WHOLE_RUNS),
        *((Case(peer, 2000, history=2000), None) for peer in ("raw", "outbox")),
        *((Case(peer, 8000, history=2000), None) for peer in ("raw", "outbox")),
    ]
    paced: list[tuple[Case, int | None]] = [
        *((Case(peer, 2000, 200, 200), None) for peer in OURS),
        *(
            (Case(peer, 2000, 200, 0 if peer == "panel_chat" else 200), 1)
            for peer in peers
            if peer in ("markdown", "panel_chat")
        ),
        *((Case(peer, 8000, 2000, 200), None) for peer in OURS),
        *((Case(peer, 8000, 2000, drop_every=10), 3) for peer in ("outbox", "whole")),
    ]
    return [*full_speed, *longer, *paced]


def main() -> None:
    """Run the plan and print its table and what became of each aim."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="without the slow peers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="a peer")
    chosen = parser.parse_args()
    peers: tuple[str, ...] = OURS if chosen.quick else (*OURS, *SLOW)
    if importlib.util.find_spec("panel") is None:
        peers = tuple(peer for peer in peers if peer != "panel_chat")
        print("Panel is not installed: not measured (pip install panel pyviz_comms).")
    say_machine()
    results: dict[Case, list[Result]] = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), headless=True, args=CHROMIUM_FLAGS
        )
        with running_lab(Path(folder)) as lab:
            for case, rounds in plan(peers):
                if chosen.only not in (None, case.peer):
                    continue
                results[case] = [
                    run_case(browser, lab, case) for _ in range(rounds or chosen.rounds)
                ]
                print(f"  {case}: wall {median(results[case], 'wall'):.2f} s", flush=True)
        browser.close()
    print("\n")
    table([HEAD, *(row(case, runs) for case, runs in results.items())])
    for line in bars(results):
        print(line)


HEAD = (
    *("way", "tokens", "a second", "earlier", "runs", "wall s", "lag s", "bytes/text", "messages"),
    *("msg/s", "long ms", "frame p95", "kernel s", "browser s", "whole"),
)


def row(case: Case, runs: list[Result]) -> tuple[str, ...]:
    """Return a case as a line of the table."""
    name = f"{case.peer}, every {case.drop_every}th dropped" if case.drop_every else case.peer
    return (
        name,
        f"{case.tokens:,}",
        f"{case.rate:g}" if case.rate else "max",
        f"{case.history:,}",
        str(len(runs)),
        f"{median(runs, 'wall'):.2f}",
        f"{median(runs, 'lag'):.2f}",
        f"{median(runs, 'bytes') / runs[0].text_bytes:.2f}",
        f"{median(runs, 'messages'):,.0f}",
        f"{max(run.messages / run.seconds for run in runs):.0f}",
        f"{median(runs, 'long_tasks_ms'):.0f}",
        f"{median(runs, 'frame_p95_ms'):.0f}",
        f"{median(runs, 'kernel_cpu'):.2f}",
        f"{median(runs, 'browser_cpu'):.2f}",
        f"{sum(run.is_whole for run in runs)} of {len(runs)}",
    )


if __name__ == "__main__":
    main()
