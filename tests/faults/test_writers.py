"""Two processes on one conversation: one runs turns, the other waits or takes over."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatch_nb.compose import open_conversation
from dispatch_nb.conversation.local import LocalConversation
from dispatch_nb.engine.contracts import Finish, TextDelta
from dispatch_nb.errors import ModelError, StoreError, TurnActiveError
from dispatch_nb.frames import chunks_frame, turns_frame
from dispatch_nb.loop import turn_loop
from dispatch_nb.store import Store
from tests.conversation_parts import Listener, Script, Scripted, opened, texts
from tests.store_parts import assert_gap_free, finish, start_python
from tests.waiting import wait_until

# Says half an answer, then waits for a line; with every further line it holds a whole turn.
OTHER = """
import asyncio, sys
from dispatch_nb.engine.contracts import Finish, TextDelta
from tests.conversation_parts import Scripted, opened
half = [TextDelta("half an "), TextDelta("answer"), lambda: asyncio.to_thread(sys.stdin.readline)]
whole = [TextDelta("whole"), Finish("stop")]
conversation = opened(Scripted([*half, TextDelta("!"), Finish("stop")], whole), sys.argv[1])
turn = conversation.send("from there")
while turn.text != "half an answer":
    asyncio.run(asyncio.sleep(0.005))
print("half")
print(turn.result().finish_reason)
sys.stdin.readline()
print(conversation.send("from there again").result().finish_reason)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lab.db"


