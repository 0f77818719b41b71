"""`chat.on_update`: told after every change, and in nobody's way."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

import dispatch_nb as dn
from tests.test_chat import SCRIPT, add
from tests.waiting import wait_until


@pytest.fixture
def chat(tmp_path: Path) -> dn.Chat:
    provider = dn.ScriptedProvider(steps=SCRIPT, pace=0)
    return dn.Chat(provider, tools=[add], store=tmp_path / "lab.db")


def test_the_last_change_is_followed_by_a_call_however_slow_the_function(chat: dn.Chat) -> None:
    seen: list[int] = []
    gate = threading.Event()

    def look(changed: dn.Chat) -> None:
        gate.wait(60)
        seen.append(len(changed.chunks))

    end = chat.on_update(look)
    turn = chat.send("1+2?")
    assert turn.result(30).text == "It is 3."
    assert seen == []
    gate.set()
    wait_until(lambda: bool(seen) and seen[-1] == 5)
    assert seen == sorted(seen)
    wait_until(lambda: chat._updates._thread is None)
    end()
    before = len(seen)
    chat._updates.tell()
    assert len(seen) == before


def test_a_function_that_raises_is_told_about_and_called_no_more(
    chat: dn.Chat, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[int] = []

    def broken(changed: dn.Chat) -> None:
        calls.append(1)
        raise ZeroDivisionError("no tokens")

    chat.on_update(broken)
    others: list[int] = []
    chat.on_update(lambda changed: others.append(changed.last_seq))
    with caplog.at_level(logging.ERROR):
        chat.send("1+2?").result(30)
        wait_until(lambda: bool(others) and others[-1] == 5)
    assert calls == [1]
    assert "is called no more" in caplog.text


def test_the_frames_of_a_turn_are_its_own(chat: dn.Chat) -> None:
    turn = chat.send("1+2?").result(30)
    assert turn.steps["input_tokens"].sum() == 20
    assert turn.chunks["seq"].tolist() == [1, 2, 3, 4, 5]
    assert turn.frame("chunks", columns=["text"])["text"].iloc[-1] == "It is 3."
    assert dn.Frames(turn, chat).steps["store"].nunique() == 1
