"""Failures of providers and when a request is tried again (turn contract, section 5)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dispatch_nb.engine.contracts import (
    UNREACHABLE,
    AbortSignal,
    Failure,
    Finish,
    ProviderEvent,
    ReasoningDelta,
    TextDelta,
    UsageReport,
)
from dispatch_nb.engine.retry import BackoffRetry, dispatch_schedule
from dispatch_nb.wire.conversation import ErrorChunk, TextChunk, Usage
from tests.engine_parts import Line, Playback, Turn, call, echo, let_loop_run

pytestmark = pytest.mark.anyio

ANSWER: list[Line] = [TextDelta("fine"), Finish("stop")]
BUSY = Failure("busy", code="429", retryable=True)


class Sleeper:
    """Sleeps in no time and remembers how long."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


def quick(delays_ms: list[float]) -> tuple[BackoffRetry, Sleeper]:
    sleeper = Sleeper()
    return BackoffRetry(delays_ms=delays_ms, jitter=0, sleep_s=sleeper), sleeper


@pytest.mark.parametrize(
    ("line", "message", "code"),
    [
        (Failure("no such model", code="404"), "no such model", "404"),
        (BUSY, "busy", "429"),
        (OSError("connection lost"), "connection lost", None),
        (TimeoutError(), "TimeoutError", None),
        (asyncio.CancelledError(), "The provider's own work was cancelled.", None),
    ],
)
async def test_without_a_strategy_a_failure_is_an_error_chunk_and_one_error_event(
    line: Line, message: str, code: str | None
):
    provider = Playback([TextDelta("so far"), line, TextDelta("never read")])
    turn = Turn(provider)
    result = await turn.run()
    assert turn.labels == ["turn-start", "text-delta", "error", "step-complete", "done"]
    error = ErrorChunk(message=message) if code is None else ErrorChunk(message=message, code=code)
    assert result.messages[0].chunks == [TextChunk(text="so far"), error]
    assert turn.of("error")[0].message == message
    assert ("code" in turn.of("error")[0].to_wire()) == (code is not None)
    assert result.finish_reason == "error"
    assert turn.steps == [result.messages]
    assert provider.closed == 1


async def test_a_provider_that_fails_before_it_streams_is_a_failure_too():
    class Broken(Playback):
        def stream(self, *given: Any) -> AsyncIterator[ProviderEvent]:
            raise ValueError("no key given")

    result = await Turn(Broken()).run()
    assert result.messages[0].chunks == [ErrorChunk(message="no key given")]


async def test_a_retry_asks_again_with_the_same_inputs_and_then_goes_on():
    retry, sleeper = quick([500, 1_000])
    provider = Playback([BUSY], [OSError("reset")], ANSWER)
    turn = Turn(provider, [echo()], retry=retry)
    result = await turn.run()
    assert [(e.attempt, e.delay_ms, e.message) for e in turn.of("provider-retry")] == [
        (0, 500, "busy"),
        (1, 1_000, "reset"),
    ]
    assert [e.to_wire().get("code") for e in turn.of("provider-retry")] == ["429", None]
    assert sleeper.slept == [0.5, 1.0]
    assert provider.requests[0] == provider.requests[1] == provider.requests[2]
    assert provider.closed == 3
    assert (turn.of("error"), result.finish_reason) == ([], "stop")


async def test_provider_retry_is_emitted_before_the_sleep():
    turn: Turn
    labels: list[list[str]] = []

    async def sleep(seconds: float) -> None:
        labels.append(list(turn.labels))

    turn = Turn(Playback([BUSY], ANSWER), retry=BackoffRetry(sleep_s=sleep))
    await turn.run()
    assert labels == [["turn-start", "provider-retry"]]


@pytest.mark.parametrize(
    "content",
    [
        TextDelta("x"),
        ReasoningDelta("x"),
        call("echo"),
        UsageReport(Usage(input_tokens=1, output_tokens=0)),
    ],
)
async def test_nothing_is_retried_once_there_is_content(content: ProviderEvent):
    retry, sleeper = quick([500])
    turn = Turn(Playback([content, BUSY], ANSWER), [echo()], retry=retry)
    await turn.run()
    assert sleeper.slept == []
    assert len(turn.of("error")) == 1