@pytest.fixture
def other(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    # What is done here sees the other process for itself, not by a look in between.
    monkeypatch.setattr("dispatch_nb.conversation.following.QUIET_S", 60)
    process = start_python(OTHER, path)
    assert process.stdout.readline() == "half\n"
    yield process
    process.kill()
    process.communicate()


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go on\n")
    process.stdin.flush()


def answering(path: Path, *answers: str) -> LocalConversation:
    steps: Script = [[TextDelta(answer), Finish("stop")] for answer in answers]
    return opened(Scripted(*steps), path)


def statuses(conversation: LocalConversation) -> list[str]:
    return list(turns_frame(conversation.store, "c")["status"])


def test_a_turn_that_another_process_runs_is_left_alone_and_sending_is_refused(path, other):
    conversation = answering(path, "mine")
    assert statuses(conversation) == ["running"]
    assert texts(conversation) == [("user", "from there")]
    assert "running in another process" in conversation.notice
    before = conversation.store.last_n("c")
    with pytest.raises(TurnActiveError, match=r"running in another process.*wait for its end"):
        conversation.send("from here")
    assert conversation.status == "idle"
    assert conversation.store.last_n("c") == before
    tell(other)
    assert other.stdout.readline() == "stop\n"
    listener = Listener()
    conversation.subscribe(listener)
    wait_until(lambda: statuses(conversation) == ["completed"])
    turn = conversation.send("from here").result(60)
    assert turn.text == "mine"
    assert conversation.notice == ""
    assert listener.resets == 1
    said = [("user", "from there"), ("assistant", "half an answer!")]
    assert texts(conversation) == [*said, ("user", "from here"), ("assistant", "mine")]
    assert conversation.title == "from there"
    tell(other)
    assert finish(other) == "stop\n"
    assert texts(conversation)[4:] == [("user", "from there again"), ("assistant", "whole")]
    assert_gap_free(conversation.store)


def test_a_turn_whose_process_is_killed_is_taken_over_by_one_that_had_it_open(path, other):
    conversation = answering(path, "mine")
    with pytest.raises(TurnActiveError):
        conversation.send("from here")
    other.kill()
    other.wait()
    assert conversation.send("from here").result(60).text == "mine"
    said = [("user", "from there"), ("assistant", "half an answer")]
    assert texts(conversation) == [*said, ("user", "from here"), ("assistant", "mine")]
    assert statuses(conversation) == ["interrupted", "completed"]
    assert list(chunks_frame(conversation.store, "c")["is_interrupted"]) == [
        False,
        True,
        False,
        False,
    ]
    assert [chunk.seq for chunk in assert_gap_free(conversation.store)] == [1, 2, 3, 4]


def test_a_message_refused_here_does_not_disturb_the_turn_there(path, other, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with Store(path) as store:
        store.update_conversation("c", model="openai:gpt").result()
    conversation = open_conversation(store=path, conversation_id="c")
    before = conversation.store.last_n("c")
    with pytest.raises(ModelError):
        conversation.send("from here")
    conversation.position()
    conversation.store.append_events("c", []).result()
    assert conversation.store.last_n("c") == before
    tell(other)
    assert other.stdout.readline() == "stop\n"


def test_two_stores_of_one_process_on_one_file_take_turns_as_well(path):
    gate = asyncio.Event()
    provider = Scripted([gate.wait, TextDelta("ok"), Finish("stop")])
    one = opened(provider, path)
    turn = one.send("first")
    wait_until(lambda: len(provider.requests) == 1)
    with Store(path) as store:
        two = opened(Scripted([TextDelta("two"), Finish("stop")]), store)
        with pytest.raises(TurnActiveError, match="another store that is open here"):
            two.send("second")
        assert statuses(two) == ["running"]
        turn_loop().post(gate.set)
        turn.result(60)
        assert two.send("second").result(60).text == "two"
    assert texts(one)[2:] == [("user", "second"), ("assistant", "two")]


LEASES = """
import os, sys
from dispatch_nb.store import Store
store = Store(sys.argv[1])
leases = {name: store.take_lease(name) for name in "ab"}
print(*[name for name in leases if leases[name]])
for line in sys.stdin:
    command, name = line.split()
    if command == "take":
        leases[name] = store.take_lease(name)
        print(bool(leases[name]))
    elif command == "give":
        leases.pop(name)()
        print("given")
    elif command == "fork":
        child = os.fork()
        if child == 0:
            print(bool(store.take_lease(name)))
            leases["b"]()
            os._exit(0)
        os.waitpid(child, 0)
"""


def ask(process: subprocess.Popen[str], line: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def test_a_lease_is_for_one_process_and_falls_when_it_is_killed(path):
    with Store(path) as store:
        process = start_python(LEASES, path)
        assert process.stdout.readline() == "a b\n"
        assert store.take_lease("a") is None
        mine = store.take_lease("c")
        assert mine is not None
        # Asking in vain must not have dropped what is held: the system forgets easily.
        assert store.take_lease("b") is None
        assert ask(process, "take c") == "False"
        assert ask(process, "give a") == "given"
        given = store.take_lease("a")
        assert given is not None
        assert store.take_lease("a") is None
        assert ask(process, "take a") == "False"
        given()
        given()
        assert ask(process, "take a") == "True"
        assert ask(process, "take c") == "False"
        mine()
        process.kill()
        process.communicate()
        after = [store.take_lease(name) for name in "abc"]
        for give_back in after:
            assert give_back is not None
            give_back()
    assert sorted(os.listdir(path.parent)) == ["lab.db", "lab.db-turns"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_holds_no_lease_and_cannot_give_its_parents_back(path):
    with Store(path) as store:
        process = start_python(LEASES, path)
        assert process.stdout.readline() == "a b\n"
        assert ask(process, "fork a") == "False"
        assert store.take_lease("b") is None
        process.kill()
        process.communicate()


def test_leases_in_memory_are_for_one_holder_too():
    with Store(":memory:") as store, Store(":memory:") as another:
        first = store.take_lease("c")
        assert first is not None
        assert store.take_lease("c") is None
        assert another.take_lease("c") is not None
        first()
        assert store.take_lease("c") is not None


@pytest.mark.skipif(sys.platform == "win32", reason="a folder of Windows has no such mark")
def test_a_lease_file_that_cannot_be_made_is_an_error_that_says_so(path):
    (path.parent / "lab.db-turns").mkdir()
    with Store(path) as store, pytest.raises(StoreError, match=r"lab\.db-turns.*cannot be locked"):
        store.take_lease("c")
