"""What a page sends comes back to it by its id: on its screen at every moment, and once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import dispatch_nb as dn
from dispatch_nb.engine.contracts import Finish, ProviderEvent, TextDelta
from dispatch_nb.transcript.live import LiveState, fold_live, from_snapshot, initial_live
from dispatch_nb.transcript.selectors import select_chunks
from dispatch_nb.transcript.sync import append_user_message, reject_echo
from dispatch_nb.wire.conversation import TextChunk
from dispatch_nb.wire.extensions import LiveEvent
from dispatch_nb.wire.parse import parse_view_message
from dispatch_nb.wire.view import EventsMessage, SnapshotMessage
from tests.test_chat import View
from tests.waiting import wait_until

STEPS: Sequence[Sequence[ProviderEvent]] = [
    [TextDelta("so "), TextDelta("it is"), Finish("stop")] for _ in range(3)
]


def opened(path: Path) -> tuple[dn.Chat, View]:
    chat = dn.Chat(dn.ScriptedProvider(steps=STEPS, pace=0), store=path)
    view = View(chat)
    view.act(type="ready")
    wait_until(lambda: bool(view.got("snapshot")))
    return chat, view


def sent(live: LiveState, text: str, name: str) -> LiveState:
    state = append_user_message(live.transcript, text, client_message_id=name)
    return live._replace(transcript=state)


def prompts(live: LiveState) -> list[str]:
    shown = [chunk for chunk in select_chunks(live.transcript) if chunk.role == "user"]
    return [chunk.chunk.text for chunk in shown if isinstance(chunk.chunk, TextChunk)]


def test_a_prompt_is_shown_once_after_every_event_that_the_kernel_tells(tmp_path):
    chat, view = opened(tmp_path / "lab.db")
    first = parse_view_message(view.messages[0])
    assert isinstance(first, SnapshotMessage)
    live = sent(from_snapshot(first), "hi", "page-1")
    view.act(type="send", requestId="page-1", text="hi")
    wait_until(lambda: bool(view.got("reply")) and chat.status == "idle")
    chat.send("hi").result(60)
    wait_until(lambda: chat.last_seq == 4 and chat.status == "idle")

    def told() -> list[EventsMessage]:
        found = [parse_view_message(message) for message in view.got("events")]
        return [message for message in found if isinstance(message, EventsMessage)]

    def events() -> list[LiveEvent]:
        return [event for message in told() for event in message.events]

    wait_until(lambda: [event.type for event in events()].count("turn-sealed") == 2)
    assert [event.type for event in events()[:2]] == ["nb.prompt-sent", "user-message"]
    assert [event.type for event in events()].count("nb.prompt-sent") == 1
    counts = []
    for event in events():
        live = fold_live(live, event)
        counts.append(len(prompts(live)))
    # Once from the first moment on; the second one is the other turn's own.
    assert sorted(set(counts)) == [1, 2]
    assert counts == sorted(counts)
    assert not any(chunk.sending for chunk in select_chunks(live.transcript))


def test_a_snapshot_says_which_prompts_it_contains(tmp_path):
    chat, view = opened(tmp_path / "lab.db")
    view.act(type="send", requestId="page-1", text="hi")
    wait_until(lambda: chat.last_seq == 2 and chat.status == "idle")
    view.act(type="resync", **{"from": 1})
    wait_until(lambda: len(view.got("snapshot")) == 2)
    snapshot = parse_view_message(view.got("snapshot")[-1])
    assert isinstance(snapshot, SnapshotMessage)
    assert snapshot.claimed == ["page-1"]
    before = sent(sent(initial_live(), "hi", "page-1"), "hi", "page-2")
    live = from_snapshot(snapshot, before)
    assert prompts(live) == ["hi", "hi"]
    assert [chunk.sending for chunk in select_chunks(live.transcript)] == [False, False, True]


def test_a_prompt_that_is_refused_leaves_nothing_in_the_log(tmp_path):
    chat, view = opened(tmp_path / "lab.db")
    live = sent(initial_live(), "   ", "page-1")
    view.act(type="send", requestId="page-1", text="   ")
    wait_until(lambda: bool(view.got("reply")))
    assert view.got("reply")[-1]["accepted"] is False
    state = reject_echo(live.transcript, "   ", client_message_id="page-1")
    assert list(select_chunks(state)) == []
    assert chat.events() == []
