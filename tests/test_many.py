"""Many conversations at once: in one process, in several, and with someone reading along."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence

import pytest

from dispatch_nb.compose import open_store
from dispatch_nb.engine.contracts import (
    Finish,
    ProviderEvent,
    ProviderOptions,
    ReasoningDelta,
    TextDelta,
    Tool,
    ToolCall,
)
from dispatch_nb.errors import TurnActiveError
from dispatch_nb.loop import turn_loop
from dispatch_nb.store import Store
from dispatch_nb.wire.conversation import ChatMessage, TextChunk, ThinkingChunk, ToolResultChunk
from tests.conversation_parts import Listener, opened
from tests.store_parts import assert_gap_free, finish, start_python

FULL = os.environ.get("DISPATCH_NB_PROOF") == "full"
CHATS = 200 if FULL else 40
TOKENS = 500 if FULL else 50
RATE = 50.0


class Talker:
    """Thinks, calls a tool and talks, `RATE` tokens a second, in words that are its own."""

    id = "test"

    def __init__(self, name: str, tokens: int = TOKENS, rate: float = RATE) -> None:
        self.name, self.rate = name, rate
        self.thoughts = [f"{name}-thought{number} " for number in range(tokens // 5)]
        self.words = [f"{name}-word{number} " for number in range(tokens - tokens // 5)]
        self.requests = 0
        self.due = 0.0

    async def stream(
        self, messages: Sequence[ChatMessage], tools: Sequence[Tool], options: ProviderOptions
    ) -> AsyncIterator[ProviderEvent]:
        self.requests += 1
        if self.requests % 2:
            for thought in self.thoughts:
                await self.pause()
                yield ReasoningDelta(thought)
            yield ToolCall(f"{self.name}-call", "add", {"a": 1, "b": 2})
            yield Finish("tool_calls")
            return
        for word in self.words:
            await self.pause()
            yield TextDelta(word)
        yield Finish("stop")

    async def pause(self) -> None:
        now = asyncio.get_running_loop().time()
        self.due = max(self.due + 1 / self.rate, now - 1)
        await asyncio.sleep(max(0.0, self.due - now))


def deltas(rows, kind):
    return [row.event.delta for row in rows if row.event.type == kind]


def test_conversations_that_stream_at_once_each_equal_their_script(tmp_path):
    store = open_store(tmp_path / "lab.db")
    talkers = [Talker(f"chat{number}") for number in range(CHATS)]
    chats = [opened(talker, store, talker.name) for talker in talkers]
    listeners = [Listener() for _ in chats]
    for chat, listener in zip(chats, listeners, strict=True):
        chat.subscribe(listener)
    turns = [chat.send(f"go, {talker.name}") for chat, talker in zip(chats, talkers, strict=True)]
    for turn in turns:
        turn.result(120)
    for talker, chat, listener in zip(talkers, chats, listeners, strict=True):
        assert [row.n for row in listener.rows] == list(range(1, len(listener.rows) + 1))
        assert deltas(listener.rows, "reasoning-delta") == talker.thoughts
        assert deltas(listener.rows, "text-delta") == talker.words
        assert store.events(chat.id) == listener.rows
        chunks = assert_gap_free(store, chat.id)
        assert [(item.role, item.chunk.type) for item in chunks] == [
            ("user", "text"),
            ("assistant", "thinking"),
            ("assistant", "tool-call"),
            ("tool", "tool-result"),
            ("assistant", "text"),
        ]
        prompt, thought, _, result, text = (item.chunk for item in chunks)
        assert prompt == TextChunk(text=f"go, {talker.name}")
        assert thought == ThinkingChunk(text="".join(talker.thoughts))
        assert isinstance(result, ToolResultChunk)
        assert (result.tool_call_id, result.content) == (f"{talker.name}-call", "3")
        assert text == TextChunk(text="".join(talker.words))
        assert list(chat.live.transcript.committed) == chunks
    store.close()


CHILD = """
import sys
from pathlib import Path
from dispatch_nb.errors import TurnActiveError
from tests.conversation_parts import opened
from tests.test_many import Talker
path, names, turns = Path(sys.argv[1]), sys.argv[2].split(), int(sys.argv[3])
chats = [opened(Talker(sys.argv[4] + name, 20, 400), path, name) for name in names]
print("ready")
sys.stdin.readline()
for number in range(turns):
    running = []
    for chat in chats:
        while True:
            try:
                running.append(chat.send(f"{sys.argv[4]} {number}"))
                break
            except TurnActiveError:
                pass
    for turn in running:
        turn.result(60)
