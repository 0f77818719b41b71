"""What frames cost that are read again after 1,000 new chunks, in stores of growing size.

Run it as ``python benchmarks/frames_refresh.py``, or use `refreshed` from a benchmark of its own.
A second reading is to cost the same whatever the store holds: each line gives the time in the
smallest store and the ratio of the largest to it, with how often SQLite was asked to go on.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import sqlalchemy as sa
from corpus import CHUNKS_EACH, multiply, write_corpus
from measuring import say_machine, table

from dispatch_nb.store import Store

NEW_CHUNKS = 1_000
SEED = 10_000
SIZES = (10_000, 100_000, 1_000_000)
_STEPS_AT_ONCE = 100


def refreshed(path: Path, rounds: int = 3) -> dict[str, dict[str, float]]:
    """Return for every frame what a reading costs after `NEW_CHUNKS` were added to a store.

    Parameters
    ----------
    path
        A store's file, which grows by `rounds` times as many chunks.
    rounds
        How often it is measured; the best time counts.

    Returns
    -------
    dict
        By frame: ``first_s`` the reading from nothing, ``refresh_s`` the one after the new rows,
        ``again_s`` one with nothing new, and ``steps`` of SQLite's machine in the second.
    """
    from dispatch_nb.frames import FRAMES, Filters, read_frame

    told: dict[str, dict[str, float]] = {}
    steps = 0

    def tick() -> None:
        nonlocal steps
        steps += _STEPS_AT_ONCE

    with Store(path) as store:

        def seconds(name: str) -> float:
            started = perf_counter()
            read_frame(store, name, Filters())
            return perf_counter() - started

        for spec in FRAMES:
            told[spec.name] = {"first_s": seconds(spec.name)}
        for _ in range(rounds):
            first = 90_000_000 + int.from_bytes(os.urandom(3), "big") * NEW_CHUNKS
            write_corpus(store, NEW_CHUNKS // CHUNKS_EACH, first=first)
            for name, costs in told.items():
                taken = {"refresh_s": seconds(name), "again_s": seconds(name)}
                for what, s in taken.items():
                    costs[what] = min(s, costs.get(what, s))
        # Counting takes time of its own, so it comes last.
        engine = store._database._reading
        sa.event.listen(
            engine, "checkout", lambda c, *_: c.set_progress_handler(tick, _STEPS_AT_ONCE)
        )
        write_corpus(store, NEW_CHUNKS // CHUNKS_EACH, first=80_000_000)
        for name, costs in told.items():
            steps = 0
            seconds(name)
            costs["steps"] = steps
    return told


def print_refreshed(told: dict[int, dict[str, dict[str, float]]]) -> None:
    """Print a line for every frame: the same cost in the smallest store and in the largest."""
    smallest, largest = min(told), max(told)
    rows = [
        [
            f"{NEW_CHUNKS:,} new chunks",
            *(f"ms of {size:,}" for size in told),
            *("largest / smallest", "SQLite's steps, the same", "of reading all"),
        ]
    ]
    for name in told[smallest]:
        few, many = told[smallest][name], told[largest][name]
        rows.append(
            [
                name,
                *(f"{1e3 * each[name]['refresh_s']:.1f}" for each in told.values()),
                f"{many['refresh_s'] / few['refresh_s']:.2f}",
                f"{many['steps'] / max(1, few['steps']):.2f}",
                f"{many['refresh_s'] / many['first_s']:.4f}",
            ]
        )
    table(rows)


def main() -> None:
    """Write stores of every size and print what a refresh costs in each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="chunks at most")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        print(json.dumps(refreshed(arguments.one)))
        return
    say_machine()
    told: dict[int, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        seed = Path(folder) / "seed.db"
        with Store(seed) as store:
            write_corpus(store, SEED // CHUNKS_EACH)
        for size in (each for each in SIZES if each <= arguments.largest):
            path = Path(folder) / f"chunks-{size}.db"
            shutil.copy(seed, path)
            multiply(path, size // SEED)
            told[size] = child(path)
            path.unlink()
    print_refreshed(told)


def child(path: Path) -> dict[str, Any]:
    """Measure in a process of its own, which has nothing of an earlier store in memory."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", str(path)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


if __name__ == "__main__":
    main()
