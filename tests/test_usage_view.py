"""The usage widget: what its views are told, when, and where a bar leads."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Any

import pytest

import dispatch_nb as dn
from dispatch_nb.engine.contracts import Failure, Finish, TextDelta, ToolCall, UsageReport
from dispatch_nb.errors import SettingError, TurnFailedError
from dispatch_nb.providers.scripted import Pause, ScriptItem
from dispatch_nb.store import StepRow
from dispatch_nb.widget.usage_text import as_html, compact, money
from dispatch_nb.widget.usage_view import SELDOM_S, WINDOW
from dispatch_nb.wire.conversation import Usage
from tests.waiting import wait_until

LOOK: dict[str, object] = {
    **{"by": "step", "measure": "tokens", "conversationId": None, "before": None},
    **{"models": [], "statuses": [], "sinceMs": None, "untilMs": None, "words": ""},
}


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def used(given: int, said: int) -> UsageReport:
    return UsageReport(Usage(input_tokens=given, output_tokens=said))


class Page:
    """What a page would send, and what it is told; it paints at once, unless it sleeps."""

    def __init__(self, view: dn.UsageView, monkeypatch: pytest.MonkeyPatch) -> None:
        self.view = view
        self.told: list[dict[str, Any]] = []
        self.sleeps = False
        self.bars: dict[str, dict[str, Any]] = {}
        self.order: list[str] = []
        self.head: dict[str, Any] = {}
        self.n = 0
        monkeypatch.setattr(view, "send", self._hear)

    def _hear(self, message: dict[str, Any]) -> None:
        self.told.append(message)
        if message["type"] not in ("figures", "update"):
            return
        if message["type"] == "figures":
            self.bars, self.order = {}, [bar["key"] for bar in message["bars"]]
        else:
            assert message["n"] == self.n + 1
        self.n = message["n"]
        self.bars |= {bar["key"]: bar for bar in message["bars"]}
        self.order = message.get("order", self.order)
        # Last: who waits for what it says then finds the bars of the same message.
        self.head = message["head"]
        if not self.sleeps:
            self.say(type="painted", n=self.n)

    def say(self, **message: Any) -> dict[str, Any]:
        self.view._on_message(self.view, message, [])
        return self.told[-1]

    def look(self, **changes: Any) -> dict[str, Any]:
        return self.say(type="look", requestId="l", look=LOOK | changes)

    @property
    def steps(self) -> list[dict[str, Any]]:
        return [self.bars[key]["step"] for key in self.order]


def is_over(page: Page, turns: int) -> bool:
    return bool(page.head["turns"] == turns and page.head["running"] == 0)


@pytest.fixture
def chat(tmp_path):
    steps: list[list[ScriptItem]] = [
        [TextDelta("I add."), ToolCall("1", "add", {"a": 1, "b": 2}), used(40, 9), Finish("calls")],
        [TextDelta("Three."), used(60, 4), Finish("stop")],
        [TextDelta("A long answer that " * 40), Pause(60)],
    ]
    provider = dn.ScriptedProvider(steps=steps, pace=0)
    made = dn.Chat(provider, tools=[add], store=tmp_path / "lab.db", conversation="talk")
    made.send("1+2?").result(20)
    yield made
    made.close()


@pytest.fixture
def page(chat, monkeypatch):
    view = dn.UsageView(chat)
    yield Page(view, monkeypatch)
    view.close()


def test_a_chat_is_shown_step_by_step_with_its_calls(page):
    page.look()
    assert page.order == [f"{page.order[0].partition('#')[0]}#{at}" for at in (0, 1)]
    first, second = page.steps
    assert (first["turn"], first["step"], second["step"]) == (1, 1, 2)
    assert [(call["name"], call["seq"], call["status"]) for call in first["calls"]] == [
        ("add", 3, "completed")
    ]
    totals = page.head["totals"]
    assert (totals["inputTokens"], totals["outputTokens"]) == (100, 13)


def test_a_price_that_is_not_known_is_named_and_never_nothing(page):
    page.look()
    assert page.head["totals"]["costUsd"] is None
    assert page.head["unpriced"] == [{"model": "custom", "steps": 2}]
    assert "price unknown for 2 steps of custom" in repr(page.view)


def test_a_running_step_is_a_bar_that_grows_and_then_counts_exactly(page, chat):
    page.look()
    turn = chat.send("go on")
    wait_until(
        lambda: (
            page.head["running"] == 1
            and len(page.order) == 3
            and page.bars[page.order[2]]["sums"]["outputTokens"] > 0
        )
    )
    running = page.bars[page.order[2]]
    assert running["step"]["status"] == "running"
    assert running["key"] == f"{turn.id}#0"
    assert (running["sums"]["estimated"], running["sums"]["costUsd"]) == (1, None)
    assert page.head["totals"]["steps"] == 2  # what runs is no total yet
    turn.stop()
    wait_until(lambda: page.head["running"] == 0)
    assert page.order == chat.steps["step_id"].tolist()
    assert page.steps[2]["status"] == "aborted"
    assert page.head["totals"]["outputTokens"] == chat.steps["output_tokens"].sum()
    assert page.head["totals"]["stopped"] == 1
    wait_until(lambda: page.view.saved["head"]["running"] == 0)


def test_an_update_tells_what_changed_however_long_the_chat_is(tmp_path, monkeypatch):
    sizes = []
    for count in (60, 600):
        chat = dn.Chat(dn.ScriptedProvider(pace=0), store=tmp_path / f"{count}.db")
        chat.send("Hello").result(20)
        store = chat._conversation.store
        turn = chat.turns["turn_id"][0]
        for at in range(count):
            row = StepRow(
                f"x{at}", turn, chat.conversation_id, at, input_tokens=10, output_tokens=5
            )
            last = store.save_step(row)
        last.result()
        view = dn.UsageView(chat)
        page = Page(view, monkeypatch)
        figures = len(json.dumps(page.look()))
        page.told.clear()
        chat.send("Hello").result(20)
        wait_until(partial(is_over, page, 2))
        assert all(message["type"] == "update" for message in page.told)
        sizes.append((figures, max(len(json.dumps(message)) for message in page.told)))
        view.close()
        chat.close()
    (short_all, short), (long_all, long) = sizes
    assert long < 1.2 * short
    assert long < long_all / 3
    assert long_all < 1.2 * short_all


def test_views_are_told_at_a_bounded_rate_and_seldom_while_nobody_paints(page, chat):
    page.look()
    page.sleeps = True
    page.told.clear()
    began = time.monotonic()
    turn = chat.send("go on")
    for at in range(40):
        chat.rename(f"Title {at}")
        page.view._hear(chat)
        time.sleep(0.02)
    count = len(page.told)
    seconds = time.monotonic() - began
    assert count <= WINDOW + seconds / SELDOM_S + 1
    turn.stop()
    page.sleeps = False
    page.look()
    wait_until(lambda: page.head["running"] == 0)


def test_a_bar_leads_to_the_chunks_of_its_step(page, chat):
    page.look()
    first, second = page.order
    ask = {"type": "open", "requestId": "o", "conversationId": "talk", "inPlace": False}
    place = page.say(**ask, stepId=first)
    seqs = chat.chunks[chat.chunks["step_id"] == first]["seq"]
    assert (place["firstSeq"], place["lastSeq"]) == (seqs.min(), seqs.max())
    assert page.say(**ask, stepId=second)["firstSeq"] == chat.last_seq
    assert page.say(**ask, seq=3)["firstSeq"] == 3
    assert page.view.opened is None
    page.say(**ask | {"inPlace": True}, stepId=first)
    assert page.view.opened is chat
    page.say(type="close")
    assert page.view.opened is None


def test_a_step_without_chunks_leads_to_its_prompt_and_a_running_one_to_the_end(page, chat):
    row = StepRow("tried", chat.turns["turn_id"][0], "talk", 0, attempt=1, error_type="timeout")
    chat._conversation.store.save_step(row).result()
    ask = {"type": "open", "requestId": "o", "conversationId": "talk", "inPlace": False}
    assert page.say(**ask, stepId="tried")["firstSeq"] == 1
    assert page.say(**ask, stepId="not yet")["firstSeq"] == chat.last_seq + 1


def test_what_is_gone_is_refused_with_a_reason(page):
    ask = {"type": "open", "requestId": "o", "conversationId": "nobody", "inPlace": True}
    reply = page.say(**ask)
    assert reply["accepted"] is False
    assert "nobody" in reply["reason"]


def test_a_store_follows_what_another_kernel_would_write(tmp_path, monkeypatch):
    chat = dn.Chat(dn.ScriptedProvider(pace=0), store=tmp_path / "lab.db", conversation="one")
    chat.send("The rain in Oslo").result(20)
    store = dn.Store(tmp_path / "lab.db")
    view = dn.UsageView(store)
    page = Page(view, monkeypatch)
    page.look(by="conversation")
    assert [bar["label"] for bar in page.bars.values()] == ["The rain in Oslo"]
    other = dn.Chat(dn.ScriptedProvider(pace=0), store=tmp_path / "lab.db", conversation="two")
    other.send("Hello").result(20)
    wait_until(lambda: set(page.order) == {"one", "two"} and page.head["running"] == 0)
    wait_until(lambda: page.head["totals"]["inputTokens"] == store.steps["input_tokens"].sum())
    reply = page.say(type="open", requestId="o", conversationId="two", inPlace=True)
    assert reply["accepted"] is True
    assert view.opened is not None
    assert view.opened.conversation_id == "two"
    view.close()


def test_what_a_notebook_keeps_has_figures_and_titles_and_nothing_that_was_said(tmp_path):
    chat = dn.Chat(
        dn.ScriptedProvider(steps=[[TextDelta("SECRET"), used(9, 1), Finish("stop")]], pace=0),
        store=tmp_path / "lab.db",
        api_key="sk-SECRET",
    )
    chat.rename("<b>Oslo</b>")
    chat.send("SECRET").result(20)
    chat.rename("<b>Oslo</b>")
    view = dn.UsageView(chat)
    data, _metadata = view._repr_mimebundle_()
    kept = json.dumps([data, view.get_state(["saved", "of", "conversation_id"])])
    assert "SECRET" not in kept
    assert str(tmp_path) not in kept
    assert "&lt;b&gt;Oslo&lt;/b&gt;" in data["text/html"]
    assert "<b>" not in data["text/html"]
    assert "9 tokens in" in data["text/plain"]
    assert len(kept) < 20_000
    view.close()


def test_nothing_used_is_shown_as_nothing(tmp_path):
    view = dn.UsageView(dn.Store(tmp_path / "new.db"))
    assert view.saved["head"]["totals"]["steps"] == 0
    assert "$0" in as_html(view._told.head, view._told.bars, view._told.look)
    view.close()


def test_only_a_chat_or_a_store_can_be_shown(chat):
    turn = chat.send("x")
    turn.stop()
    sources: list[Any] = ["lab.db", turn, dn.Frames(chat, chat)]
    for source in sources:
        with pytest.raises(SettingError, match="a Chat or a Store, not"):
            dn.UsageView(source)


def test_a_failed_step_counts_as_one(tmp_path, monkeypatch):
    steps: list[list[ScriptItem]] = [[TextDelta("a"), Failure("No.", code="400")]]
    chat = dn.Chat(dn.ScriptedProvider(steps=steps, pace=0), store=tmp_path / "lab.db")
    with pytest.raises(TurnFailedError, match="No"):
        chat.send("x").result(20)
    page = Page(dn.UsageView(chat), monkeypatch)
    page.look()
    assert page.head["totals"]["failed"] == 1
    assert page.steps[0]["status"] == "error"
    page.view.close()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (812, "812"), (999.7, "1000"), (3420, "3.4k"), (999_960, "1M"), (128_000, "128k")],
)
def test_counts_are_short(value, text):
    assert compact(value) == text


@pytest.mark.parametrize(
    ("usd", "text"),
    [(0, "$0"), (0.0042, "$0.0042"), (0.00001, "< $0.0001"), (-0.5, "-$0.50"), (1234.5, "$1,234")],
)
def test_amounts_have_the_digits_that_tell_them_apart(usd, text):
    assert money(usd) == text
