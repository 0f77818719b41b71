"""Which models the page may suggest, and how much of a model's context is full."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dispatch_nb as dn
from dispatch_nb.engine.contracts import Finish, TextDelta, UsageReport
from dispatch_nb.providers.endpoints import ENDPOINTS
from dispatch_nb.store import Store
from dispatch_nb.wire.conversation import Usage
from tests.raw_server import serving
from tests.waiting import wait_until

KEY = "sk-that-nobody-may-see"


@pytest.fixture(autouse=True)
def no_keys_and_prices(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for row in ENDPOINTS.values():
        monkeypatch.delenv(row.variable, raising=False)
    yield
    dn.prices.reset()


class Watched(dn.Chat):
    """A chat that keeps what its views are told."""

    def _tell_views(self, message: Any) -> None:
        self.__dict__.setdefault("told", []).append(message.to_wire())


def ask(chat: Watched, provider: str) -> dict[str, Any]:
    """Ask as a view does; return the answer."""

    def answers() -> list[dict[str, Any]]:
        return [each for each in chat.__dict__.get("told", []) if each["type"] == "models"]

    before = len(answers())
    chat._on_message(None, {"type": "list-models", "provider": provider}, [])
    wait_until(lambda: len(answers()) > before)
    return answers()[-1]


def test_without_a_provider_the_table_answers_and_no_one_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chat = Watched(store=":memory:")

    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("a server was asked")

    monkeypatch.setattr("dispatch_nb.catalog.fetch_models", refused)
    answer = ask(chat, "")
    known = {each["name"]: each for each in answer["models"]}
    assert known["openai:gpt-4o"]["contextWindow"] == 128_000
    assert known["openai:gpt-4o"]["inputUsd"] == 2.5
    assert {name.partition(":")[0] for name in known} <= set(ENDPOINTS)
    assert "reason" not in answer
    assert ask(chat, "anthropic")["models"][0]["name"].startswith("anthropic:")


def test_the_conversations_own_server_is_asked_with_its_key_which_no_view_is_told() -> None:
    rows = {"data": [{"id": "tuned", "max_model_len": 4_096}]}
    with serving([], listed=json.dumps(rows).encode()) as server:
        chat = Watched("vllm:tuned", base_url=server.base_url, api_key=KEY, store=":memory:")
        answer = ask(chat, "vllm")
        assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert answer["models"] == [{"name": "vllm:tuned", "contextWindow": 4_096}]
    everything = json.dumps([chat.__dict__["told"], chat.get_state()], default=str)
    assert KEY not in everything


def test_a_server_that_is_not_there_is_a_reason_and_holds_nothing_up(dead_port: int) -> None:
    chat = Watched(store=":memory:")
    chat.configure(model="vllm:m", base_url=f"http://127.0.0.1:{dead_port}/v1", api_key=KEY)
    answer = ask(chat, "vllm")
    assert answer["models"] == []
    assert "No connection to" in answer["reason"]
    assert KEY not in answer["reason"]
    assert "not a known provider" in ask(chat, "opnai")["reason"]


def test_a_question_returns_before_a_slow_server_has_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = threading.Event()

    def slow(*_: Any, **__: Any) -> list[Any]:
        gate.wait(20)
        return []

    chat = Watched(store=":memory:")
    monkeypatch.setattr("dispatch_nb.widget.model_lists.find_models", slow)
    chat._on_message(None, {"type": "list-models", "provider": "vllm"}, [])
    assert "told" not in chat.__dict__
    gate.set()
    wait_until(lambda: chat.__dict__.get("told") == [answer_of("vllm")])


def answer_of(provider: str) -> dict[str, Any]:
    return {"type": "models", "provider": provider, "models": []}


def steps(size: int) -> list[list[Any]]:
    report = UsageReport(Usage(input_tokens=size - 10, output_tokens=10))
    return [[TextDelta("ok"), report, Finish("stop")]]


def test_the_meter_has_the_window_of_the_next_answers_model_and_none_that_nobody_knows(
    tmp_path: Path,
) -> None:
    store = tmp_path / "lab.db"
    with serving([]) as server:
        chat = dn.Chat(dn.ScriptedProvider(steps=steps(900), pace=0), store=store)
        assert chat.meter == {}
        chat.send("?").result(timeout=20)
        wait_until(lambda: chat.status == "idle" and "contextSize" in chat.meter)
        assert chat.meter == {"contextSize": 900}
        chat.configure(model="vllm:tuned", base_url=server.base_url)
        assert chat.meter == {"contextSize": 900}
        dn.prices.set("vllm:tuned", input=1, output=2, context_window=4_096)
        chat.configure(model="vllm:tuned")
        assert chat.meter == {"contextSize": 900, "contextWindow": 4_096}
        name = chat.conversation_id
        chat.close()
    again = dn.Chat(store=store, conversation=name)
    assert again.meter["contextWindow"] == 4_096
    again.configure(model="scripted:demo")
    assert again.meter == {"contextSize": 900}


def test_a_listed_models_window_is_known_without_its_key(tmp_path: Path) -> None:
    place = tmp_path / "lab.db"
    with Store(place) as store:
        chat = dn.Chat(dn.ScriptedProvider(steps=steps(900), pace=0), store=store)
        chat.send("?").result(timeout=20)
        wait_until(lambda: chat.status == "idle" and "contextSize" in chat.meter)
        store.update_conversation(chat.conversation_id, model="openai:gpt-4o").result()
    with Store(place) as store:
        again = dn.Chat(store=store, conversation=chat.conversation_id)
        assert again.meter == {"contextSize": 900, "contextWindow": 128_000}
