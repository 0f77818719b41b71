"""The Chat widget's Python side: traits, frames, acts of a view, bad input."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import ipywidgets
import pandas as pd
import pytest
import traitlets

import dispatch_nb as dn
from dispatch_nb.engine.contracts import (
    Finish,
    ProviderEvent,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    UsageReport,
)
from dispatch_nb.errors import (
    BundleMissingError,
    MessageError,
    ModelError,
    StoreError,
    StoreVersionError,
    ToolError,
    TurnFailedError,
    UnknownConversationError,
)
from dispatch_nb.providers.scripted import Pause, ScriptItem
from dispatch_nb.widget.assets import load_bundle, read_typesetter
from dispatch_nb.widget.outbox import PATIENCE_S, WINDOW
from dispatch_nb.wire.conversation import Usage
from tests.conversation_parts import Listener
from tests.waiting import wait_until

REPORT = UsageReport(Usage(input_tokens=10, output_tokens=4))
SCRIPT: list[list[ProviderEvent]] = [
    [
        ReasoningDelta("add"),
        ToolCall("c1", "add", {"a": 1, "b": 2}),
        REPORT,
        Finish("tool_calls"),
    ],
    [TextDelta("It is "), TextDelta("3."), REPORT, Finish("stop")],
]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lab.db"


@pytest.fixture
def chat(path: Path) -> dn.Chat:
    return dn.Chat(dn.ScriptedProvider(steps=SCRIPT, pace=0), tools=[add], store=path)


class View:
    """The other end of the comm: keeps what it is sent, and answers."""

    def __init__(self, chat: dn.Chat) -> None:
        self.chat = chat
        self.messages: list[dict[str, Any]] = []
        chat.comm.send = self._receive

    def _receive(self, data: dict[str, Any], *_: object, **__: object) -> None:
        if data["method"] == "custom":
            self.messages.append(data["content"])

    def act(self, **message: object) -> None:
        self.chat._handle_custom_msg(message, [])

    def got(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]


def test_the_traits_follow_a_turn_and_can_be_observed(chat):
    seen: list[tuple[str, Any]] = []
    chat.observe(
        lambda change: seen.append((change.name, change.new)),
        ["status", "title", "last_seq", "usage"],
    )
    chat.send("1+2?").result(60)
    wait_until(lambda: chat.status == "idle")
    assert [value for name, value in seen if name == "status"] == ["running", "idle"]
    assert [value for name, value in seen if name == "last_seq"] == [1, 4, 5]
    assert ("title", "1+2?") in seen
    frames = [value for name, value in seen if name == "usage"]
    assert frames
    assert frames[-1].tokens.sum() == 28
    assert chat.totals == {"inputTokens": 20, "outputTokens": 8}


@pytest.mark.parametrize("name", ["status", "title", "model", "last_seq", "usage"])
def test_the_traits_are_read_only(chat, name):
    with pytest.raises(traitlets.TraitError, match="read-only"):
        setattr(chat, name, None)


def test_link_and_boxes_take_the_chat_like_any_widget(chat):
    progress, label = ipywidgets.IntText(), ipywidgets.Text()
    ipywidgets.link((chat, "last_seq"), (progress, "value"))
    ipywidgets.dlink((chat, "status"), (label, "value"))
    box = ipywidgets.VBox([chat, ipywidgets.IntSlider()])
    assert box.children[0] is chat
    chat.send("1+2?").result(60)
    wait_until(lambda: chat.status == "idle")
    assert progress.value == 5
    assert label.value == "idle"


def test_the_frames_show_what_was_said(chat):
    turn = chat.send("1+2?").result(60)
    chunks = chat.chunks
    assert list(chunks.seq) == [1, 2, 3, 4, 5]
    assert list(chunks.chunk_type) == ["text", "thinking", "tool-call", "tool-result", "text"]
    assert chunks.text.iloc[-1] == turn.text == "It is 3."
    assert list(chat.steps.input_tokens) == [10, 10]
    assert chat.turns.output_tokens.sum() == 8
    assert chat.usage.groupby("token_type", observed=True).tokens.sum()["input"] == 20
    assert list(chat.tool_calls.result) == ["3"]
    assert list(chat.messages.role) == ["user", "assistant", "tool", "assistant"]
    assert (chat.deltas.event_type == "text-delta").sum() == 2


def test_empty_and_full_frames_have_the_same_dtypes(chat):
    names = ["chunks", "usage", "steps", "turns", "messages", "tool_calls", "deltas"]
    empty = {name: getattr(chat, name).dtypes for name in names}
    chat.send("1+2?").result(60)
    for name in names:
        pd.testing.assert_series_equal(getattr(chat, name).dtypes, empty[name])


def test_a_view_gets_a_snapshot_and_then_every_event_once(chat):
    view = View(chat)
    view.act(type="ready")
    wait_until(lambda: bool(view.got("snapshot")))
    assert view.got("snapshot")[0]["next"] == 1
    view.act(type="ack", upto=0)
    view.act(type="send", requestId="r1", text="1+2?")
    wait_until(lambda: acknowledged(view) and view.messages[-1].get("upto") == last_event(chat))
    assert view.got("reply") == [{"type": "reply", "requestId": "r1", "accepted": True}]
    ranges = [(message["from"], message["upto"]) for message in view.got("events")]
    assert ranges[0][0] == 1
    assert all(end + 1 == start for (_, end), (start, _) in pairwise(ranges))


def acknowledged(view: View) -> bool:
    events = view.got("events")
    if events:
        view.act(type="ack", upto=events[-1]["upto"])
    return bool(events) and view.chat.status == "idle"


def last_event(chat: dn.Chat) -> int:
    return chat._conversation.position()[1] - 1


def test_a_view_that_paints_nothing_is_not_flooded(path):
    words: list[ProviderEvent] = [TextDelta("word ") for _ in range(3000)]
    provider = dn.ScriptedProvider(steps=[[*words, REPORT, Finish("stop")]], pace=0)
    chat = dn.Chat(provider, store=path)
    view = View(chat)
    started = time.monotonic()
    view.act(type="ready")
    chat.send("go").result(30)
    wait_until(lambda: chat.status == "idle")
    count = len(view.got("events"))
    patient = (time.monotonic() - started) / PATIENCE_S
    assert count <= WINDOW + 1 + patient
    view.act(type="resync", **{"from": 1})
    wait_until(lambda: len(view.got("snapshot")) == 2)
    texts = [c["chunk"]["text"] for c in view.got("snapshot")[1]["transcript"]["committed"]]
    assert texts[1] == "word " * 3000


def test_a_refused_act_is_answered_with_the_reason(chat):
    view = View(chat)
    view.act(type="send", requestId="r1", text="   ")
    view.act(type="stop", requestId="r2")
    view.act(type="steer", requestId="r3", text="hm")
    reasons = {reply["requestId"]: reply["reason"] for reply in view.got("reply")}
    assert reasons["r1"].startswith("The message is empty")
    assert reasons["r2"] == reasons["r3"].split(":")[0] + "."
    assert chat.history().chunks == []


def test_a_view_that_meets_a_formula_gets_the_typesetter(chat):
    view = View(chat)
    view.act(type="fetch", name="typeset")
    (file,) = view.got("file")
    assert file == {"type": "file", "name": "typeset", "text": read_typesetter()}
    assert "typeset" in file["text"]


def test_a_view_that_asks_about_chunks_is_told_what_they_took(chat):
    chat.send("1+2?").result(60)
    wait_until(lambda: chat.status == "idle")
    view = View(chat)
    for first, last in ((2, 5), (5, 5), (1, 1), (90, 99)):
        view.act(type="about", firstSeq=first, lastSeq=last)
    told: list[Any] = [message.get("facts") for message in view.got("facts")]
    both, one, prompt, none = told
    steps = chat.steps
    assert both["usage"]["inputTokens"] == steps.input_tokens.sum() == 20
    assert both["usage"]["outputTokens"] == steps.output_tokens.sum() == 8
    assert both["steps"] == 2
    assert one["steps"] == 1
    assert one["usage"]["inputTokens"] == steps.input_tokens.iloc[1]
    assert both["atMs"] / 1000 == pytest.approx(time.time(), abs=60)
    assert prompt["steps"] == 0
    assert "usage" not in prompt
    assert none is None


def test_where_turns_were_stopped_is_known_to_every_page_and_later(path):
    steps: list[list[ScriptItem]] = [
        [TextDelta("one"), Finish("stop")],
        [TextDelta("two"), Pause(60)],
    ]
    chat = dn.Chat(dn.ScriptedProvider(steps=steps, pace=0), store=path)
    chat.send("a").result(60)
    turn = chat.send("b")
    wait_until(lambda: turn.text == "two")
    assert chat.stops == []
    turn.stop()
    wait_until(lambda: chat.stops == [4])
    assert dn.Chat(store=path, conversation=chat.conversation_id).stops == [4]


def test_the_meter_shows_the_context_and_what_is_known_of_the_cost(chat, path):
    chat.send("1+2?").result(60)
    wait_until(lambda: chat.status == "idle" and "contextSize" in chat.meter)
    assert chat.meter == {"contextSize": 14}
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE steps SET cost_usd = 0.25")
    again = dn.Chat(store=path, conversation=chat.conversation_id)
    assert (again.meter["turnCostUsd"], again.meter["costUsd"]) == (0.5, 0.5)


def test_older_chunks_come_as_a_page(chat):
    chat.send("1+2?").result(60)
    view = View(chat)
    view.act(type="older", before=3)
    (page,) = view.got("history")
    assert [stored["seq"] for stored in page["chunks"]] == [1, 2]


def test_a_page_that_leads_to_a_place_reaches_it_whatever_lies_between(chat, path):
    chat.send("1+2?").result(60)
    with closing(sqlite3.connect(path)) as database, database:
        database.executemany(
            "INSERT INTO chunks SELECT conversation_id, ?, turn_id, step_id, message_id, "
            "message_index, chunk_index, role, chunk_type, chunk_json, text, tool_call_id, "
            "tool_name, input_json, content, is_error, error_code, started_us, completed_us, "
            "delta_count, is_interrupted, detail_json FROM chunks WHERE seq = 1",
            [(seq,) for seq in range(6, 2501)],
        )
    view = View(chat)
    view.act(type="older", before=2400)
    view.act(type="older", before=2400, **{"from": 2000})
    view.act(type="older", before=2400, **{"from": 5})
    near, far, farther = (
        [stored["seq"] for stored in page["chunks"]] for page in view.got("history")
    )
    assert near == list(range(2272, 2400))
    assert set(range(2000, 2400)) <= set(far)
    assert len(farther) == 1024
    assert farther[-1] == 2399


def test_the_saved_state_shows_the_conversation_without_a_kernel(chat):
    chat.send("1+2?").result(60)
    wait_until(lambda: len(chat.saved["transcript"]["committed"]) == 5)
    assert chat.saved["type"] == "snapshot"
    assert chat.get_state(["saved"])["saved"] == chat.saved


def test_a_reopened_store_gives_the_conversation_back(path):
    with_id = dn.Chat(
        dn.ScriptedProvider(steps=SCRIPT, pace=0), tools=[add], store=path, conversation="lesson"
    )
    with_id.send("1+2?").result(60)
    store = dn.Store(path)
    store.close()
    store = dn.Store(path)
    assert list(store.conversations.title) == ["1+2?"]
    again = store.chat("lesson")
    assert again.last_seq == 5
    assert again.title == "1+2?"
    assert again.totals == {"inputTokens": 20, "outputTokens": 8}
    with pytest.raises(UnknownConversationError, match="lesso"):
        store.chat("lessom")


def test_a_store_and_its_reprs_say_what_they_are(chat, path):
    assert repr(dn.Store(path)) == f"<Store {path}, 1 conversations>"
    assert repr(chat) == "<Chat 'Untitled' model=scripted:custom idle, 0 chunks>"


@pytest.mark.parametrize("text", ["", "\n ", None, 3])
def test_an_empty_or_non_text_message_is_refused(chat, text):
    with pytest.raises(MessageError, match=r"message is (empty|text)"):
        chat.send(text)
    assert chat.chunks.empty


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("gpt-4o", "names no provider: write 'PROVIDER:MODEL', such as 'openai:gpt-4o'"),
        ("opnai:gpt", "'opnai' is not a known provider"),
        ("openai:", "names no model"),
        (7, "named by text"),
    ],
)
def test_an_unknown_model_is_refused_before_anything_is_stored(path, model, sentence):
    with pytest.raises(ModelError, match=sentence):
        dn.Chat(model, store=path)
    assert dn.Store(path).conversations.empty


def test_a_conversation_held_with_a_provider_object_asks_for_it_again(path):
    provider = dn.ScriptedProvider(steps=SCRIPT, pace=0)
    dn.Chat(provider, tools=[add], store=path, conversation="c").send("1+2?").result(60)
    dn.Store(path).close()
    again = dn.Store(path).chat("c")
    with pytest.raises(ModelError, match="give it again"):
        again.send("and now?")
    assert again.last_seq == 5


def test_a_missing_key_names_the_variable(path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ModelError, match="OPENAI_API_KEY"):
        dn.Chat("openai:gpt", store=path)


def test_a_function_that_cannot_be_described_is_refused(path):
    def takes_anything(*things: object) -> None:
        """Take anything."""

    with pytest.raises(ToolError, match="things"):
        dn.Chat(tools=[takes_anything], store=path)
    with pytest.raises(ToolError, match="Two tools are named 'add'"):
        dn.Chat(tools=[add, add], store=path)


def test_a_file_that_is_no_database_is_refused_and_stays_as_it_is(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("my notes\n" * 100)
    with pytest.raises(StoreError, match=r"notes\.txt"):
        dn.Chat(store=path)
    assert path.read_text() == "my notes\n" * 100


def test_a_store_of_a_newer_version_is_refused(chat, path):
    dn.Store(path).close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    with pytest.raises(StoreVersionError, match="newer"):
        dn.Store(path)


def test_a_base_url_that_refuses_connections_says_so_and_loses_nothing(path, dead_port):
    url = f"http://127.0.0.1:{dead_port}/v1"
    chat = dn.Chat("openai:any", base_url=url, store=path, retry=NoRetry())
    with pytest.raises(TurnFailedError, match=r"127\.0\.0\.1"):
        chat.send("are you there?").result(20)
    assert list(chat.chunks.chunk_type) == ["text", "error"]
    assert chat.turns.status.iloc[0] == "error"


class NoRetry:
    """Gives up at once."""

    def delay_for(self, *_: object) -> float | None:
        return None

    async def sleep(self, *_: object) -> None:
        raise AssertionError("nothing to wait for")


def test_a_missing_bundle_names_the_build_command(tmp_path):
    with pytest.raises(BundleMissingError, match="npm run build"):
        load_bundle(tmp_path)


def test_a_process_that_made_a_chat_ends_by_itself():
    made = "dn.Chat(dn.ScriptedProvider(pace=0), store=':memory:')"
    script = f"import dispatch_nb as dn; {made}.send('Hello').result(30)"
    subprocess.run([sys.executable, "-c", script], timeout=60, check=True)


def test_the_exported_names_are_the_declared_ones():
    for name in dn.__all__:
        assert getattr(dn, name) is not None
    with pytest.raises(AttributeError, match="nothing_here"):
        dn.nothing_here  # noqa: B018


def test_the_events_of_a_turn_are_given_back_exactly_also_after_it_is_compressed(path):
    chat = dn.Chat(dn.ScriptedProvider(steps=SCRIPT * 2, pace=0), tools=[add], store=path)
    listener = Listener()
    chat._conversation.subscribe(listener)
    first = chat.send("1+2?").result(20)
    second = chat.send("Sure?").result(20)
    chat._conversation.store.compact(chat.conversation_id).result(20)
    assert chat.events() == listener.rows
    assert chat.events(first) + chat.events(second.id) == listener.rows
    assert {row.event.to_wire()["turnId"] for row in chat.events(first)} == {first.id}
    assert chat.events("nobody") == []
