"""Another process reads the SQLite file while a turn with two tool steps runs."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import dispatch_nb as dn
from dispatch_nb.engine.contracts import Finish, ProviderEvent, TextDelta, ToolCall

# Plain sqlite3: nothing of this package helps the reader.
READER = """
import json, sqlite3, sys
database = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
for _ in sys.stdin:
    rows = database.execute(
        "SELECT seq, role, chunk_type FROM chunks WHERE conversation_id = 'c' ORDER BY seq"
    ).fetchall()
    print(json.dumps(rows), flush=True)
"""


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def call(name: str) -> ToolCall:
    return ToolCall(name, "add", {"a": 1, "b": 2})


def test_the_prompt_and_each_finished_step_are_there_while_the_turn_runs(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    seen: list[list[list[object]]] = []
    look_now, looked = threading.Event(), threading.Event()

    def look() -> Callable[[], object]:
        async def pause() -> None:
            import asyncio

            looked.clear()
            look_now.set()
            await asyncio.to_thread(looked.wait, 20)

        return pause

    steps: list[list[ProviderEvent | Callable[[], object]]] = [
        [look(), TextDelta("First "), TextDelta("this."), call("c1"), Finish("tool_calls")],
        [look(), TextDelta("Then that."), call("c2"), look(), Finish("tool_calls")],
        [look(), TextDelta("Done."), look(), Finish("stop")],
    ]
    chat = dn.Chat(
        dn.ScriptedProvider(steps=steps, pace=0),  # type: ignore[arg-type]
        tools=[add],
        store=path,
        conversation="c",
    )
    argv = [sys.executable, "-c", READER, str(path)]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        turn = chat.send("go")
        for _ in range(5):
            assert look_now.wait(20)
            look_now.clear()
            reader.stdin.write("look\n")
            reader.stdin.flush()
            seen.append(json.loads(reader.stdout.readline()))
            looked.set()
        turn.result(20)
        reader.stdin.close()
    assert [len(rows) for rows in seen] == [1, 4, 4, 7, 7]
    assert seen[0] == [[1, "user", "text"]]
    assert [row[1:] for row in seen[1][1:]] == [
        ["assistant", "text"],
        ["assistant", "tool-call"],
        ["tool", "tool-result"],
    ]
    for rows in seen:
        assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert chat.last_seq == 8
