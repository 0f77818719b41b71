"""What is not used any more is let go of: chats, their stores, and the threads of these."""

from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path

import pytest

import dispatch_nb as dn
from dispatch_nb.store import ConversationRow, Store, writer
from tests.waiting import wait_until


def store_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("dispatch_nb")}


@pytest.mark.parametrize("place", ["memory", "a file"])
def test_a_closed_chat_lets_go_of_its_store_and_of_its_threads(place: str, tmp_path: Path) -> None:
    before = store_threads()
    target = ":memory:" if place == "memory" else tmp_path / "lab.db"

    def used_and_closed() -> list[weakref.ref[object]]:
        chat = dn.Chat(dn.ScriptedProvider(pace=0), store=target)
        chat.send("Hello").result(60)
        assert store_threads() - before
        chat.close()
        conversation = chat._conversation
        return [weakref.ref(chat), weakref.ref(conversation), weakref.ref(conversation.store)]

    left = used_and_closed()

    def are_gone() -> bool:
        gc.collect()
        return not any(each() for each in left)

    wait_until(are_gone)
    wait_until(lambda: store_threads() <= before)


def test_a_store_that_nobody_writes_keeps_no_thread_and_is_written_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer, "IDLE_S", 0.01)
    before = store_threads()
    with Store(":memory:") as store:
        for number in range(200):
            store.create_conversation(ConversationRow(f"c{number}", created_us=1)).result(60)
            if number % 20 == 0:
                wait_until(lambda: store_threads() <= before)
            elif number % 3 == 0:
                threading.Event().wait(0.01)  # the thread may just be about to end
        assert len(store.conversation_ids()) == 200
    # One that was just about to end by itself is not waited for by `close`.
    wait_until(lambda: store_threads() <= before)
