"""What folding, syncing and selecting cost, per operation, at growing sizes, in both languages.

Run it as ``python benchmarks/transcript.py``. A plain list append and a plain string append
are measured in the same run. `sync_history` takes one new chunk as a reader of our own log;
"compared" is the same as a client of a foreign backend. ``--sizes 1000 10000`` measures less.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import thread_time_ns
from typing import Any

from measuring import say_machine, table, verdict

from dispatch_nb.transcript.live import fold_live, initial_live
from dispatch_nb.transcript.reducer import fold_event
from dispatch_nb.transcript.selectors import select_messages
from dispatch_nb.transcript.state import TranscriptState, initial_state
from dispatch_nb.transcript.sync import sync_history, told_state
from dispatch_nb.wire import events as e
from dispatch_nb.wire import extensions as x
from dispatch_nb.wire.conversation import Role, StoredChunk, TextChunk, ToolCallChunk
from dispatch_nb.wire.parse import parse_agent_event

JS = Path(__file__).resolve().parent.parent / "js"
SIZES = [1_000, 10_000, 100_000, 1_000_000]
SLICE = 1_000
MOST_CALLS = 20_000
IDS: dict[str, Any] = {"conversation_id": "c", "turn_id": "t"}
WORDS = TextChunk(text="words")
LINE = '{"type":"text-delta","conversationId":"c","turnId":"t","delta":"word "}'
COLUMNS = {
    "append": "list append",
    "text": "text append",
    "fold": "text delta",
    "parsed": "delta from JSON",
    "tool": "call+result+commit",
    "tail": "sync_history",
    "compared": "compared",
    "select": "delta + messages",
}
Figures = dict[str, tuple[float, float]]


def measure(count: int, operation: Callable[[int], object]) -> tuple[float, float]:
    """Return nanoseconds per operation: the median and the best over slices."""
    slices = []
    for start in range(0, count, SLICE):
        places = range(start, start + SLICE)
        started = thread_time_ns()
        for index in places:
            operation(index)
        slices.append((thread_time_ns() - started) / SLICE)
    return median(slices), min(slices)


def measure_text(count: int) -> tuple[float, float]:
    """Measure appends to a local string: CPython copies any other for each append."""
    text, slices = "", []
    for _ in range(0, count, SLICE):
        started = thread_time_ns()
        for _ in range(SLICE):
            text += "word "
        slices.append((thread_time_ns() - started) / SLICE)
    assert len(text) == 5 * count
    return median(slices), min(slices)


def stored(seq: int) -> StoredChunk:
    """Return a stored chunk; users and assistants take turns."""
    role: Role = "user" if seq % 2 else "assistant"
    return StoredChunk(seq=seq, role=role, chunk=WORDS)


def tool_events(index: int) -> list[x.LiveEvent]:
    """Return a call, its result and their commit."""
    call: dict[str, Any] = {
        "tool_call_id": f"call{index}",
        "tool_name": "f",
        "step_id": f"t#{index}",
    }
    return [
        e.ToolCallEvent(**IDS, **call, input={}),
        e.ToolResultEvent(**IDS, **call, content="", is_error=False),
        x.ChunksCommittedEvent(**IDS, first_seq=2 * index + 1, count=2),
    ]


def foreign(size: int, count: int) -> tuple[TranscriptState, list[list[StoredChunk]]]:
    """Return a client of a foreign backend after `count` calls, and their rows one by one."""
    state = sync_history(initial_state(), map(stored, range(1, size + 1)))
    prompt = e.UserMessageEvent(**IDS, text="go")
    state = sync_history(
        fold_event(state, prompt),
        [StoredChunk(seq=size + 1, role="user", chunk=TextChunk(text="go"))],
    )
    answers = []
    for index in range(count):
        call: dict[str, Any] = {"tool_call_id": f"c{index}", "tool_name": "f", "step_id": "s"}
        state = fold_event(state, e.ToolCallEvent(**IDS, **call, input={}))
        chunk = ToolCallChunk(**call, input={})
        answers.append([StoredChunk(seq=size + 2 + index, role="assistant", chunk=chunk)])
    return state, answers


def python_figures(size: int) -> Figures:
    """Measure everything at one size; fails if a figure did not do its work."""
    deltas = [parse_agent_event(LINE) for _ in range(SLICE)]
    plain: list[object] = []
    state = initial_live()
    parsed = initial_state()
    live = initial_live()
    tools = [
        tool_events(index) for index in range(min(max(size // 4 // SLICE, 1) * SLICE, MOST_CALLS))
    ]
    history = shown = sync_history(told_state(), map(stored, range(1, size + 1)))
    compared, answers = foreign(size, 3 * SLICE)
    tail = [[stored(size + index + 1)] for index in range(3 * SLICE)]
    messages = 0
    # What was built above is no work of the collector while something is measured.
    gc.collect()
    gc.freeze()

    def fold(index: int) -> None:
        nonlocal state
        state = fold_live(state, deltas[index % SLICE])

    def fold_parsed(index: int) -> None:
        nonlocal parsed
        parsed = fold_event(parsed, parse_agent_event(LINE))

    def fold_tools(index: int) -> None:
        nonlocal live
        for event in tools[index]:
            live = fold_live(live, event)

    def sync(index: int) -> None:
        nonlocal history
        history = sync_history(history, tail[index])

    def compare(index: int) -> None:
        nonlocal compared
        compared = sync_history(compared, answers[index])

    def select(index: int) -> None:
        nonlocal shown, messages
        shown = fold_event(shown, deltas[index % SLICE])
        messages += len(select_messages(shown))

    figures = {
        "append": measure(size, lambda index: plain.append(index)),
        "text": measure_text(size),
        "fold": measure(size, fold),
        "parsed": measure(min(size, 100_000), fold_parsed),
        "tool": measure(len(tools), fold_tools),
        "tail": measure(len(tail), sync),
        "compared": measure(len(answers), compare),
        "select": measure(len(tail), select),
    }
    assert state.transcript.accumulating is not None
    assert state.transcript.accumulating.text == "word " * size
    assert len(plain) == size
    assert len(history.committed) == size + len(tail)
    assert len(compared.committed) == size + 1 + len(answers)
    assert not compared.provisional
    assert messages == size * len(tail)
    return figures


def typescript_figures(sizes: list[int]) -> dict[int, Figures]:
    """Bundle the other half and run it in Node."""
    npx, node = shutil.which("npx"), shutil.which("node")
    if npx is None or node is None:
        sys.exit("This benchmark needs Node and npx on PATH: activate .venv or install Node.")
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "benchmark.mjs"
        source = JS / "src" / "testing" / "transcript-benchmark.ts"
        build = ["esbuild", str(source), "--bundle", "--platform=node", "--format=esm"]
        subprocess.run(
            [npx, *build, f"--outfile={bundle}", "--log-level=error"], cwd=JS, check=True
        )
        argv = [node, str(bundle), *map(str, sizes)]
        shown = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {row["size"]: row["figures"] for row in json.loads(shown)}


def rows_of(language: str, measured: dict[int, Figures]) -> list[list[str]]:
    """Return the lines of one language."""
    return [
        [language, f"{size:,}", *(f"{figures[name][0]:,.0f}" for name in COLUMNS)]
        for size, figures in measured.items()
    ]


def say_aims(language: str, figures: Figures, aims: dict[str, float]) -> None:
    """Print one line for each aim, with the ratio to a list append."""
    for name, aim in aims.items():
        middle, best = figures[name]
        ratio = middle / figures["append"][0]
        is_met = verdict(middle <= aim, f"{language}, {COLUMNS[name]}, at most {aim:,.0f} ns")
        print(f"{is_met}: median {middle:,.0f}, best {best:,.0f}, {ratio:.0f} list appends")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    sizes = parser.parse_args().sizes
    say_machine()
    python = {size: python_figures(size) for size in sizes}
    typescript = typescript_figures(sizes)
    print(f"Nanoseconds per operation, median over slices of {SLICE:,}.")
    print("Python: time on the processor; TypeScript: time on the clock.\n")
    head = ["language", "size", *COLUMNS.values()]
    table([head, *rows_of("Python", python), *rows_of("TypeScript", typescript)])
    largest = sizes[-1]
    say_aims("Python", python[largest], {"fold": 1_500, "parsed": 4_000})
    # 20,000 tool calls with results and commits: at most 20 ms.
    say_aims("TypeScript", typescript[largest], {"fold": 250, "tool": 1_000})
    print(f"Load after the run: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
