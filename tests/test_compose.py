"""What is built from what a person typed."""

from __future__ import annotations

import pytest

from dispatch_nb.compose import open_conversation, open_store
from dispatch_nb.errors import ModelError, SettingError, ToolError


@pytest.mark.parametrize(
    "name", ["{}/lab.db", "lab.db", "other/../lab.db", "~/lab.db", "sqlite:///lab.db", "link.db"]
)
def test_one_file_has_one_store_however_its_path_is_written(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "other").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "lab.db")
    with open_store(tmp_path / "lab.db") as store:
        assert open_store(name.format(tmp_path)) is store


def test_the_default_store_is_the_one_that_its_path_names(tmp_path, monkeypatch):
    monkeypatch.setenv("DISPATCH_NB_STORE", str(tmp_path / "mine.db"))
    with open_store() as store:
        assert open_store(tmp_path / "mine.db") is store


def test_every_store_in_memory_is_a_new_one():
    with open_store(":memory:") as one, open_store(":memory:") as two:
        assert one is not two


def test_a_single_function_is_asked_for_in_a_list():
    def now() -> str:
        """Tell the time."""
        return "noon"

    with pytest.raises(ToolError, match=r"Tools come as a list: write tools=\[…\]"):
        open_conversation(tools=now, store=":memory:")


def test_an_empty_model_name_is_told_what_one_looks_like():
    with pytest.raises(ModelError, match="such as 'openai:MODEL'"):
        open_conversation("", store=":memory:")


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ({"temperature": "hot"}, "temperature must be a number"),
        ({"temperature": float("nan")}, "temperature must be a number"),
        ({"max_tokens": -5}, "max_tokens must be a whole number, 1 or more, not -5"),
        ({"max_tokens": True}, "max_tokens must be a whole number"),
        ({"max_steps": "x"}, "max_steps must be a whole number of model requests"),
        ({"dispatch": "x"}, "dispatch must be a dn.DispatchPolicy"),
        ({"retry": 5}, "retry must be a strategy"),
        ({"system": 5}, "system must be text, not 5"),
        ({"base_url": 5}, "base_url must be text"),
        ({"conversation_id": 5}, "named by some text, not by 5"),
        ({"conversation_id": ""}, "named by some text"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_at_once(tmp_path, choice, sentence):
    with open_store(tmp_path / "lab.db") as store:
        with pytest.raises(SettingError, match=sentence):
            open_conversation(store=store, **choice)
        assert store.conversation_ids() == []


def test_a_wrong_key_does_not_stand_in_the_message():
    with pytest.raises(SettingError, match="not bytes") as caught:
        open_conversation(store=":memory:", api_key=b"sk-secret")
    assert "sk-secret" not in str(caught.value)


def test_opening_a_conversation_again_keeps_what_is_not_chosen_anew():
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    with open_store(":memory:") as store:
        first = open_conversation(store=store, conversation_id="c", tools=[add], max_steps=7)
        assert open_conversation(store=store, conversation_id="c", temperature=0.5) is first
        turn = first.send("Use add with 17 and 25").result(30)
        assert "42" in turn.text
        assert store.conversation("c").model == "scripted:demo"


def test_an_unknown_scripted_model_is_refused():
    with pytest.raises(ModelError, match="the scripted model is 'scripted:demo'"):
        open_conversation("scripted:zzz", store=":memory:")
