"""The queue as a view has it: typed there, taken back there, given back with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

import dispatch_nb as dn
from dispatch_nb.errors import StoreError
from dispatch_nb.store.rows import EventRow
from tests.conversation_parts import Scripted, add
from tests.queue_parts import END, Gated, typed
from tests.waiting import wait_until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lab.db"


class View:
    """The other end of the comm: keeps what it is told, and acts."""

    def __init__(self, chat: dn.Chat) -> None:
        self.chat = chat
        self.replies: dict[str, dict[str, Any]] = {}
        chat.comm.send = self._receive

    def _receive(self, data: dict[str, Any], *_: object, **__: object) -> None:
        if data["method"] == "custom" and data["content"]["type"] == "reply":
            self.replies[data["content"]["requestId"]] = data["content"]

    def act(self, request_id: str, type: str, **more: object) -> None:
        self.chat._handle_custom_msg({"type": type, "requestId": request_id, **more}, [])

    def reply(self, request_id: str) -> dict[str, Any]:
        wait_until(lambda: request_id in self.replies)
        return self.replies[request_id]


def test_a_view_queues_takes_back_and_sends_what_was_kept(path):
    provider = Gated()
    chat = dn.Chat(provider, tools=[add], store=path)
    view = View(chat)
    view.act("r1", "send", text="go")
    assert view.reply("r1")["accepted"]
    view.act("r2", "steer", text="in French")
    view.act("r3", "steer", text="and short")
    assert view.reply("r3")["accepted"]
    wait_until(lambda: [each["id"] for each in chat.queue] == ["r2", "r3"])
    view.act("r4", "cancel-queued", id="r3")
    assert view.reply("r4")["accepted"]
    view.act("r5", "cancel-queued", id="r3")
    assert "not waiting any more" in view.reply("r5")["reason"]
    view.act("r6", "stop")
    wait_until(lambda: chat.status == "idle")
    wait_until(
        lambda: [(each["text"], each["kept"]) for each in chat.queue] == [("in French", True)]
    )
    assert chat.get_state(["queue"])["queue"] == chat.queue
    view.act("r7", "send-queued")
    assert view.reply("r7")["accepted"]
    provider.play(END)
    wait_until(lambda: chat.status == "idle" and chat.queue == [])
    assert typed(chat._conversation) == ["go", "in French"]
    view.act("r8", "send-queued")
    assert view.reply("r8")["reason"] == "Nothing is kept to be sent: write a message."


def test_a_message_that_the_store_does_not_take_goes_back_to_its_view_with_the_reason(path):
    chat = dn.Chat(Scripted(END), store=path)
    view = View(chat)
    store = chat._conversation.store

    def full(conversation_id: str, rows: Sequence[EventRow], **_: Any) -> Future[None]:
        future: Future[None] = Future()
        future.set_exception(StoreError("The disk is full."))
        return future

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "append_events", full)
        view.act("r1", "send", text="go")
        reply = view.reply("r1")
    assert (reply["accepted"], reply["reason"]) == (False, "The disk is full.")
    wait_until(lambda: chat.status == "idle")
    assert chat.history().chunks == []
