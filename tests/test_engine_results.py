"""What comes of each tool call (turn contract, section 4.2 and the order of section 4)."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from dispatch_nb.engine.contracts import (
    DispatchPolicy,
    Failure,
    Finish,
    TextDelta,
    ToolContext,
    ToolOutcome,
)
from tests.engine_parts import AnyTool, GatedTools, Line, Playback, Turn, call, echo, let_loop_run

pytestmark = pytest.mark.anyio

ANSWER: list[Line] = [TextDelta("fine"), Finish("stop")]
UNLIMITED = DispatchPolicy(max_concurrent=0)


async def test_results_come_in_call_order_each_as_soon_as_it_can_and_settling_shows_at_once():
    tools = GatedTools("a", "b", "c")
    script: list[Line] = [call(name) for name in "abc"]
    turn = Turn(Playback(script, ANSWER), tools.tools, dispatch=UNLIMITED)
    running = turn.start()
    await turn.until("step-complete")
    tools.open("b")
    await turn.until("nb.tool-settled:b")
    await let_loop_run()
    assert turn.results() == []
    tools.open("a")
    await turn.until("tool-result:b")
    assert turn.labels[-4:] == [
        "nb.tool-settled:b",
        "nb.tool-settled:a",
        "tool-result:a",
        "tool-result:b",
    ]
    tools.open("c")
    await running


async def test_no_result_comes_before_step_complete_though_the_tool_has_ended():
    turn: Turn
    script: list[Line] = [call("echo"), lambda: turn.until("nb.tool-settled:echo"), TextDelta("x")]
    turn = Turn(Playback(script, ANSWER), [echo()])
    await turn.run()
    assert turn.labels[1:6] == [
        "tool-call:echo",
        "nb.tool-settled:echo",
        "text-delta",
        "step-complete",
        "tool-result:echo",
    ]


async def test_unknown_and_raising_tools_become_error_results_and_the_turn_goes_on():
    async def fail(input: Any, context: ToolContext) -> ToolOutcome:
        raise input

    async def misbehave(input: Any, context: ToolContext) -> Any:
        return input

    async def cancel_itself(input: Any, context: ToolContext) -> ToolOutcome:
        raise asyncio.CancelledError

    script: list[Line] = [
        call("nobody", id="1"),
        call("fail", ValueError("bad value"), id="2"),
        call("fail", KeyError("city"), id="3"),
        call("fail", RuntimeError(), id="4"),
        call("fail", SystemExit("exit() in a tool"), id="5"),
        call("misbehave", 7, id="6"),
        call("misbehave", ToolOutcome(None), id="7"),  # type: ignore[arg-type]
        call("cancel_itself", id="8"),
    ]
    tools = [AnyTool(f.__name__, f) for f in (fail, misbehave, cancel_itself)]
    turn = Turn(Playback(script, ANSWER), tools)
    assert (await turn.run()).finish_reason == "stop"
    error = "Tool execution error: "
    assert turn.results() == [
        ("1", "Unknown tool: nobody", True),
        ("2", f"{error}bad value", True),
        ("3", f"{error}KeyError: 'city'", True),
        ("4", f"{error}RuntimeError", True),
        ("5", f"{error}exit() in a tool", True),
        ("6", f"{error}the tool misbehave returned 7, not a ToolOutcome", True),
        (
            "7",
            f"{error}the tool misbehave returned ToolOutcome(content=None, is_error=False),"
            " not a ToolOutcome",
            True,
        ),
        ("8", f"{error}the tool's own work was cancelled", True),
    ]


async def test_a_tool_that_raises_instead_of_returning_an_awaitable_is_an_error_result_too():
    def execute(input: Any, context: ToolContext) -> Any:
        raise ValueError("at once")

    turn = Turn(Playback([call("f")], ANSWER), [AnyTool("f", execute)])
    await turn.run()
    assert turn.results() == [("f", "Tool execution error: at once", True)]


async def test_inputs_that_are_not_json_reach_the_tool_as_they_are_and_the_transcript_as_text():
    deep: list[Any] = []
    for _ in range(400):
        deep = [deep]
    inputs: list[Any] = ['{"a": 1', None, {"x": float("nan")}, deep]
    got: list[Any] = []

    async def execute(input: Any, context: ToolContext) -> ToolOutcome:
        got.append(input)
        return ToolOutcome("ok")

    script: list[Line] = [call("f", input, id=str(n)) for n, input in enumerate(inputs)]
    turn = Turn(Playback(script, ANSWER), [AnyTool("f", execute)])
    result = await turn.run()
    assert [one is other for one, other in zip(got, inputs, strict=True)] == [True] * 4
    shown = [event.input for event in turn.of("tool-call")]
    assert shown == ['{"a": 1', None, '{"x": NaN}', "[" * 401 + "]" * 401]
    assert [getattr(chunk, "input", 0) for chunk in result.messages[0].chunks] == shown
    for event in turn.events:
        event.to_json()


async def test_output_of_a_running_tool_comes_from_any_thread_and_never_after_its_end():
    contexts: list[ToolContext] = []
    events: list[Any] = []
    threads: set[int] = set()

    def emit(event: Any) -> None:
        events.append(event)
        threads.add(threading.get_ident())

    async def execute(input: Any, context: ToolContext) -> ToolOutcome:
        contexts.append(context)
        context.on_output("here", "stdout")
        await asyncio.to_thread(context.on_output, "there", "stderr")
        return ToolOutcome("ok")

    turn = Turn(Playback([call("f")], ANSWER), [AnyTool("f", execute)], emit=emit)
    await turn.run()
    contexts[0].on_output("late", "stdout")
    assert [(e.data, e.stream) for e in events if e.type == "tool-output"] == [
        ("here", "stdout"),
        ("there", "stderr"),
    ]
    assert threads == {threading.get_ident()}
    context = contexts[0]
    assert (context.tool_call_id, context.conversation_id, context.turn_id) == ("f", "c", "t")


async def test_calls_made_before_a_final_failure_still_run_and_the_turn_goes_on():
    script: list[Line] = [
        call("echo", 1),
        Failure("overloaded", code="529"),
        TextDelta("never read"),
    ]
    provider = Playback(script, ANSWER)
    turn = Turn(provider, [echo()])
    result = await turn.run()
    assert turn.labels[1:7] == [
        "tool-call:echo",
        "nb.tool-settled:echo",
        "error",
        "step-complete",
        "tool-result:echo",
        "text-delta",
    ]
    assert result.finish_reason == "stop"
    assert [message.role for message in result.messages] == ["assistant", "tool", "assistant"]
