"""Ending a turn early (turn contract, section 6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dispatch_nb.engine import tasks
from dispatch_nb.engine.contracts import (
    AbortSignal,
    Failure,
    ProviderEvent,
    ReasoningDelta,
    TextDelta,
    ToolContext,
    ToolOutcome,
)
from dispatch_nb.engine.retry import BackoffRetry
from dispatch_nb.wire.conversation import TextChunk, ThinkingChunk
from tests.engine_parts import (
    AnyTool,
    GatedTools,
    Playback,
    Turn,
    aborting,
    call,
    echo,
    let_loop_run,
)

pytestmark = pytest.mark.anyio


async def never() -> None:
    await asyncio.Event().wait()


async def test_aborted_before_the_first_step_a_turn_is_turn_start_and_done():
    signal = AbortSignal()
    signal.abort()
    provider = Playback([TextDelta("x")])
    turn = Turn(provider, signal=signal)
    result = await turn.run()
    assert turn.labels == ["turn-start", "done"]
    assert turn.of("done")[0].to_wire() == {
        "type": "done",
        "conversationId": "c",
        "turnId": "t",
        "reason": "aborted",
    }
    assert (result.messages, result.finish_reason, provider.requests) == ([], "aborted", [])


async def test_a_silent_provider_is_cancelled_at_once_and_what_it_said_is_kept():
    signal = AbortSignal()
    provider = Playback([ReasoningDelta("hm"), TextDelta("par"), TextDelta("tial"), never])
    turn = Turn(provider, signal=signal)
    running = turn.start()
    await turn.until("text-delta")
    await let_loop_run()
    signal.abort()
    result = await running
    assert provider.closed == 1
    assert turn.labels[-2:] == ["step-complete", "done"]
    assert result.messages[0].chunks == [ThinkingChunk(text="hm"), TextChunk(text="partial")]
    assert turn.steps == [result.messages]
    assert result.finish_reason == "aborted"


async def test_the_event_in_hand_is_dropped_and_the_iterator_closed():
    signal = AbortSignal()
    provider = Playback([TextDelta("kept"), aborting(signal), TextDelta("dropped"), never])
    turn = Turn(provider, signal=signal)
    result = await turn.run()
    assert result.messages[0].chunks == [TextChunk(text="kept")]
    assert provider.closed == 1


async def test_a_failure_after_the_abort_is_no_error():
    signal = AbortSignal()
    for line in (Failure("connection closed"), OSError("connection closed")):
        turn = Turn(Playback([TextDelta("x"), aborting(signal), line]), signal=signal)
        result = await turn.run()
        assert result.finish_reason == "aborted"
        assert turn.of("error") == []


async def test_a_provider_that_never_pauses_can_be_aborted():
    signal = AbortSignal()

    class Torrent(Playback):
        async def stream(self, *given: Any) -> AsyncIterator[ProviderEvent]:
            asyncio.get_running_loop().call_soon(signal.abort)
            for _ in range(10_000):
                yield TextDelta("x")

    turn = Turn(Torrent(), signal=signal)
    assert (await turn.run()).finish_reason == "aborted"
    assert turn.labels.count("text-delta") < 100


async def test_a_providers_own_cleanup_has_ended_before_the_turn_goes_on(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(tasks, "GRACE_S", 60)
    signal = AbortSignal()

    class Careful(Playback):
        async def stream(self, *given: Any) -> AsyncIterator[ProviderEvent]:
            try:
                yield TextDelta("x")
                await never()
            finally:
                await let_loop_run()
                self.closed += 1

    provider = Careful()
    closed_at_done: list[int] = []

    def emit(event: Any) -> None:
        if event.type == "text-delta":
            asyncio.get_running_loop().call_soon(signal.abort)
        if event.type == "step-complete":
            closed_at_done.append(provider.closed)

    await Turn(provider, signal=signal, emit=emit).run()
    assert closed_at_done == [1]


async def test_a_provider_that_ignores_its_cancellation_is_left_behind(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(tasks, "GRACE_S", 0.01)
    signal, release = AbortSignal(), asyncio.Event()
    ended = asyncio.Event()

    class Stubborn(Playback):
        async def stream(self, *given: Any) -> AsyncIterator[ProviderEvent]:
            try:
                yield TextDelta("x")
                while not release.is_set():
                    try:
                        await release.wait()
                    except asyncio.CancelledError:
                        continue
                yield TextDelta("late")
            finally:
                ended.set()

    turn = Turn(Stubborn(), signal=signal)
    running = turn.start()
    await turn.until("text-delta")
    signal.abort()
    await running
    emitted = list(turn.events)
    release.set()
    await ended.wait()
    await let_loop_run()
    assert turn.events == emitted
    assert turn.labels.count("text-delta") == 1


async def test_an_abort_during_a_retrys_sleep_ends_the_turn_without_an_error():
    signal = AbortSignal()
    provider = Playback([Failure("busy", retryable=True)])
    turn = Turn(provider, signal=signal, retry=BackoffRetry(delays_ms=[60_000]))
    running = turn.start()
    await turn.until("provider-retry")
    await let_loop_run()
    signal.abort()
    result = await running
    assert turn.labels == ["turn-start", "provider-retry", "step-complete", "done"]
    assert (result.finish_reason, result.messages, turn.steps) == ("aborted", [], [])
    assert len(provider.requests) == 1


async def test_an_abort_while_steering_is_drained_starts_no_further_step():
    signal = AbortSignal()
    provider = Playback([call("echo")])

    async def drain() -> list[Any]:
        signal.abort()
        return []

    result = await Turn(provider, [echo()], signal=signal, drain_steering=drain).run()
    assert (result.finish_reason, len(provider.requests)) == ("aborted", 1)


async def test_nothing_is_drained_at_an_aborted_step():
    signal = AbortSignal()

    async def execute(input: Any, context: ToolContext) -> ToolOutcome:
        signal.abort()
        return ToolOutcome("ended all the same")

    turn = Turn(
        Playback([call("f")]),
        [AnyTool("f", execute)],
        signal=signal,
        drain_steering=lambda: pytest.fail("drained"),
    )
    assert (await turn.run()).finish_reason == "aborted"
    assert turn.results() == [("f", "ended all the same", False)]


async def test_cancelling_the_turn_itself_cancels_provider_and_tools():
    tools = GatedTools("a")
    provider = Playback([call("a"), never])
    turn = Turn(provider, tools.tools)
    running = turn.start()
    await tools.start_of("a")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (provider.closed, tools.cancelled) == (1, ["a"])
    assert turn.of("done") == []


async def test_a_turn_leaves_no_task_behind_however_it_ends():
    before = asyncio.all_tasks()
    signal = AbortSignal()
    tools = GatedTools("a")
    turn = Turn(Playback([call("a"), never]), tools.tools, signal=signal)
    running = turn.start()
    await tools.start_of("a")
    signal.abort()
    await running
    await Turn(Playback([call("echo")], [TextDelta("x")]), [echo()]).run()
    await let_loop_run()
    assert asyncio.all_tasks() == before