chats[0].store.close()
"""


def go(*processes):
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()


def prompts(chunks):
    return [item.chunk.text for item in chunks if item.role == "user"]


def test_processes_write_different_conversations_of_one_store_at_once(tmp_path):
    path = tmp_path / "lab.db"
    Store(path).close()
    owned = {worker: [f"{worker}{number}" for number in range(4)] for worker in "ab"}
    go(*(workers := [start_python(CHILD, path, " ".join(owned[w]), 3, w) for w in "ab"]))
    for process in workers:
        finish(process)
    with Store(path) as store:
        assert sorted(store.conversation_ids()) == sorted([*owned["a"], *owned["b"]])
        for worker, names in owned.items():
            for name in names:
                chunks = assert_gap_free(store, name)
                assert prompts(chunks) == [f"{worker} {number}" for number in range(3)]
                assert len(chunks) == 15
                said = "".join(Talker(worker + name, 20).words)
                assert [item.chunk for item in chunks[4::5]] == [TextChunk(text=said)] * 3


def test_processes_take_turns_in_one_conversation_and_never_mix_them(tmp_path):
    path = tmp_path / "lab.db"
    with Store(path) as store:
        opened(Talker("first", 10, 1000), store, "shared").send("first").result(30)
    go(*(workers := [start_python(CHILD, path, "shared", 4, worker) for worker in "ab"]))
    for process in workers:
        finish(process)
    with Store(path) as store:
        chunks = assert_gap_free(store, "shared")
        assert sorted(prompts(chunks)) == sorted(
            ["first", *(f"{worker} {number}" for worker in "ab" for number in range(4))]
        )
        assert len(chunks) == 9 * 5
        for start in range(5, 45, 5):
            turn = [item.chunk for item in chunks[start : start + 5]]
            talker = Talker(turn[0].text[0] + "shared", 20)
            assert turn[1] == ThinkingChunk(text="".join(talker.thoughts))
            assert turn[3].tool_call_id.startswith(f"{talker.name}-call")
            assert turn[4] == TextChunk(text="".join(talker.words))
        in_turn_order = turn_ids(store, "SELECT turn_id FROM turns ORDER BY turn_index")
        by_seq = "SELECT turn_id FROM chunks GROUP BY turn_id ORDER BY min(seq)"
        assert turn_ids(store, by_seq) == in_turn_order


def turn_ids(store, query):
    with store.connect() as connection:
        return list(connection.exec_driver_sql(query).scalars())


HOLDER = """
import asyncio, sys
from pathlib import Path
from dispatch_nb.engine.contracts import Finish, TextDelta
from tests.conversation_parts import Scripted, opened
def wait():
    print("streaming")
    return asyncio.to_thread(sys.stdin.readline)
script = Scripted([TextDelta("held "), wait, TextDelta("to its end"), Finish("stop")])
chat = opened(script, Path(sys.argv[1]), "c")
chat.send("mine").result(60)
chat.store.close()
"""


def test_a_second_process_is_refused_while_a_turn_runs_and_goes_on_after_it(tmp_path):
    path = tmp_path / "lab.db"
    Store(path).close()
    holder = start_python(HOLDER, path)
    assert holder.stdout.readline() == "streaming\n"
    store = open_store(path)
    second = opened(Talker("second", 10, 1000), store, "c")
    assert "running in another process" in second.notice
    with pytest.raises(TurnActiveError, match="another process"):
        second.send("mine too")
    assert prompts(store.history("c").chunks) == ["mine"]
    assert store.turn_metrics("c") == []
    holder.stdin.write("go on\n")
    holder.stdin.flush()
    finish(holder)
    second.send("now mine").result(30)
    chunks = assert_gap_free(store, "c")
    assert prompts(chunks) == ["mine", "now mine"]
    assert chunks[1].chunk == TextChunk(text="held to its end")
    assert list(second.live.transcript.committed) == chunks
    store.close()


class Patient(Talker):
    """Says none of its answer before `go_on` is set."""

    go_on: asyncio.Event

    async def pause(self) -> None:
        await super().pause()
        if self.requests > 1:
            await self.go_on.wait()


# Says when it has seen a beginning of every conversation, and reads on to their ends.
READER = """
import sys
from dispatch_nb.store import Store
from tests.store_parts import assert_gap_free
store, names, reads, growth, told = Store(sys.argv[1]), sys.argv[2].split(), 0, 0, False
seen = dict.fromkeys(names, 0)
shown = dict.fromkeys(names, [])
print("ready")
sys.stdin.readline()
open_ends = set(names)
while open_ends:
    for name in sorted(open_ends):
        tail = store.history(name, since_seq=seen[name])
        assert [item.seq for item in tail.chunks] == list(
            range(seen[name] + 1, tail.latest_seq + 1)
        )
        seen[name] = tail.latest_seq
        rows = store.events(name)
        assert [row.n for row in rows] == list(range(1, len(rows) + 1))
        assert rows[: len(shown[name])] == shown[name]
        growth += len(rows) > len(shown[name])
        shown[name] = rows
        if rows and rows[-1].event.type == "turn-sealed":
            open_ends.discard(name)
            assert_gap_free(store, name)
    reads += 1
    if not told and all(shown.values()):
        told = print("all began") is None
print(reads, growth)
store.close()
"""


def test_a_reader_sees_only_prefixes_of_every_conversation_while_they_are_written(tmp_path):
    store = open_store(tmp_path / "lab.db")
    Patient.go_on = asyncio.Event()
    talkers = [Patient(f"chat{number}", 40, 40) for number in range(8)]
    chats = [opened(talker, store, talker.name) for talker in talkers]
    reader = start_python(READER, tmp_path / "lab.db", " ".join(chat.id for chat in chats))
    go(reader)
    turns = [chat.send("go") for chat in chats]
    assert reader.stdout.readline() == "all began\n"
    turn_loop().post(Patient.go_on.set)
    for turn in turns:
        turn.result(60)
    reads, growth = map(int, finish(reader).split())
    assert reads > 1
    assert growth > len(chats)
    store.close()
