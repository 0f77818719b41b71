"""How the tool calls of a step run (turn contract, section 4.1)."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch_nb.engine.contracts import (
    DispatchPolicy,
    Finish,
    TextDelta,
    ToolContext,
    ToolOutcome,
)
from tests.engine_parts import AnyTool, GatedTools, Line, Playback, Turn, call, echo, let_loop_run

pytestmark = pytest.mark.anyio

ANSWER: list[Line] = [TextDelta("fine"), Finish("stop")]
UNLIMITED = DispatchPolicy(max_concurrent=0)


async def test_an_eager_call_starts_while_the_answer_still_streams():
    tools = GatedTools("a")
    script: list[Line] = [call("a"), lambda: tools.start_of("a"), TextDelta("x")]
    turn = Turn(Playback(script, ANSWER), tools.tools)
    running = turn.start()
    await turn.until("text-delta")
    assert tools.started == ["a"]
    tools.open("a")
    await running


async def test_a_deferred_call_starts_after_step_complete():
    seen: list[list[str]] = []

    async def execute(input: Any, context: ToolContext) -> ToolOutcome:
        seen.append(list(turn.labels))
        return ToolOutcome("done")

    turn = Turn(
        Playback([call("a"), let_loop_run, TextDelta("x")], ANSWER),
        [AnyTool("a", execute)],
        dispatch=DispatchPolicy(eager=False),
    )
    await turn.run()
    assert seen == [["turn-start", "tool-call:a", "text-delta", "step-complete"]]


async def test_by_default_calls_run_eagerly_and_one_at_a_time():
    assert Turn(Playback(ANSWER)).input.dispatch == DispatchPolicy(max_concurrent=1, eager=True)


@pytest.mark.parametrize("eager", [True, False])
@pytest.mark.parametrize(("limit", "at_once"), [(0, 4), (1, 1), (2, 2), (9, 4)])
async def test_at_most_max_concurrent_calls_run_at_once(limit: int, at_once: int, eager: bool):
    names = ["a", "b", "c", "d"]
    tools = GatedTools(*names)
    policy = DispatchPolicy(max_concurrent=limit, eager=eager)
    turn = Turn(Playback([call(name) for name in names], ANSWER), tools.tools, dispatch=policy)
    running = turn.start()
    await turn.until("step-complete")
    await let_loop_run()
    assert tools.started == names[:at_once]
    tools.open("a")
    await turn.until("tool-result:a")
    await let_loop_run()
    assert tools.started == names[: at_once + 1]
    tools.open(*names)
    await running
    assert tools.started == names


async def test_an_unsafe_tool_runs_alone_and_what_waits_behind_it_waits():
    tools = GatedTools("a", "unsafe", "b", unsafe=["unsafe"])
    script: list[Line] = [call("a"), call("unsafe"), call("b")]
    turn = Turn(Playback(script, ANSWER), tools.tools, dispatch=UNLIMITED)
    running = turn.start()
    await turn.until("step-complete")
    await let_loop_run()
    assert tools.started == ["a"]
    tools.open("a")
    await tools.start_of("unsafe")
    await let_loop_run()
    assert tools.started == ["a", "unsafe"]
    tools.open("unsafe")
    await tools.start_of("b")
    tools.open("b")
    await running


async def test_a_blocked_head_blocks_the_rest_in_first_in_first_out_order():
    tools = GatedTools("a", "b", "c", unsafe=["b"])
    script: list[Line] = [call("a"), call("b"), call("c"), call("nobody")]
    turn = Turn(Playback(script, ANSWER), tools.tools, dispatch=DispatchPolicy(max_concurrent=3))
    running = turn.start()
    await turn.until("step-complete")
    await let_loop_run()
    assert tools.started == ["a"]
    assert turn.of("nb.tool-settled") == []
    tools.open("a", "b", "c")
    await running
    assert tools.started == ["a", "b", "c"]


async def test_an_unknown_tool_counts_as_safe():
    tools = GatedTools("a")
    turn = Turn(Playback([call("a"), call("nobody")], ANSWER), tools.tools, dispatch=UNLIMITED)
    running = turn.start()
    await turn.until("nb.tool-settled:nobody")
    assert "nb.tool-settled:a" not in turn.labels
    tools.open("a")
    await running


async def test_equal_calls_of_one_step_run_once_and_each_gets_the_result():
    runs: list[Any] = []

    async def execute(input: Any, context: ToolContext) -> ToolOutcome:
        runs.append((context.tool_call_id, input))
        return ToolOutcome(f"run {len(runs)}", is_error=True)

    script: list[Line] = [
        call("f", {"x": 1, "y": 2}, id="1"),
        call("f", {"x": 1, "y": 2}, id="2"),
        call("f", {"y": 2, "x": 1}, id="3"),
        call("g", {"x": 1, "y": 2}, id="4"),
    ]
    tools = [AnyTool("f", execute), AnyTool("g", execute)]
    turn = Turn(Playback(script, script, ANSWER), tools)
    await turn.run()
    assert [id for id, _ in runs] == ["1", "3", "4"] * 2  # and again in the next step
    assert turn.results()[:4] == [
        ("1", "run 1", True),
        ("2", "run 1", True),
        ("3", "run 2", True),
        ("4", "run 3", True),
    ]
    assert sorted(event.tool_call_id for event in turn.of("nb.tool-settled")[:4]) == list("1234")


async def test_an_equal_call_that_comes_after_the_run_has_ended_is_settled_at_once():
    settled = "nb.tool-settled:1"
    turn: Turn
    script: list[Line] = [call("echo", id="1"), lambda: turn.until(settled), call("echo", id="2")]
    turn = Turn(Playback(script, ANSWER), [echo()])
    await turn.run()
    assert turn.labels[1:6] == [
        "tool-call:1",
        settled,
        "tool-call:2",
        "nb.tool-settled:2",
        "step-complete",
    ]


async def test_a_repeated_call_id_gets_the_later_result_twice():
    tools = GatedTools("a", "b")
    script: list[Line] = [call("a", id="same"), call("b", id="same")]
    turn = Turn(Playback(script, ANSWER), tools.tools, dispatch=UNLIMITED)
    running = turn.start()
    tools.open("b")
    await turn.until("step-complete")
    await let_loop_run()
    assert turn.results() == []  # the first call's own run is part of the step
    tools.open("a")
    await running
    assert turn.results() == [("same", "b", False)] * 2
    assert [event.tool_name for event in turn.of("tool-result")] == ["a", "b"]
    assert turn.labels.count("nb.tool-settled:same") == 1  # the overridden run has no say


async def test_a_call_repeated_with_its_id_is_settled_once():
    turn: Turn
    again = call("echo", id="1")
    turn = Turn(Playback([again, lambda: turn.until("nb.tool-settled:1"), again], ANSWER), [echo()])
    await turn.run()
    assert turn.labels.count("nb.tool-settled:1") == 1
    assert turn.results() == [("1", "echo(None)", False)] * 2
