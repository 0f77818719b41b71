"""What the caller hears of each step, and its failures (turn contract, section 1)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from dispatch_nb.engine.contracts import AbortSignal, Finish, TextDelta, UsageReport
from dispatch_nb.wire.conversation import ChatMessage, Usage
from tests.engine_parts import GatedTools, Line, Playback, Steering, Turn, call, echo, let_loop_run

pytestmark = pytest.mark.anyio

USAGE = UsageReport(Usage(input_tokens=3, output_tokens=2))
CALLS_ECHO: list[Line] = [call("echo", {"n": 1}), Finish("tool_calls")]
ANSWER: list[Line] = [TextDelta("fine"), Finish("stop")]


async def test_on_step_complete_gets_the_very_objects_of_the_result_in_order():
    turn = Turn(Playback([call("echo", 1, id="a"), call("echo", 2, id="b")], ANSWER), [echo()])
    result = await turn.run()
    reported = [message for step in turn.steps for message in step]
    assert [message.role for message in reported] == ["assistant", "tool", "tool", "assistant"]
    assert list(map(id, reported)) == list(map(id, result.messages))


async def test_on_step_complete_gets_a_list_of_its_own():
    turn = Turn(Playback(ANSWER))
    result = await turn.run()
    turn.steps[0].clear()
    assert len(result.messages) == 1


async def test_on_step_complete_is_not_called_for_an_empty_step():
    turn = Turn(Playback([USAGE, Finish("length")]))
    result = await turn.run()
    assert turn.steps == []
    assert (result.messages, result.finish_reason) == ([], "length")


async def test_on_step_complete_is_awaited_before_anything_else():
    asked, answered = asyncio.Event(), asyncio.Event()

    async def store(messages: Sequence[ChatMessage]) -> None:
        asked.set()
        await answered.wait()

    drain = Steering()
    provider = Playback(CALLS_ECHO, ANSWER)
    turn = Turn(provider, [echo()], on_step_complete=store, drain_steering=drain)
    running = turn.start()
    await asked.wait()
    await let_loop_run()
    assert (len(provider.requests), drain.drains) == (1, 0)
    assert turn.labels[-1] == "tool-result:echo"
    answered.set()
    await running
    assert (len(provider.requests), drain.drains) == (2, 1)


async def test_on_step_complete_comes_before_the_abort_check():
    signal = AbortSignal()
    steps: list[Any] = []

    def store(messages: Sequence[ChatMessage]) -> None:
        steps.append(messages)
        signal.abort()

    turn = Turn(Playback(ANSWER), signal=signal, on_step_complete=store)
    result = await turn.run()
    assert len(steps) == 1
    assert result.finish_reason == "aborted"


async def test_an_exception_of_on_step_complete_propagates_and_no_done_is_emitted():
    async def store(messages: Sequence[ChatMessage]) -> None:
        raise OSError("disk full")

    turn = Turn(Playback(ANSWER), on_step_complete=store)
    with pytest.raises(OSError, match="disk full"):
        await turn.run()
    assert turn.labels[-1] == "step-complete"


async def test_without_on_step_complete_the_result_holds_everything():
    turn = Turn(Playback(CALLS_ECHO, ANSWER), [echo()], on_step_complete=None)
    result = await turn.run()
    assert [message.role for message in result.messages] == ["assistant", "tool", "assistant"]


async def test_an_exception_of_emit_propagates_and_everything_is_closed():
    tools = GatedTools("slow")
    provider = Playback([call("slow"), *[TextDelta("x")] * 100], ANSWER)

    def emit(event: Any) -> None:
        if event.type == "text-delta":
            raise OSError("the journal is gone")

    turn = Turn(provider, tools.tools, emit=emit)
    with pytest.raises(OSError, match="the journal is gone"):
        await turn.run()
    assert provider.closed == 1
    assert tools.cancelled == ["slow"]


@pytest.mark.parametrize("kind", ["tool-output", "nb.tool-settled"])
async def test_an_exception_of_emit_while_a_tool_runs_propagates_too(kind: str):
    tool = echo()
    run = tool.execute

    async def talk(input: Any, context: Any) -> Any:
        context.on_output("…", "stdout")
        return await run(input, context)

    tool.execute = talk

    def emit(event: Any) -> None:
        if event.type == kind:
            raise OSError("the journal is gone")

    with pytest.raises(OSError, match="the journal is gone"):
        await Turn(Playback(CALLS_ECHO, ANSWER), [tool], emit=emit).run()