async def test_a_finish_or_an_empty_delta_is_no_content():
    retry, sleeper = quick([500])
    await Turn(Playback([TextDelta(""), Finish("stop"), BUSY], ANSWER), retry=retry).run()
    assert sleeper.slept == [0.5]


async def test_a_failure_that_is_not_retryable_is_final():
    retry, sleeper = quick([500])
    turn = Turn(Playback([Failure("bad key", code="401")], ANSWER), retry=retry)
    assert (await turn.run()).finish_reason == "error"
    assert sleeper.slept == []


async def test_when_the_strategy_gives_up_the_last_failure_is_the_error():
    sleeper = Sleeper()
    retry = BackoffRetry(delays_ms=[400], budget_ms=1_000, jitter=0, sleep_s=sleeper)
    provider = Playback([BUSY], [BUSY], [Failure("still busy", retryable=True)])
    turn = Turn(provider, retry=retry)
    result = await turn.run()
    assert turn.labels == [
        "turn-start",
        "provider-retry",
        "provider-retry",
        "error",
        "step-complete",
        "done",
    ]
    assert result.messages[0].chunks == [ErrorChunk(message="still busy")]


async def test_attempts_and_budget_start_anew_in_every_step():
    sleeper = Sleeper()
    retry = BackoffRetry(delays_ms=[400, 500], budget_ms=1_000, jitter=0, sleep_s=sleeper)
    provider = Playback([BUSY], [BUSY], [call("echo")], [BUSY], [BUSY], ANSWER)
    turn = Turn(provider, [echo()], retry=retry)
    assert (await turn.run()).finish_reason == "stop"
    assert [event.attempt for event in turn.of("provider-retry")] == [0, 1, 0, 1]


def scheduled(retry: BackoffRetry, failure: Failure = BUSY) -> list[float]:
    """Return every delay a strategy would grant one step."""
    delays: list[float] = []
    while (delay := retry.delay_for(len(delays), failure, sum(delays))) is not None:
        delays.append(delay)
    return delays


def test_the_default_delays_double_from_half_a_second_to_thirty_within_two_minutes():
    delays = scheduled(BackoffRetry(random=lambda: 0.5))
    assert delays == [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]
    assert sum(delays) <= 120_000


@pytest.mark.parametrize(("chance", "delay"), [(0.0, 375), (0.5, 500), (1.0, 625)])
def test_delays_are_spread_at_random(chance: float, delay: int):
    assert BackoffRetry(random=lambda: chance).delay_for(0, BUSY, 0) == delay


def test_a_retry_is_never_earlier_than_the_server_asks():
    retry = BackoffRetry(random=lambda: 0.5)
    assert retry.delay_for(0, Failure("busy", retry_after_ms=7_000), 0) == 7_000
    assert retry.delay_for(3, Failure("busy", retry_after_ms=1_000), 0) == 4_000


def test_a_server_that_asks_for_more_than_the_budget_ends_the_retries():
    patient = Failure("come back tomorrow", retryable=True, retry_after_ms=86_400_000)
    assert BackoffRetry().delay_for(0, patient, 0) is None
    minute = Failure("busy", retryable=True, retry_after_ms=60_000)
    assert scheduled(BackoffRetry(), minute) == [60_000, 60_000]


def test_dispatchs_own_schedule_is_21_retries_within_8_hours():
    delays = scheduled(dispatch_schedule())
    assert [delay / 1_000 for delay in delays[:9]] == [5, 10, 30, 60, 300, 600, 900, 1800, 1800]
    assert len(delays) == 21
    assert sum(delays) == 27_105_000


async def test_a_sleep_ends_early_when_the_signal_aborts_and_on_its_own_otherwise():
    signal = AbortSignal()
    await BackoffRetry().sleep(1, signal)
    sleeping = asyncio.create_task(BackoffRetry().sleep(3_600_000, signal))
    await let_loop_run()
    assert not sleeping.done()
    signal.abort()
    await asyncio.wait_for(sleeping, timeout=60)


async def test_an_address_that_nobody_answers_at_is_tried_twice_more():
    retry = BackoffRetry()
    failure = Failure("No connection.", UNREACHABLE, retryable=True)
    delays = [retry.delay_for(attempt, failure, 0) for attempt in range(3)]
    assert [delay is None for delay in delays] == [False, False, True]
    assert dispatch_schedule().delay_for(8, failure, 0) is not None
