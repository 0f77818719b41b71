"""Choosing anew for a conversation that is open: model, parameters, title."""

from __future__ import annotations

import pytest

from dispatch_nb import Chat, ScriptedProvider, Store
from dispatch_nb.compose import settings_of
from dispatch_nb.errors import ModelError, SettingError
from tests.waiting import wait_until


@pytest.fixture
def chat(tmp_path):
    return Chat(store=tmp_path / "s.db", temperature=0.2, seed=3)


def say(chat, **message):
    told = []
    chat.send_state = lambda *args, **kwargs: None
    chat._acts._tell = lambda reply: told.append(reply.to_wire())
    chat._on_message(chat, {"requestId": "r", **message}, [])
    return told


SETTINGS = {
    "temperature": 1.5,
    "topP": None,
    "maxTokens": 50,
    "seed": None,
    "reasoningEffort": "low",
}


def test_what_is_given_changes_what_is_none_goes_back_and_the_rest_stays(chat):
    chat.configure(temperature=1.0, max_tokens=9)
    chat.configure(max_tokens=None)
    assert chat.settings == {
        "temperature": 1.0,
        "topP": None,
        "maxTokens": None,
        "seed": 3,
        "reasoningEffort": None,
    }


def test_the_next_turn_is_run_with_it(tmp_path):
    chat = Chat(ScriptedProvider(pace=0), store=tmp_path / "s.db", temperature=0.2)
    chat.send("1+2").result(timeout=20)
    chat.configure(temperature=0.9)
    chat.send("3+4").result(timeout=20)
    assert chat.steps.groupby("turn_id", sort=False).temperature.first().tolist() == [0.2, 0.9]


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"temperature": -1}, "temperature must be a number"),
        ({"model": "nobody:x"}, "not a known provider"),
        ({"temprature": 1}, "no such setting"),
    ],
)
def test_a_wrong_choice_changes_nothing(chat, choices, words):
    with pytest.raises((SettingError, ModelError), match=words):
        chat.configure(**choices)
    assert chat.settings["temperature"] == 0.2
    assert chat.model == "scripted:demo"


def test_a_key_and_an_address_do_not_go_to_another_provider(tmp_path):
    chat = Chat(
        "openai:m", base_url="http://localhost:1/v1", api_key="sk-one", store=tmp_path / "s.db"
    )
    chat.configure(model="scripted:demo")
    settings = settings_of(chat._conversation)
    assert (settings.base_url, settings.api_key) == (None, None)


def test_a_model_of_the_same_provider_keeps_key_and_address(tmp_path):
    chat = Chat(
        "openai:m", base_url="http://localhost:1/v1", api_key="sk-one", store=tmp_path / "s.db"
    )
    chat.configure(model="openai:n")
    assert chat.model == "openai:n"
    assert settings_of(chat._conversation).api_key is not None


def test_a_title_is_stored_and_shown(tmp_path):
    chat = Chat(ScriptedProvider(pace=0), store=tmp_path / "s.db")
    chat.send("hello").result(timeout=20)
    chat.rename("  Monday ")
    wait_until(lambda: chat.title == "Monday")
    assert Store(tmp_path / "s.db").conversations.title.tolist() == ["Monday"]
    chat.send("again").result(timeout=20)
    assert chat.title == "Monday"


def test_a_view_configures_all_at_once(chat):
    (reply,) = say(chat, type="configure", model="scripted:demo", settings=SETTINGS)
    assert reply == {"type": "reply", "requestId": "r", "accepted": True}
    assert chat.settings == SETTINGS


def test_a_view_is_told_why_a_choice_is_refused(chat):
    (reply,) = say(chat, type="configure", model="nobody:x", settings=SETTINGS)
    assert reply["accepted"] is False
    assert "not a known provider" in reply["reason"]
    assert chat.settings["temperature"] == 0.2


def test_a_view_renames(chat):
    (reply,) = say(chat, type="rename", title="Tuesday")
    assert reply["accepted"] is True
    wait_until(lambda: chat.title == "Tuesday")
