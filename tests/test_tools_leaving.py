"""A tool that ends with more than an error is told like one, on its thread and on the loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import dispatch_nb as dn
from dispatch_nb.compose import open_conversation
from dispatch_nb.engine.contracts import Finish, TextDelta, ToolCall
from dispatch_nb.errors import TurnFailedError
from dispatch_nb.providers.scripted import ScriptItem


class Speechless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Leaving(BaseException):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def interrupt() -> None:
    raise KeyboardInterrupt


def leave() -> None:
    raise Leaving


def fail() -> None:
    raise Speechless


async def interrupt_the_loop() -> None:
    raise KeyboardInterrupt


async def fail_on_the_loop() -> None:
    raise Speechless


@pytest.mark.parametrize(
    ("tool", "told"),
    [
        (interrupt, "interrupt raised KeyboardInterrupt"),
        (leave, "Leaving: <exception str() failed>"),
        (fail, "Speechless"),
        (interrupt_the_loop, "KeyboardInterrupt"),
        (fail_on_the_loop, "Speechless"),
    ],
)
def test_the_turn_goes_on(tool: Callable[[], Any], told: str) -> None:
    steps: list[list[ScriptItem]] = [
        [ToolCall("1", tool.__name__, {}), Finish("tool_calls")],
        [TextDelta("It failed."), Finish("stop")],
    ]
    provider = dn.ScriptedProvider(steps=steps, pace=0)
    conversation = open_conversation(provider, tools=[tool], store=":memory:")
    turn = conversation.send("go").result(30)
    assert turn.text == "It failed."
    (result,) = [c.chunk for c in conversation.history().chunks if c.chunk.type == "tool-result"]
    assert result.is_error
    assert result.content.startswith("Tool execution error: ")
    assert result.content.endswith(told)


def test_a_provider_that_raises_an_interrupt_ends_its_turn_and_not_the_loop() -> None:
    async def interrupted() -> None:
        raise KeyboardInterrupt

    steps: list[list[ScriptItem]] = [
        [TextDelta("so far"), interrupted],
        [TextDelta("fine"), Finish("stop")],
    ]
    conversation = open_conversation(dn.ScriptedProvider(steps=steps, pace=0), store=":memory:")
    with pytest.raises(TurnFailedError, match="KeyboardInterrupt"):
        conversation.send("go").result(30)
    assert conversation.send("again").result(30).text == "fine"
