"""What frames cost at growing sizes, beside raw readers of the same columns and two peers.

Run it as ``python benchmarks/frames.py``. Every figure is of a process of its own: `cold` after
the file has left the system's cache, `warm` right after. Memory is the peak above what the
imports took, with that of the reading processes, once for each of them. For connectorx,
Inspect AI and llm, make an environment of their own and name its Python with ``--peers``::

    python -m venv peers && peers/bin/pip install connectorx pandas pyarrow inspect-ai llm
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from corpus import CHUNKS_EACH, multiply, write_corpus
from frames_raw import rss_mb
from measuring import say_machine, table, verdict

from dispatch_nb.store import Store

HERE = Path(__file__).parent
FRAMES = ("conversations", "turns", "steps", "messages", "chunks", "tool_calls", "deltas", "usage")
SIZES = (10_000, 100_000, 1_000_000)
SEED = 10_000
REFRESHED = 20


def one(path: str, name: str, bare: str) -> None:
    """Build a frame twice, then after 1,000 new chunks, and print what it took (a child)."""
    if bare == "bare":
        sys.modules["pyarrow"] = None  # type: ignore[assignment]
    from dispatch_nb import frames

    if bare != "bare":
        import pyarrow.compute  # noqa: F401
    with Store(path) as store:
        frames.read_frame(store, name, frames.Filters(conversation_id="nobody"))
        before, started = rss_mb(), perf_counter()
        frame = frames.read_frame(store, name, frames.Filters())
        seconds = perf_counter() - started
        children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        processes = min(2, os.cpu_count() or 1) if children else 0
        beside = processes * max(0.0, children - import_mb()) if processes else 0.0
        told = {"s": seconds, "mb": rss_mb() - before + beside, "rows": len(frame)}
        some = str(frame["conversation_id"].iloc[len(frame) // 2])
        told["again_s"] = seconds_of(store, name, frames.Filters())
        told["one_s"] = seconds_of(store, name, frames.Filters(conversation_id=some))
        if name == "chunks":
            first = 90_000_000 + int.from_bytes(os.urandom(3), "big") * REFRESHED
            write_corpus(store, REFRESHED, first=first)
            told["refresh_s"] = seconds_of(store, name, frames.Filters())
    print(json.dumps(told))


def import_mb() -> float:
    """Return what a reading process takes before it has read anything."""
    program = "import adbc_driver_sqlite.dbapi, pyarrow, resource as r; "
    program += "print(r.getrusage(r.RUSAGE_SELF).ru_maxrss / 1024)"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    return float(told.stdout)


def seconds_of(store: Store, name: str, filters: Any) -> float:
    """Return how long a frame takes."""
    from dispatch_nb import frames

    started = perf_counter()
    frames.read_frame(store, name, filters)
    return perf_counter() - started


def child(*command: object, python: str = sys.executable) -> dict[str, Any]:
    """Run a program of ours and return the JSON it prints."""
    paths = os.pathsep.join([str(HERE.parent), str(HERE)])
    done = subprocess.run(
        [python, *map(str, command)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


def forget(path: Path) -> None:
    """Let the system's cache forget a file."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def corpora(folder: Path, largest: int) -> dict[int, Path]:
    """Return stores of every size, written once."""
    made = {}
    for size in (each for each in SIZES if each <= largest):
        path = folder / f"chunks-{size}.db"
        if not path.exists():
            with Store(path) as store:
                write_corpus(store, SEED // CHUNKS_EACH)
            multiply(path, size // SEED)
        made[size] = path
    return made


def every_frame(stores: dict[int, Path]) -> None:
    """Print each frame at each size."""
    rows = [["frame", "chunks", "rows", "cold s", "warm s", "again s", "peak MB", "µs a row"]]
    for name in FRAMES:
        for size, path in stores.items():
            forget(path)
            cold = child(HERE / "frames.py", "--one", path, name, "full")
            warm = child(HERE / "frames.py", "--one", path, name, "full")
            each = 1e6 * warm["s"] / max(1, warm["rows"])
            rows.append(
                [
                    name,
                    f"{size:,}",
                    f"{warm['rows']:,}",
                    f"{cold['s']:.3f}",
                    f"{warm['s']:.3f}",
                    f"{warm['again_s']:.4f}",
                    f"{warm['mb']:.0f}",
                    f"{each:.1f}",
                ]
            )
    table(rows)


def beside_raw(stores: dict[int, Path], peers: str | None, rounds: int) -> None:
    """Print `chunks` beside raw readers of the same columns, the rounds taken in turn."""
    size, path = max(stores.items())
    ways: dict[str, Any] = {
        "ours": lambda: child(HERE / "frames.py", "--one", path, "chunks", "full"),
        "adbc": lambda: child(HERE / "frames_raw.py", "adbc", path, "full"),
        "read_sql": lambda: child(HERE / "frames_raw.py", "read_sql", path, "full"),
        "fetchall": lambda: child(HERE / "frames_raw.py", "fetchall", path, "full"),
        "ours, no arrow": lambda: child(HERE / "frames.py", "--one", path, "chunks", "bare"),
        "read_sql, no arrow": lambda: child(HERE / "frames_raw.py", "read_sql", path, "bare"),
    }
    if peers is not None:
        ways["connectorx"] = lambda: child(
            HERE / "frames_raw.py", "connectorx", path, "full", python=peers
        )
    told: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, run in ways.items():
            told[way].append(run())
    s = {way: sorted(each["s"] for each in runs)[len(runs) // 2] for way, runs in told.items()}
    mb = {way: max(each["mb"] for each in runs) for way, runs in told.items()}
    rows = [[f"{size:,} chunks", "s", "of ours", "peak MB", "of ours"]]
    rows += [
        [
            way,
            f"{s[way]:.2f}",
            f"{s[way] / s['ours']:.2f}",
            f"{mb[way]:.0f}",
            f"{mb[way] / mb['ours']:.2f}",
        ]
        for way in ways
    ]
    table(rows)
    raw = min(s[way] for way in ("adbc", "connectorx") if way in s)
    slow, plain, bare = "read_sql", "read_sql, no arrow", "ours, no arrow"
    bars = [
        (s["ours"] / raw, 1.5, "the fastest raw reader's time"),
        (s["ours"] / s[slow], 1 / 3, "read_sql's time"),
        (mb["ours"] / mb[slow], 1 / 2, "read_sql's memory"),
        (s[bare] / s[plain], 1 / 1.1, "read_sql's time, both without Arrow"),
        (mb[bare] / mb[plain], 1 / 2, "read_sql's memory, both without Arrow"),
    ]
    # The bars are those of a million chunks: starting the processes costs a tenth of a second.
    for ratio, bar, what in bars if size == SIZES[-1] else []:
        print(verdict(ratio <= bar, f"{ratio:.2f} of {what}, at most {bar:.2f}"))
    print()


def independent(stores: dict[int, Path]) -> None:
    """Print what one conversation, and 1,000 new chunks, cost in stores of every size."""
    rows = [["in a store of", "one conversation ms", "1,000 new chunks ms"]]
    for size, path in stores.items():
        told = child(HERE / "frames.py", "--one", path, "chunks", "full")
        rows.append([f"{size:,}", f"{1e3 * told['one_s']:.1f}", f"{1e3 * told['refresh_s']:.1f}"])
    table(rows)


def beside_peers(stores: dict[int, Path], peers: str, conversations: int) -> None:
    """Print frames a row beside those of Inspect AI and llm, written by their own writers."""
    path = stores[max(size for size in stores if size <= 100_000)]
    rows = [["frame", "of", "rows", "µs a row", "of ours"]]
    ours = {
        name: child(HERE / "frames.py", "--one", path, name, "full")
        for name in ("steps", "messages")
    }
    each = {name: 1e6 * told["s"] / told["rows"] for name, told in ours.items()}
    for name, told in ours.items():
        rows.append([name, "ours", f"{told['rows']:,}", f"{each[name]:.1f}", "1"])
    for peer in ("inspect", "llm"):
        with tempfile.TemporaryDirectory() as folder:
            measured = child(HERE / "frames_peers.py", peer, folder, conversations, python=peers)
        for name, told in measured.items():
            cost = 1e6 * told["s"] / told["rows"]
            rows.append(
                [name, peer, f"{told['rows']:,}", f"{cost:.1f}", f"{cost / each[name]:.1f}"]
            )
            if (name, peer) == ("steps", "inspect"):
                met = verdict(
                    each[name] < cost / 10, f"a tenth of Inspect's: {each[name] / cost:.3f}"
                )
    table(rows)
    print(met)


def main() -> None:
    """Run everything and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="chunks at most")
    parser.add_argument("--folder", type=Path, help="where the stores are, or are written")
    parser.add_argument("--peers", help="the Python of the peers' environment")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--conversations", type=int, default=500, help="in the peers' corpus")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        one(*arguments.one)
        return
    say_machine()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        stores = corpora(folder, arguments.largest)
        beside_raw(stores, arguments.peers, arguments.rounds)
        independent(stores)
        if arguments.peers is not None:
            beside_peers(stores, arguments.peers, arguments.conversations)
        every_frame(stores)


if __name__ == "__main__":
    main()
