"""What a person may ask a model for: checked at once, used, recorded; keys are not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import dispatch_nb as dn
from dispatch_nb.engine.contracts import (
    Failure,
    Finish,
    ProviderEvent,
    ProviderOptions,
    TextDelta,
    Tool,
)
from dispatch_nb.errors import SettingError
from dispatch_nb.settings import Settings
from dispatch_nb.store import Store
from dispatch_nb.wire.conversation import ChatMessage

KEY = "sk-planted-0123456789abcdef"


class Asked:
    """A provider that notes the options it is asked with."""

    id = "asked"

    def __init__(self) -> None:
        self.options: list[ProviderOptions] = []

    async def stream(
        self, messages: Sequence[ChatMessage], tools: Sequence[Tool], options: ProviderOptions
    ) -> AsyncIterator[ProviderEvent]:
        self.options.append(options)
        yield TextDelta("ok")
        if options.seed == 13:
            yield Failure("unlucky")
            return
        yield Finish("stop")


ALL: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.9,
    "max_tokens": 100,
    "seed": 7,
    "reasoning_effort": "low",
    "extra_body": {"min_p": 0.1, "stop": ["x"]},
    "extra_headers": {"X-Key": KEY},
}


def test_options_of_the_chat_hold_for_every_turn_and_those_of_a_turn_for_it_alone(
    tmp_path: Path,
) -> None:
    provider = Asked()
    with Store(tmp_path / "lab.db") as store:
        chat = dn.Chat(provider, store=store, **ALL)
        chat.send("one").result(20)
        chat.send("two", temperature=0, seed=8, extra_body={}).result(20)
        chat.send("three").result(20)
        first, second, third = provider.options
        for name, value in ALL.items():
            assert getattr(first, name) == value
        assert first == third
        assert (second.temperature, second.seed, second.extra_body) == (0, 8, {})
        assert (second.top_p, second.max_tokens) == (0.9, 100)
        steps = chat.steps
        assert steps["temperature"].tolist() == [0.5, 0, 0.5]
        assert steps["top_p"].tolist() == [0.9] * 3
        assert steps["max_tokens"].tolist() == [100] * 3
        assert steps["seed"].tolist() == [7, 8, 7]
        with store.connect() as connection:
            rows = connection.exec_driver_sql("SELECT params_json FROM turns").scalars().all()
        changed = {name: value for name, value in ALL.items() if name != "extra_body"}
        assert [json.loads(row) for row in rows] == [
            {**ALL, "extra_headers": ["X-Key"]},
            {**changed, "temperature": 0, "seed": 8, "extra_headers": ["X-Key"]},
            {**ALL, "extra_headers": ["X-Key"]},
        ]
        chat.close()


def test_without_options_nothing_is_asked_for_and_nothing_recorded(tmp_path: Path) -> None:
    provider = Asked()
    with Store(tmp_path / "lab.db") as store:
        chat = dn.Chat(provider, store=store)
        chat.send("one").result(20)
        assert provider.options == [ProviderOptions(model="custom")]
        with store.connect() as connection:
            assert connection.exec_driver_sql("SELECT params_json FROM turns").scalar() is None
        chat.close()


def test_a_key_in_a_header_is_in_no_file_no_error_and_no_repr(tmp_path: Path) -> None:
    provider = Asked()
    with Store(tmp_path / "lab.db") as store:
        chat = dn.Chat(provider, store=store, extra_headers={"Authorization": KEY})
        chat.send("one", extra_headers={"X-Other": KEY + "2"}).result(20)
        with pytest.raises(dn.DispatchError) as failed:
            chat.send("two", seed=13).result(20)
        assert provider.options[0].extra_headers == {"X-Other": KEY + "2"}
        shown = [
            *(repr(o) for o in provider.options),
            *(repr(chat), repr(failed.value), json.dumps(chat.get_state(), default=repr)),
            repr(Settings(extra_headers={"X": KEY}, api_key=KEY)),
        ]
        assert not any(KEY in each for each in shown)
        chat.close()
    for path in tmp_path.iterdir():
        assert KEY.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"temperature": -1}, "temperature must be a number, 0 or more, not -1"),
        ({"temperature": True}, "temperature must be"),
        ({"temperature": float("nan")}, "temperature must be"),
        ({"top_p": 1.5}, "top_p must be a number from 0 to 1, not 1.5"),
        ({"max_tokens": 0}, "max_tokens must be a whole number, 1 or more"),
        ({"seed": 1.5}, "seed must be a whole number"),
        (
            {"reasoning_effort": "huge"},
            "one of 'low', 'medium', 'high', 'xhigh', 'max', not 'huge'",
        ),
        ({"extra_body": [1]}, "extra_body must be a dict"),
        ({"extra_body": {"a": {1, 2}}}, "extra_body must be a dict"),
        ({"extra_body": {"stream": False}}, "extra_body cannot set 'stream'"),
        ({"extra_headers": [KEY]}, "extra_headers must be a dict .* not list"),
        ({"extra_headers": {"X\nY": "1"}}, "extra_headers must be"),
        ({"extra_headers": {"X": f"{KEY}\r\nHost: evil"}}, "extra_headers must be"),
    ],
)
def test_a_wrong_option_is_refused_by_name_at_once(
    tmp_path: Path, wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingError, match=said) as refused:
        dn.Chat(Asked(), store=tmp_path / "lab.db", **wrong)
    assert KEY not in str(refused.value)
    with Store(tmp_path / "lab.db") as store:
        chat = dn.Chat(Asked(), store=store)
        with pytest.raises(SettingError, match=said):
            chat.send("x", **wrong)
        assert store.history(chat.conversation_id).chunks == []
        chat.close()
