"""Tokens and times of a turn (turn contract, section 4.4)."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch_nb.engine.contracts import (
    AbortSignal,
    DispatchPolicy,
    Failure,
    Finish,
    ReasoningDelta,
    TextDelta,
    ToolContext,
    ToolOutcome,
    UsageReport,
    UsageSoFar,
)
from dispatch_nb.engine.retry import BackoffRetry
from dispatch_nb.engine.usage import NO_USAGE, add_usage, is_reported
from dispatch_nb.wire.conversation import Usage
from tests.engine_parts import AnyTool, Clock, Line, Playback, Turn, aborting, call, echo

pytestmark = pytest.mark.anyio

TIMES = {"ttftMs", "decodeMs", "genTotalMs", "durationMs"}


def usage(input: int, output: int, **cache: int) -> UsageReport:
    return UsageReport(Usage(input_tokens=input, output_tokens=output, **cache))


def test_a_cache_counter_is_in_a_sum_if_either_side_has_it():
    plain = Usage(input_tokens=1, output_tokens=2)
    read = Usage(input_tokens=10, output_tokens=20, cache_read_tokens=5)
    write = Usage(input_tokens=100, output_tokens=200, cache_write_tokens=0)
    assert add_usage(plain, plain) == Usage(input_tokens=2, output_tokens=4)
    assert add_usage(plain, read) == Usage(input_tokens=11, output_tokens=22, cache_read_tokens=5)
    assert add_usage(add_usage(read, read), write) == Usage(
        input_tokens=120, output_tokens=240, cache_read_tokens=10, cache_write_tokens=0
    )


@pytest.mark.parametrize(
    ("total", "reported"),
    [
        (NO_USAGE, False),
        (Usage(input_tokens=1, output_tokens=0), True),
        (Usage(input_tokens=0, output_tokens=1), True),
        (Usage(input_tokens=0, output_tokens=0, cache_read_tokens=0), True),
        (Usage(input_tokens=0, output_tokens=0, cache_write_tokens=0), True),
    ],
)
async def test_done_has_usage_and_context_size_where_something_was_reported(
    total: Usage, reported: bool
):
    assert is_reported(total) == reported
    turn = Turn(Playback([TextDelta("x"), UsageReport(total)]))
    await turn.run()
    done = turn.of("done")[0].to_wire()
    assert ("usage" in done, "contextSize" in done) == (reported, reported)


async def test_usage_is_summed_over_steps_and_context_size_is_the_last_step():
    first: list[Line] = [usage(15, 2, cache_read_tokens=4), call("echo")]
    turn = Turn(Playback(first, [usage(30, 7), TextDelta("x")]), [echo()])
    result = await turn.run()
    assert result.usage == Usage(input_tokens=45, output_tokens=9, cache_read_tokens=4)
    done = turn.of("done")[0]
    assert (done.usage, done.context_size) == (result.usage, 37)
    assert [event.usage.input_tokens for event in turn.of("usage")] == [15, 30]


@pytest.mark.parametrize("last", [usage(10, 9), UsageSoFar(usage(10, 9))])
async def test_a_request_has_one_usage_event_however_often_its_provider_counts(
    last: UsageReport | UsageSoFar,
):
    told: list[Line] = [UsageSoFar(usage(10, 1)), TextDelta("x"), usage(10, 4), TextDelta("y")]
    turn = Turn(Playback([*told, last, Finish("stop")]))
    result = await turn.run()
    (event,) = turn.of("usage")
    # So the sum of the events and the last of them are the same.
    assert event.usage == result.usage == turn.of("done")[0].usage == last_counts(last)


def last_counts(event: UsageReport | UsageSoFar) -> Usage:
    return (event.report if isinstance(event, UsageSoFar) else event).usage


@pytest.mark.parametrize("fails", [True, False])
async def test_a_request_that_ends_early_has_one_usage_event_with_what_was_told(fails: bool):
    signal = AbortSignal()
    end: Line = Failure("gone") if fails else aborting(signal)
    turn = Turn(Playback([UsageSoFar(usage(10, 1)), TextDelta("x"), end]), signal=signal)
    result = await turn.run()
    assert [event.usage for event in turn.of("usage")] == [usage(10, 1).usage] == [result.usage]
    (told,) = turn.of("nb.request-told")
    assert (told.attempt, told.usage) == (0, result.usage)


async def test_counts_before_any_content_do_not_keep_a_request_from_a_retry():
    retry = BackoffRetry(delays_ms=[0], jitter=0)
    busy: list[Line] = [UsageSoFar(usage(10, 1)), Failure("busy", retryable=True)]
    turn = Turn(Playback(busy, [TextDelta("x"), usage(10, 5), Finish("stop")]), retry=retry)
    result = await turn.run()
    # The log tells of both; the contract's own event only of the answer's request.
    assert [event.usage for event in turn.of("usage")] == [usage(10, 5).usage] == [result.usage]
    assert [(each.attempt, each.usage) for each in turn.of("nb.request-told")] == [
        (0, usage(10, 1).usage)
    ]


async def test_context_size_is_zero_if_only_the_last_step_reported_nothing():
    turn = Turn(Playback([usage(10, 1), call("echo")], [TextDelta("x")]), [echo()])
    await turn.run()
    assert turn.of("done")[0].context_size == 0


async def test_without_a_clock_no_event_has_a_time():
    turn = Turn(Playback([ReasoningDelta("x"), call("echo")], [TextDelta("x")]), [echo()])
    await turn.run()
    assert not any(TIMES & event.to_wire().keys() for event in turn.events)
    assert turn.of("step-complete")[0].to_wire() == {
        "type": "step-complete",
        "conversationId": "c",
        "turnId": "t",
        "stepId": "t#0",
    }


@pytest.mark.parametrize("first", [TextDelta("x"), ReasoningDelta("x")])
async def test_a_step_is_timed_to_its_first_token_and_to_its_end(first: Line):
    clock = Clock()
    script = [clock.advance(30), first, clock.advance(12), TextDelta("y"), Finish("stop")]
    turn = Turn(Playback(script), now=clock)
    await turn.run()
    step = turn.of("step-complete")[0]
    assert (step.ttft_ms, step.decode_ms, step.gen_total_ms) == (30, 12, 42)
    assert turn.of("done")[0].duration_ms == 42


async def test_a_steps_total_is_exactly_the_sum_of_its_parts():
    clock = Clock()
    clock.ms = 0.1  # so that the difference of the ends is not the sum of the parts
    script: list[Line] = [clock.advance(0.1), TextDelta("x"), clock.advance(1.3)]
    turn = Turn(Playback(script), now=clock)
    await turn.run()
    step = turn.of("step-complete")[0]
    assert step.gen_total_ms == step.ttft_ms + step.decode_ms


async def test_a_step_without_text_or_reasoning_has_only_its_total():
    clock = Clock()
    turn = Turn(Playback([clock.advance(30), call("echo")], [TextDelta("x")]), [echo()], now=clock)
    await turn.run()
    wire = turn.of("step-complete")[0].to_wire()
    assert {key: wire[key] for key in TIMES & wire.keys()} == {"genTotalMs": 30}


async def test_waiting_for_a_retry_counts_into_the_steps_times():
    clock = Clock()

    async def sleep(seconds: float) -> None:
        clock.ms += seconds * 1_000

    retry = BackoffRetry(delays_ms=[500], jitter=0, sleep_s=sleep)
    provider = Playback([Failure("busy", retryable=True)], [clock.advance(1), TextDelta("x")])
    turn = Turn(provider, now=clock, retry=retry)
    await turn.run()
    step = turn.of("step-complete")[0]
    assert (step.ttft_ms, step.gen_total_ms) == (501, 501)


async def test_each_calls_duration_is_its_own_run_alone():
    clock = Clock()

    async def execute(input: Any, context: ToolContext) -> ToolOutcome:
        clock.ms += input
        return ToolOutcome("ok")

    script: list[Line] = [call("f", 100, id="a"), call("f", 7, id="b"), clock.advance(1_000)]
    turn = Turn(
        Playback([*script, call("nobody")], [TextDelta("x")]),
        [AnyTool("f", execute)],
        now=clock,
        dispatch=DispatchPolicy(max_concurrent=1),
    )
    await turn.run()
    for type in ("tool-result", "nb.tool-settled"):
        times = {event.tool_call_id: event.to_wire().get("durationMs") for event in turn.of(type)}
        assert times == {"a": 100, "b": 7, "nobody": None}
