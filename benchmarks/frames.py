"""What frames cost at growing sizes, beside raw readers of the same columns and two peers.

Run it as ``python benchmarks/frames.py``; ``--quick`` is done in a minute and shows that all
runs. Every figure is of a process of its own: `cold` after the file has left the system's
cache, `warm` right after; of several rounds, taken in turn, it is the least. Memory is the peak
above what the imports took, and all that the reading processes take, their imports too. For
connectorx, Inspect AI and llm, make an environment of their own and name its Python with
``--peers``::

    python -m venv peers && peers/bin/pip install connectorx pandas pyarrow inspect-ai llm

Others that keep the processors busy change every figure by the clock; beside it stands the
processor time of all processes, which tells what two cores can share.
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

from corpus import CHUNKS_EACH, multiply, write_corpus
from frames_memory import Readers
from frames_raw import cpu_s, rss_mb
from measuring import say_machine, table, verdict

from dispatch_nb.store import Store

HERE = Path(__file__).parent
FRAMES = ("conversations", "turns", "steps", "messages", "chunks", "tool_calls", "deltas", "usage")
SIZES = (10_000, 100_000, 1_000_000)
SEED = 10_000
REFRESHED = 20


def one(path: str, name: str, how: str) -> None:
    """Build a frame twice and print what it took (a child); `how` is full, bare or grown."""
    if how == "bare":
        sys.modules["pyarrow"] = None  # type: ignore[assignment]
    from dispatch_nb import frames

    if how != "bare":
        import pyarrow.compute  # noqa: F401
    with Store(path) as store:
        frames.read_frame(store, name, frames.Filters(conversation_id="nobody"))
        before, used, started = rss_mb(), cpu_s(), perf_counter()
        with Readers() as readers:
            frame = frames.read_frame(store, name, frames.Filters())
        told = {"s": perf_counter() - started, "cpu_s": cpu_s() - used, "rows": len(frame)}
        told["mb"] = rss_mb() - before + readers.mb
        told["again_s"] = seconds_of(store, name, frames.Filters())
        if how == "grown":
            told |= grown(store, frame)
    print(json.dumps(told))


def grown(store: Store, frame: Any) -> dict[str, float]:
    """Return what one conversation of chunks takes, and all after 1,000 new ones, at least."""
    from dispatch_nb import frames

    ids = frame["conversation_id"].unique()
    some = [str(ids[len(ids) * part // 8]) for part in range(1, 6)]
    ones = [seconds_of(store, "chunks", frames.Filters(conversation_id=each)) for each in some]
    refreshed = []
    for _ in range(5):
        first = 90_000_000 + int.from_bytes(os.urandom(3), "big") * REFRESHED
        write_corpus(store, REFRESHED, first=first)
        refreshed.append(seconds_of(store, "chunks", frames.Filters()))
    return {"one_s": min(ones), "refresh_s": min(refreshed)}


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
    """Print each frame at each size, beside `read_sql` of its view."""
    head = ["frame", "chunks", "rows", "cold s", "warm s", "again s", "peak MB", "µs a row"]
    rows = [[*head, "read_sql of the view s", "peak MB"]]
    for name in FRAMES:
        for size, path in stores.items():
            forget(path)
            cold = child(HERE / "frames.py", "--one", path, name, "full")
            warm = child(HERE / "frames.py", "--one", path, name, "full")
            each = 1e6 * warm["s"] / max(1, warm["rows"])
            row = [name, f"{size:,}", f"{warm['rows']:,}", f"{cold['s']:.3f}", f"{warm['s']:.3f}"]
            row += [f"{warm['again_s']:.4f}", f"{warm['mb']:.0f}", f"{each:.1f}"]
            if name == "deltas":
                rows.append([*row, "none: compressed", ""])
                continue
            raw = child(HERE / "frames_raw.py", name, path, "full")
            rows.append([*row, f"{raw['s']:.3f}", f"{raw['mb']:.0f}"])
    table(rows)


def beside_raw(stores: dict[int, Path], peers: str | None, rounds: int) -> list[str]:
    """Print `chunks` beside raw readers of the same columns; return how the bars are met."""
    for size, path in sorted(stores.items()):
        s, cpu, mb = rounds_of(path, peers, rounds)
        head = [f"{size:,} chunks", "s", "of ours", "CPU s", "of ours", "peak MB", "of ours"]
        rows = [head]
        for way in s:
            values = ((s, "{:.2f}"), (cpu, "{:.2f}"), (mb, "{:.0f}"))
            cells = [
                (form.format(all_[way]), f"{all_[way] / max(all_['ours'], 1e-9):.2f}")
                for all_, form in values
            ]
            rows.append([way, *(cell for pair in cells for cell in pair)])
        table(rows)
    # The bars are those of a million chunks: starting the processes costs a twentieth of a second.
    if size != SIZES[-1]:
        return []
    raw = min((way for way in ("adbc", "connectorx") if way in s), key=lambda way: s[way])
    slow, plain, bare = "read_sql", "read_sql, no arrow", "ours, no arrow"
    return [
        bar("chunks: time of the fastest raw reader", s["ours"] / s[raw], 1.5),
        bar("chunks: time of read_sql", s["ours"] / s[slow], 1 / 3),
        bar("chunks: memory of read_sql", mb["ours"] / mb[slow], 1 / 2),
        bar("chunks without Arrow: time of read_sql", s[bare] / s[plain], 1 / 1.1),
        bar("chunks without Arrow: memory of read_sql", mb[bare] / mb[plain], 1 / 2),
    ]


def bar(what: str, ratio: float, most: float) -> str:
    """Return a bar, and whether it is met."""
    return verdict(ratio <= most, f"{ratio:.3f} of the {what}, at most {most:.2f}")


def rounds_of(path: Path, peers: str | None, rounds: int) -> tuple[dict[str, float], ...]:
    """Return seconds, processor seconds and megabytes of every way; the least of all rounds."""
    ours, raw = HERE / "frames.py", HERE / "frames_raw.py"
    ways: dict[str, tuple[Any, ...]] = {
        "ours": (ours, "--one", path, "chunks", "full"),
        "adbc": (raw, "adbc", path, "full"),
        "read_sql": (raw, "read_sql", path, "full"),
        "fetchall": (raw, "fetchall", path, "full"),
        "ours, no arrow": (ours, "--one", path, "chunks", "bare"),
        "read_sql, no arrow": (raw, "read_sql", path, "bare"),
    }
    if peers is not None:
        ways["connectorx"] = (raw, "connectorx", path, "full")
    told: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, command in ways.items():
            python = peers if peers is not None and way == "connectorx" else sys.executable
            told[way].append(child(*command, python=python))
    least = [
        {way: min(float(each[what]) for each in runs) for way, runs in told.items()}
        for what in ("s", "cpu_s")
    ]
    most = {way: max(float(each["mb"]) for each in runs) for way, runs in told.items()}
    return (*least, most)


def independent(stores: dict[int, Path]) -> list[str]:
    """Print what one conversation, and 1,000 new chunks, cost in stores of every size."""
    rows = [["in a store of", "one conversation ms", "1,000 new chunks ms"]]
    told = {}
    for size, path in stores.items():
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            copy = shutil.copy(path, Path(folder) / "grown.db")
            told[size] = child(HERE / "frames.py", "--one", copy, "chunks", "grown")
        one_ms, refresh_ms = (1e3 * told[size][what] for what in ("one_s", "refresh_s"))
        rows.append([f"{size:,}", f"{one_ms:.1f}", f"{refresh_ms:.1f}"])
    table(rows)
    least, most = told[min(told)], told[max(told)]
    whats = {"one_s": "one conversation", "refresh_s": "a refresh after 1,000 new chunks"}
    return [
        bar(f"{what}: time in a store {max(told) // min(told)} times smaller",
            most[key] / least[key], 2)
        for key, what in whats.items()
        if len(told) > 1
    ]  # fmt: skip


def beside_peers(stores: dict[int, Path], peers: str, conversations: int) -> list[str]:
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
                bars = [bar("steps: time of Inspect AI's a row", each[name] / cost, 0.1)]
    table(rows)
    return bars


def main() -> None:
    """Run everything and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="chunks at most")
    parser.add_argument("--folder", type=Path, help="where the stores are, or are written")
    parser.add_argument("--peers", help="the Python of the peers' environment")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--conversations", type=int, default=500, help="in the peers' corpus")
    parser.add_argument("--quick", action="store_true", help="small stores, one round")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        one(*arguments.one)
        return
    if arguments.quick:
        arguments.largest, arguments.rounds, arguments.conversations = SIZES[0], 1, 20
    say_machine()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        stores = corpora(folder, arguments.largest)
        bars = beside_raw(stores, arguments.peers, arguments.rounds)
        bars += independent(stores)
        if arguments.peers is not None:
            bars += beside_peers(stores, arguments.peers, arguments.conversations)
        every_frame(stores)
        print("\n".join(bars))


if __name__ == "__main__":
    main()
