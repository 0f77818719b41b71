"""A process is killed at random moments of its turns; nothing that it had shown is lost."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dispatch_nb.compose import open_conversation
from dispatch_nb.frames import turns_frame
from dispatch_nb.store import EventRow, Store
from dispatch_nb.wire.parse import parse_live_event
from tests.faults.checks import (
    Strict,
    assert_each_text_has_one_place,
    assert_goes_on,
    assert_kept_texts_go_out,
    assert_whole,
    saying,
    shown,
)
from tests.faults.script import ScriptedTurn, assert_prefix, make_script

FULL = os.environ.get("DISPATCH_NB_PROOF") == "full"
KILLS = 200 if FULL else 12
# Processes that stand ready, so that starting one costs no waiting.
AHEAD = 2
ROOT = Path(__file__).parents[2]


def start(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.faults.talker", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
    )
    return process


def ready_processes(folder: Path, count: int) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    paths = [folder / f"{number}.db" for number in range(count)]
    started = [(path, start(path)) for path in paths[:AHEAD]]
    try:
        for path in [*paths[AHEAD:], *[None] * AHEAD]:
            mine, process = started.pop(0)
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield mine, process
            if path is not None:
                started.append((path, start(path)))
    finally:
        for _, process in started:
            process.kill()
            process.communicate()


def kill_in_the_middle(
    process: subprocess.Popen[str], seed: int, script: list[ScriptedTurn]
) -> tuple[list[EventRow], list[tuple[str, str]]]:
    """Let a process talk and kill itself at the seed's moment; return what it had reported.

    That is: the events it had shown, and what its queue had taken.
    """
    source = random.Random(f"{seed} kill")
    assert process.stdin is not None
    assert process.stdout is not None
    moment = source.randrange(sum(turn.event_count for turn in script))
    # Most moments lie in the writing of the next event or in the pause before it.
    pause = source.choice([0, 0, source.uniform(0, 0.005), source.uniform(0, 0.03)])
    process.stdin.write(f"{json.dumps([seed, moment, pause])}\n")
    process.stdin.flush()
    lines = process.stdout.readlines()
    process.wait(60)
    process.stdin.close()
    process.stdout.close()
    reported = [json.loads(line) for line in lines if line.endswith("\n")]
    rows = [event_row(*each) for each in reported if isinstance(each[0], int)]
    return rows, [(what, text) for what, *(text, *_) in reported if isinstance(what, str)]


def event_row(n: int, at_us: int, mono_us: int, event: str) -> EventRow:
    return EventRow(n, at_us, mono_us, parse_live_event(event))


def ends(path: Path) -> tuple[int, int]:
    """Return the ends of the chunks and of the log, as a killed process left them."""
    with closing(sqlite3.connect(path)) as database:
        row = database.execute("SELECT last_seq, last_n FROM conversations").fetchone()
    return row or (0, 0)


def assert_recovered(
    path: Path,
    script: list[ScriptedTurn],
    reported: list[EventRow],
    queued: list[tuple[str, str]],
) -> tuple[str, Counter[str]]:
    """Open what a killed process left, check all of it, go on.

    Returns how its turn ended, and how many of the texts it had queued are where.
    """
    if not path.exists() or ends_of_nothing(path):
        assert reported == []
        return "never began", Counter()
    seq, n = ends(path)
    strict = Strict()
    conversation = open_conversation(strict, store=path, conversation_id="c")
    assert conversation.events()[: len(reported)] == reported
    assert n >= len(reported)
    assert_whole(conversation, script, seq)
    said = [saying(item.role, item.chunk) for item in conversation.history().chunks]
    assert_prefix(shown(reported), said)
    statuses = list(turns_frame(conversation.store, "c")["status"])
    if statuses:
        assert conversation.title == script[0].prompt
    places = assert_each_text_has_one_place(conversation, script, queued)
    assert_goes_on(conversation, strict)
    assert_kept_texts_go_out(conversation)
    before = conversation.events()
    conversation.store.close()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM events").fetchone() == (0,)
    with Store(path) as store:
        assert store.events("c") == before
    return statuses[-1] if statuses else "no turn", places


def ends_of_nothing(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
        if "conversations" not in tables:
            return True
        (count,) = database.execute("SELECT count(*) FROM conversations").fetchone()
    return bool(count == 0)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is not a thing of Windows")
def test_nothing_that_was_shown_is_lost_when_the_process_is_killed(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    outcomes: Counter[str] = Counter()
    texts: Counter[str] = Counter()
    seen = 0
    for seed, (path, process) in enumerate(ready_processes(tmp_path, KILLS)):
        script = make_script(seed)
        reported, queued = kill_in_the_middle(process, seed, script)
        outcome, places = assert_recovered(path, script, reported, queued)
        outcomes[outcome] += 1
        texts += places
        seen += len(reported)
    record_property(
        "proved",
        f"{KILLS} kills, {seen} events had been shown, 0 lost: {dict(outcomes)}; of the "
        f"queued texts {texts['transcript']} are in the transcript and {texts['queue']} in the "
        "queue, 0 lost or in both",
    )
    assert outcomes.get("interrupted", 0) > KILLS / 2
