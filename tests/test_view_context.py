"""From which context the views are told: theirs while they are heard, else the kernel's own."""

from __future__ import annotations

from contextvars import ContextVar

import pytest

from dispatch_nb.widget import view_context
from dispatch_nb.widget.view_context import ViewContext

WHERE = ContextVar("WHERE", default="the main shell")


SUBSHELLS = {"subshell 1", "subshell 2"}


class Said:
    """A view context, and from where each thing was said."""

    def __init__(self) -> None:
        self.running = True
        self.places: list[str] = []
        self.context = ViewContext(lambda: self.running, self.say)

    def say(self) -> None:
        self.places.append(WHERE.get())

    def heard_from(self, place: str) -> None:
        token = WHERE.set(place)
        self.context.heard()
        WHERE.reset(token)

    def end(self) -> None:
        self.say()
        self.running = False


@pytest.fixture(autouse=True)
def subshells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_context, "LOOK_S", 0)
    monkeypatch.setattr(view_context, "is_subshell_there", lambda: WHERE.get() in SUBSHELLS)


def test_before_a_view_has_spoken_everything_is_said_from_where_it_happens():
    said = Said()
    token = WHERE.set("a cell")
    said.context.run(said.say)
    WHERE.reset(token)
    assert said.places == ["a cell"]


def test_while_a_turn_runs_it_is_the_context_of_the_newest_message():
    said = Said()
    said.heard_from("subshell 1")
    said.context.run(said.say)
    said.heard_from("subshell 2")
    said.context.run(said.say)
    assert said.places == ["subshell 1", "subshell 2"]


def test_between_turns_and_where_the_shell_is_gone_it_is_the_main_shell():
    said = Said()
    said.heard_from("a closed page's subshell")
    said.context.run(said.say)
    said.heard_from("subshell 1")
    said.running = False
    said.context.run(said.say)
    assert said.places == ["the main shell", "the main shell"]


def test_what_was_being_said_as_the_turn_ended_is_not_the_last_word():
    said = Said()
    said.heard_from("subshell 1")
    said.context.run(said.end)
    assert said.places == ["subshell 1", "the main shell"]
