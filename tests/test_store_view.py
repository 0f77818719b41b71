"""The list of a store's conversations: what it finds, what it opens."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from dispatch_nb import Chat, ScriptedProvider, Store
from dispatch_nb.widget.store_view import StoreView
from tests.waiting import wait_until


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lab.db"


@pytest.fixture
def view(path):
    for name, prompt in (("a", "The rain in Oslo"), ("b", "100% sure?"), ("c", "Hello")):
        chat = Chat(ScriptedProvider(pace=0), store=path, conversation=name)
        chat.send(prompt).result(timeout=20)
        chat.close()
    return StoreView(Store(path)._store)


class Page:
    """What a view would send and be told."""

    def __init__(self, view, monkeypatch):
        self.told: list[dict[str, Any]] = []
        self.view = view
        monkeypatch.setattr(view, "send", self.told.append)

    def say(self, **message):
        self.view._on_message(self.view, message, [])
        return self.told[-1] if self.told else None

    def list(self, query="", offset=0, limit=50):
        listing = self.say(type="list", requestId="r", query=query, offset=offset, limit=limit)
        return listing["total"], [row["id"] for row in listing["rows"]]


@pytest.fixture
def page(view, monkeypatch):
    return Page(view, monkeypatch)


def test_conversations_are_listed_newest_first_a_page_at_a_time(page):
    assert page.list(limit=2) == (3, ["c", "b"])
    assert page.list(offset=2) == (3, ["a"])


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("oslo", ["a"]),
        ("100%", ["b"]),
        ("0% s", ["b"]),
        ("%", ["b"]),
        ("scripted", ["c", "b", "a"]),
    ],
)
def test_words_are_looked_for_in_titles_models_and_prompts_as_they_stand(page, words, found):
    assert page.list(words) == (len(found), found)


def test_a_line_tells_turns_tokens_and_that_a_price_is_unknown(page, path):
    page.list()
    row = page.told[-1]["rows"][-1]
    steps = Store(path).chat("a").steps
    assert (row["title"], row["model"], row["turns"]) == ("The rain in Oslo", "scripted:custom", 1)
    assert row["tokens"] == (steps.input_tokens + steps.output_tokens).sum()
    assert row["costUsd"] is None


def test_a_sum_that_lacks_a_price_says_so(page, path):
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE steps SET cost_usd = 0.5 WHERE conversation_id = 'a'")
        raw.execute(
            "INSERT INTO steps (step_id, turn_id, conversation_id, step_index, attempt, "
            "input_tokens, output_tokens, is_lower_bound) "
            "SELECT 'more', turn_id, 'a', 9, 0, 5, 5, 0 FROM turns WHERE conversation_id = 'a'"
        )
    raw.close()
    page.list("Oslo")
    (row,) = page.told[-1]["rows"]
    assert row["isCostPartial"] is True
    assert row["costUsd"] > 0


def test_a_conversation_is_opened_and_closed_again(page):
    reply = page.say(type="open", requestId="o", conversationId="a")
    assert reply == {"type": "reply", "requestId": "o", "accepted": True}
    assert page.view.opened.conversation_id == "a"
    first = page.view.opened
    page.say(type="close")
    assert page.view.opened is None
    page.say(type="open", requestId="o", conversationId="a")
    assert page.view.opened is first


def test_a_conversation_that_is_gone_is_refused_with_a_reason(page):
    reply = page.say(type="open", requestId="o", conversationId="nobody")
    assert reply["accepted"] is False
    assert "nobody" in reply["reason"]
    assert page.view.opened is None


def test_the_list_is_told_when_what_is_open_changes(page):
    page.say(type="open", requestId="o", conversationId="a")
    before = page.view.revision
    page.view.opened.rename("Rain")
    wait_until(lambda: page.view.revision > before)
    page.list()
    assert "Rain" in {row["title"] for row in page.told[-1]["rows"]}


def test_a_store_shows_itself_as_the_list_and_as_text(path, view):
    data, _metadata = Store(path)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "3 conversations" in data["text/plain"]
