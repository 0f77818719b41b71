"""Tool calls of a turn that is ended early (turn contract, section 6)."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from dispatch_nb.engine import tasks
from dispatch_nb.engine.contracts import (
    AbortSignal,
    DispatchPolicy,
    TextDelta,
    ToolContext,
    ToolOutcome,
)
from tests.engine_parts import (
    AnyTool,
    GatedTools,
    Line,
    Playback,
    Turn,
    aborting,
    call,
    let_loop_run,
)

pytestmark = pytest.mark.anyio


async def test_running_async_tools_are_cancelled_and_every_call_gets_an_aborted_result():
    signal = AbortSignal()
    tools = GatedTools("a", "b", "c")
    turn = Turn(
        Playback([call("a"), call("b"), call("c")]),
        tools.tools,
        signal=signal,
        dispatch=DispatchPolicy(max_concurrent=2),
    )
    running = turn.start()
    tools.open("a")
    await turn.until("tool-result:a")
    await tools.start_of("b")
    await tools.start_of("c")
    signal.abort()
    result = await running
    assert sorted(tools.cancelled) == ["b", "c"]
    assert turn.results() == [("a", "a", False), ("b", "Aborted", True), ("c", "Aborted", True)]
    assert [message.role for message in result.messages] == ["assistant", "tool", "tool", "tool"]
    assert turn.steps == [result.messages]
    assert turn.of("done")[0].reason == "aborted"


async def test_calls_that_have_not_started_never_start():
    signal = AbortSignal()
    tools = GatedTools("a", "b")
    turn = Turn(Playback([call("a"), call("b"), call("nobody")]), tools.tools, signal=signal)
    running = turn.start()
    await tools.start_of("a")
    await turn.until("step-complete")
    signal.abort()
    await running
    assert tools.started == ["a"]
    assert turn.results() == [(name, "Aborted", True) for name in ("a", "b", "nobody")]
    assert all(event.is_error for event in turn.of("nb.tool-settled"))


@pytest.mark.parametrize("eager", [True, False])
async def test_an_abort_during_the_stream_aborts_its_calls(eager: bool):
    signal = AbortSignal()
    tools = GatedTools("a", "b")
    script: list[Line] = [call("a"), call("b"), aborting(signal), TextDelta("dropped")]
    turn = Turn(Playback(script), tools.tools, signal=signal, dispatch=DispatchPolicy(eager=eager))
    result = await turn.run()
    assert tools.started == (["a"] if eager else [])
    assert turn.results() == [("a", "Aborted", True), ("b", "Aborted", True)]
    assert turn.labels.index("step-complete") < turn.labels.index("tool-result:a")
    assert [chunk.type for chunk in result.messages[0].chunks] == ["tool-call", "tool-call"]


async def test_a_call_is_not_started_when_the_abort_comes_with_it():
    signal = AbortSignal()
    events: list[Any] = []

    def emit(event: Any) -> None:
        events.append(event)
        if event.type == "tool-call":
            signal.abort()

    tools = GatedTools("a")
    await Turn(Playback([call("a")]), tools.tools, signal=signal, emit=emit).run()
    assert tools.started == []
    assert [event.content for event in events if event.type == "tool-result"] == ["Aborted"]


async def test_a_tool_in_a_thread_is_abandoned_and_its_late_outcome_ignored():
    signal = AbortSignal()
    started, release, ended = threading.Event(), threading.Event(), threading.Event()

    def block(context: ToolContext) -> ToolOutcome:
        started.set()
        release.wait(timeout=10)
        context.on_output("late", "stdout")
        ended.set()
        return ToolOutcome("late")

    async def execute(input: Any, context: ToolContext) -> ToolOutcome:
        return await asyncio.to_thread(block, context)

    turn = Turn(Playback([call("f")]), [AnyTool("f", execute)], signal=signal)
    running = turn.start()
    assert await asyncio.to_thread(started.wait, 60)
    signal.abort()
    await running
    assert not ended.is_set()
    emitted = list(turn.events)
    release.set()
    assert await asyncio.to_thread(ended.wait, 60)
    await let_loop_run()
    assert turn.events == emitted
    assert turn.results() == [("f", "Aborted", True)]


async def test_a_tool_that_ignores_its_cancellation_does_not_hold_up_its_result(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(tasks, "GRACE_S", 0.01)
    signal, release, ended = AbortSignal(), asyncio.Event(), asyncio.Event()

    async def execute(input: Any, context: ToolContext) -> ToolOutcome:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        ended.set()
        return ToolOutcome("late")

    turn = Turn(Playback([call("f")]), [AnyTool("f", execute)], signal=signal)
    running = turn.start()
    await turn.until("step-complete")
    signal.abort()
    assert (await running).finish_reason == "aborted"
    assert not ended.is_set()
    release.set()
    await ended.wait()
    await let_loop_run()
    assert turn.results() == [("f", "Aborted", True)]


async def test_a_tool_sees_the_signal_of_the_turn():
    signal = AbortSignal()
    seen: list[AbortSignal] = []

    async def execute(input: Any, context: ToolContext) -> ToolOutcome:
        seen.append(context.signal)
        return ToolOutcome("ok")

    await Turn(
        Playback([call("f")], [TextDelta("x")]), [AnyTool("f", execute)], signal=signal
    ).run()
    assert seen == [signal]


async def test_tools_are_cancelled_at_once_though_the_provider_takes_its_time(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(tasks, "GRACE_S", 60)
    signal = AbortSignal()
    cancelled = asyncio.Event()

    async def execute(input: Any, context: ToolContext) -> ToolOutcome:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        raise AssertionError("never reached")

    async def wait_for_the_tool() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await cancelled.wait()

    turn = Turn(Playback([call("f"), wait_for_the_tool]), [AnyTool("f", execute)], signal=signal)
    running = turn.start()
    await turn.until("tool-call:f")
    await let_loop_run()
    signal.abort()
    async with asyncio.timeout(30):  # the provider would be left behind after the grace only
        await running
    assert turn.results() == [("f", "Aborted", True)]
