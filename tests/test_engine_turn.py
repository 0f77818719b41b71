"""The turn loop and the step-complete contract (turn contract, sections 1 to 4)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from dispatch_nb.engine.contracts import (
    Failure,
    Finish,
    ProviderOptions,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    UsageReport,
)
from dispatch_nb.transcript.live import fold_live, initial_live
from dispatch_nb.transcript.selectors import select_chunks
from dispatch_nb.wire.conversation import ChatMessage, Chunk, TextChunk, ThinkingChunk, Usage
from tests.engine_parts import (
    PROMPT,
    Line,
    Playback,
    Steering,
    Turn,
    call,
    echo,
)

pytestmark = pytest.mark.anyio

USAGE = UsageReport(Usage(input_tokens=3, output_tokens=2))
CALLS_ECHO: list[Line] = [call("echo", {"n": 1}), Finish("tool_calls")]
ANSWER: list[Line] = [TextDelta("fine"), Finish("stop")]


def user(text: str) -> ChatMessage:
    return ChatMessage(role="user", chunks=[TextChunk(text=text)])


def chunks_of(messages: Sequence[ChatMessage]) -> list[tuple[str, Chunk]]:
    return [(message.role, chunk) for message in messages for chunk in message.chunks]


async def test_a_text_only_turn_emits_exactly_its_deltas_usage_step_complete_and_done():
    script: list[Line] = [
        ReasoningDelta("hm"),
        TextDelta("Hel"),
        TextDelta("lo"),
        USAGE,
        Finish("stop"),
    ]
    turn = Turn(Playback(script))
    await turn.run()
    assert turn.labels == [
        "turn-start",
        "reasoning-delta",
        "text-delta",
        "text-delta",
        "usage",
        "step-complete",
        "done",
    ]
    assert {(event.conversation_id, event.turn_id) for event in turn.events} == {("c", "t")}


async def test_deltas_extend_the_last_chunk_of_their_kind_and_a_call_starts_a_new_one():
    first: list[Line] = [
        ReasoningDelta("a"),
        ReasoningDelta("b"),
        TextDelta("c"),
        USAGE,
        TextDelta("d"),
        call("echo"),
        TextDelta("e"),
        ReasoningDelta("f"),
    ]
    turn = Turn(Playback(first, ANSWER), [echo()])
    await turn.run()
    chunks = [chunk for role, chunk in chunks_of(turn.steps[0]) if role == "assistant"]
    assert [(chunk.type, getattr(chunk, "text", None)) for chunk in chunks] == [
        ("thinking", "ab"),
        ("text", "cd"),
        ("tool-call", None),
        ("text", "e"),
        ("thinking", "f"),
    ]


async def test_an_empty_delta_leaves_no_trace():
    turn = Turn(Playback([TextDelta(""), ReasoningDelta(""), Finish("stop")]))
    result = await turn.run()
    assert turn.labels == ["turn-start", "step-complete", "done"]
    assert result.messages == []


async def test_step_ids_are_the_turn_id_and_the_index_on_calls_usage_results_and_steps():
    turn = Turn(Playback([USAGE, *CALLS_ECHO], [*CALLS_ECHO], ANSWER), [echo()])
    await turn.run()
    stamped = ("usage", "tool-call", "step-complete", "tool-result", "nb.tool-settled")
    ids = [event.step_id for event in turn.events if event.type in stamped]
    assert ids == ["t#0"] * 5 + ["t#1"] * 4 + ["t#2"]
    assert [getattr(chunk, "step_id", None) for _, chunk in chunks_of(turn.steps[1])] == ["t#1"] * 2


async def test_the_history_given_is_copied_and_grows_step_by_step():
    given = [PROMPT]
    provider = Playback(CALLS_ECHO, ANSWER)
    turn = Turn(provider, [echo()], messages=given)
    result = await turn.run()
    assert given == [PROMPT]
    assert provider.requests[0].messages == [PROMPT]
    assert provider.requests[1].messages == [PROMPT, *result.messages[:2]]


async def test_options_pass_through_and_a_later_tool_of_the_same_name_wins():
    options = ProviderOptions(model="m", temperature=0.5)
    first, second = echo(), echo()
    first.execute = None  # type: ignore[assignment]
    provider = Playback(CALLS_ECHO, ANSWER)
    turn = Turn(provider, [first, second], options=options)
    await turn.run()
    assert provider.requests[0].options is options
    assert provider.requests[0].tools == [second]
    assert turn.results() == [("echo", "echo({'n': 1})", False)]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ([TextDelta("x")], "stop"),
        ([TextDelta("x"), Finish("a"), Finish("weird_word")], "weird_word"),
        ([Finish("stop"), Failure("broken")], "error"),
    ],
)
async def test_the_finish_reason_is_the_providers_last_word(script: list[Any], reason: str):
    turn = Turn(Playback(script))
    result = await turn.run()
    assert result.finish_reason == reason
    assert turn.of("done")[0].reason == reason


async def test_the_reason_of_a_step_with_calls_is_never_reported():
    turn = Turn(Playback(CALLS_ECHO, [TextDelta("x")]), [echo()])
    assert (await turn.run()).finish_reason == "stop"


@pytest.mark.parametrize(("given", "steps"), [({}, 50), ({"max_steps": 3}, 3)])
async def test_the_step_limit_stops_the_turn_without_draining(given: dict[str, int], steps: int):
    drain = Steering()
    provider = Playback(CALLS_ECHO)
    turn = Turn(provider, [echo()], drain_steering=drain, **given)
    result = await turn.run()
    assert result.finish_reason == "max-steps"
    assert (len(provider.requests), drain.drains) == (steps, steps - 1)


async def test_a_step_limit_of_zero_is_no_limit():
    provider = Playback(*[CALLS_ECHO] * 60, ANSWER)
    turn = Turn(provider, [echo()], max_steps=0)
    assert (await turn.run()).finish_reason == "stop"
    assert len(provider.requests) == 61


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_steering_reaches_the_model_once_per_boundary_and_is_not_in_the_result(
    asynchronous: bool,
):
    drain = Steering([user("in French")], [])

    async def drain_later() -> Any:
        await asyncio.sleep(0)
        return drain()

    provider = Playback(CALLS_ECHO, CALLS_ECHO, ANSWER)
    turn = Turn(provider, [echo()], drain_steering=drain_later if asynchronous else drain)
    result = await turn.run()
    assert drain.drains == 2
    assert provider.requests[1].messages[-1] == user("in French")
    assert provider.requests[2].messages[3] == user("in French")
    assert "user" not in {message.role for message in result.messages}


async def test_nothing_is_drained_after_a_text_only_step():
    drain = Steering()
    await Turn(Playback(ANSWER), drain_steering=drain).run()
    assert drain.drains == 0


async def test_lone_surrogates_of_a_provider_do_not_kill_the_turn():
    bad = "x\ud83d"
    script: list[Line] = [
        ReasoningDelta(bad),
        TextDelta(bad),
        ToolCall(bad, bad, {bad: bad}),
        Finish(bad),
    ]
    turn = Turn(Playback(script, [TextDelta("y"), Finish(bad)]))
    result = await turn.run()
    assert result.finish_reason == "x\ufffd"
    thinking, text, request = result.messages[0].chunks
    assert (thinking, text) == (ThinkingChunk(text="x\ufffd"), TextChunk(text="x\ufffd"))
    assert request.type == "tool-call"
    assert request.input == {"x\ufffd": "x\ufffd"}
    assert turn.results() == [("x\ufffd", "Unknown tool: x\ufffd", True)]
    for event in turn.events:
        event.to_json()


async def test_folding_the_events_gives_the_chunks_of_the_result():
    tools = [echo(), echo("other")]
    provider = Playback(
        [ReasoningDelta("a"), call("echo", 1, id="1"), TextDelta("b"), call("other", 2, id="2")],
        [
            TextDelta("c"),
            USAGE,
            TextDelta("\ud83d"),
            TextDelta("\ude00"),
            call("nope", id="3"),
            Failure("lost", "500"),
        ],
        [call("echo", 3, id="4")],
        [TextDelta("d"), Failure("gone")],
    )
    turn = Turn(provider, tools)
    result = await turn.run()
    state = initial_live()
    for event in turn.events:
        state = fold_live(state, event)
    assert [(c.role, c.chunk) for c in select_chunks(state.transcript)] == chunks_of(
        result.messages
    )
