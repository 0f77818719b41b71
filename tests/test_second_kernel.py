"""Two processes, one conversation: what one does, the other sees live, and never doubly."""

from __future__ import annotations

import gc
import subprocess
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dispatch_nb as dn
from dispatch_nb.compose import open_conversation
from dispatch_nb.engine.contracts import Finish, TextDelta
from dispatch_nb.errors import MessageError, TurnActiveError
from dispatch_nb.frames import chunks_frame, steps_frame, turns_frame
from dispatch_nb.store import Store
from tests.conversation_parts import Listener, Scripted, opened, texts
from tests.store_parts import assert_gap_free, start_python
from tests.waiting import wait_until

# Says what it reads, a token a line; `steer …` queues a text, an empty line ends the turn.
TALKER = """
import asyncio, sys
from dispatch_nb.engine.contracts import Finish, TextDelta
from tests.conversation_parts import opened
class Told:
    id = "told"
    async def stream(self, messages, tools, options):
        while line := (await asyncio.to_thread(sys.stdin.readline)).rstrip("\\n"):
            if line.startswith("steer "):
                conversation.enqueue(line.removeprefix("steer ")).stored.result()
            else:
                yield TextDelta(line)
        yield Finish("stop")
conversation = opened(Told(), sys.argv[1])
print("open")
sys.stdin.readline()
turn = conversation.send("from there")
turn.result()
while conversation.status != "idle":
    asyncio.run(asyncio.sleep(0.005))
print("ended")
sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lab.db"


@pytest.fixture
def there(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    Store(path).close()
    process = start_python(TALKER, path)
    assert process.stdout.readline() == "open\n"
    yield process
    process.kill()
    process.communicate()


def tell(process: subprocess.Popen[str], *lines: str) -> None:
    assert process.stdin is not None
    process.stdin.writelines(f"{line}\n" for line in lines)
    process.stdin.flush()


def partial(conversation: Any) -> list[tuple[str, bool]]:
    frame = chunks_frame(conversation.store, "c", live=conversation.live)
    assert list(frame["seq"].dropna()) == list(range(1, frame["seq"].count() + 1))
    return list(zip(frame["text"], frame["is_partial"], strict=True))


@pytest.mark.parametrize("opens", ["before the turn", "while it runs"])
def test_a_turn_of_another_process_is_seen_live_and_each_event_once(path, there, opens):
    if opens == "while it runs":
        tell(there, "go", "half ", "an ")
        wait_until(lambda: "an " in str(events_of(path)))
    listener = Listener()
    here = opened(Scripted([TextDelta("mine"), Finish("stop")]), path)
    first = here._log.next_n
    here.subscribe(listener)
    if opens == "before the turn":
        tell(there, "go", "half ", "an ")
    wait_until(lambda: partial(here) == [("from there", False), ("half an ", True)])
    wait_until(lambda: "running in another process" in here.notice)
    with pytest.raises(TurnActiveError, match="another process"):
        here.send("from here")
    tell(there, "answer")
    wait_until(lambda: partial(here)[1:] == [("half an answer", True)])
    tell(there, "")
    assert there.stdout.readline() == "ended\n"
    wait_until(lambda: partial(here) == [("from there", False), ("half an answer", False)])
    wait_until(lambda: here.notice == "")
    assert here.title == "from there"
    wait_until(lambda: bool(listener.rows) and listener.rows[-1].n == here.store.last_n("c"))
    assert [row.n for row in listener.rows] == list(range(first, here.store.last_n("c") + 1))
    assert here.events() == [*here.events()[: first - 1], *listener.rows]
    # It goes on from what it has seen, without beginning anew.
    assert here.send("from here").result(60).text == "mine"
    assert listener.resets == 0
    assert_gap_free(here.store)
    assert list(here.live.transcript.committed) == here.history().chunks


def events_of(path: Path) -> list[Any]:
    with Store(path) as store:
        return store.events("c") if "c" in store.conversation_ids() else []


def test_a_chat_shows_what_another_process_does(path, there):
    chat = dn.Chat(store=path, conversation="c")
    tell(there, "go", "half ", "an ")
    wait_until(lambda: list(chat.messages["content"]) == ["from there", "half an "])
    assert list(chat.turns["status"]) == ["running"]
    wait_until(lambda: "another process" in chat.notice)
    tell(there, "answer", "")
    assert there.stdout.readline() == "ended\n"
    wait_until(lambda: chat.last_seq == 2)
    wait_until(lambda: chat.notice == "")
    assert list(chat.messages["content"]) == ["from there", "half an answer"]
    assert list(chat.turns["status"]) == ["completed"]
    assert chat.title == "from there"
    chat.close()


def test_what_another_process_has_queued_is_listed_here_and_changed_there_alone(path, there):
    here = opened(Scripted([TextDelta("mine"), Finish("stop")]), path)
    tell(there, "go", "half", "steer and then?")
    wait_until(lambda: [each.text for each in here.queue.texts] == ["and then?"])
    (queued,) = here.queue.texts
    assert not queued.kept
    for act in (
        lambda: here.queue.cancel(queued.id),
        lambda: here.queue.edit(queued.id, "x"),
        here.send_queued,
    ):
        with pytest.raises(TurnActiveError, match="another process"):
            act()
    here.queue.keep()
    assert [row.is_kept for row in here.store.queued("c")] == [False]
    tell(there, "", "yes", "")
    assert there.stdout.readline() == "ended\n"
    wait_until(lambda: here.queue.texts == [] and here.notice == "")
    said = [("user", "from there"), ("assistant", "half")]
    assert texts(here) == [*said, ("user", "and then?"), ("assistant", "yes")]


def test_a_text_kept_in_two_kernels_goes_out_once(path, there):
    here = opened(Scripted([TextDelta("mine"), Finish("stop")]), path)
    with Store(path) as store:
        other = open_conversation(
            Scripted([TextDelta("other"), Finish("stop")]), store=store, conversation_id="c"
        )
        tell(there, "go", "half", "steer and then?")
        wait_until(lambda: len(here.queue.texts) == len(other.queue.texts) == 1)
        there.kill()
        there.wait()
        wait_until(lambda: [each.kept for each in here.queue.texts] == [True])
        assert here.send_queued().result(60).text == "mine"
        with pytest.raises(MessageError, match="Nothing is kept"):
            other.send_queued()
        said = [text for role, text in texts(here) if role == "user"]
        assert said == ["from there", "and then?"]
        assert_gap_free(store)


def test_a_turn_whose_process_is_killed_is_closed_by_who_watches(path, there):
    here = opened(Scripted([TextDelta("mine"), Finish("stop")]), path)
    tell(there, "go", "half ", "an ", "steer and then?")
    wait_until(lambda: [each.text for each in here.queue.texts] == ["and then?"])
    there.kill()
    there.wait()
    wait_until(lambda: list(turns_frame(here.store, "c")["status"]) == ["interrupted"])
    price_refs = steps_frame(here.store, "c")["price_ref"]
    assert price_refs.str.startswith("unknown: which model").all()
    wait_until(lambda: [each.kept for each in here.queue.texts] == [True])
    # It stands in the store before the transcript of this process is read anew from there.
    wait_until(lambda: partial(here) == [("from there", False), ("half an ", False)])
    assert here.notice == ""
    assert here.send_queued().result(60).text == "mine"
    assert_gap_free(here.store)


def test_watching_ends_with_the_last_conversation(path):
    before = set(threading.enumerate())
    store = Store(path)
    conversation = open_conversation(Scripted([]), store=store, conversation_id="c")
    gone = weakref.ref(store)
    conversation.position()
    own = {each for each in threading.enumerate() if each.name.startswith("dispatch_nb ")} - before
    assert own
    del store, conversation

    def is_gone() -> bool:
        gc.collect()
        return gone() is None

    wait_until(is_gone)
    wait_until(lambda: not any(each.is_alive() for each in own))
