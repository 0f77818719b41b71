"""The scripted provider: what it calls, what it says, how fast, and that it says what it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from dispatch_nb.engine.contracts import (
    Failure,
    Finish,
    ProviderEvent,
    ProviderOptions,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    UsageReport,
)
from dispatch_nb.providers import Pause, ScriptedProvider
from dispatch_nb.wire.conversation import ChatMessage, ToolCallChunk, ToolResultChunk
from tests.providers_parts import ask, calls_of, play_turn, text_of, thinking_of, user
from tests.scripted_tools import FORESEEING, MATHS, TOOLS

pytestmark = pytest.mark.anyio
FAST = ScriptedProvider(pace=0)


@pytest.mark.parametrize(
    ("prompt", "calls"),
    [
        ("What is 17 + 25?", [("add", {"a": 17, "b": 25})]),
        ("what is 6 times 7", [("multiply", {"a": 6, "b": 7})]),
        ("Please add 1,000 and -3.5.", [("add", {"a": 1000, "b": -3.5})]),
        ("add seven and twelve", [("add", {"a": 7, "b": 12})]),
        (
            "What's the weather in Lisbon and in Oslo?",
            [("weather", {"city": "Lisbon"}), ("weather", {"city": "Oslo"})],
        ),
        ("How warm is it in Rio de Janeiro?", [("weather", {"city": "Rio de Janeiro"})]),
        (
            "weather in new york in fahrenheit please",
            [("weather", {"city": "new york", "unit": "fahrenheit"})],
        ),
        (
            "What's the weather in Lisbon, and what is 17 + 25?",
            [("weather", {"city": "Lisbon"}), ("add", {"a": 17, "b": 25})],
        ),
        (
            'How many words are in "the quick and brown fox"?',
            [("word_count", {"text": "the quick and brown fox"})],
        ),
        ("Roll 3 dice with 20 sides", [("roll_dice", {"sides": 20, "count": 3})]),
        ("What time is it?", [("current_time", {})]),
        ("What is the mean of 1, 2, 3 and 10?", [("mean", {"values": [1, 2, 3, 10]})]),
        (
            "Convert 100 USD to EUR",
            [("convert_currency", {"amount": 100, "source": "USD", "target": "EUR"})],
        ),
        (
            "add 2 and 3 and multiply 4 and 5",
            [("add", {"a": 2, "b": 3}), ("multiply", {"a": 4, "b": 5})],
        ),
        ("Tell me about Lisbon", []),
        ("Write a poem about rain", []),
        ("Explain how a turn works", []),
        ("Hello!", []),
        ("", []),
    ],
)
async def test_calls_the_tools_that_fit_the_prompt(
    prompt: str, calls: list[tuple[str, dict[str, Any]]]
) -> None:
    events = await ask(FAST, prompt, TOOLS)
    assert [(call.tool_name, call.input) for call in calls_of(events)] == calls
    assert events[-1] == Finish("tool_calls" if calls else "stop")


async def test_fills_an_expression_and_a_number_that_stands_beside_its_name() -> None:
    (calculated,) = calls_of(await ask(FAST, "What is 17+25*2?", FORESEEING))
    assert calculated.input == {"expression": "17 + 25 * 2"}
    (told,) = calls_of(await ask(FAST, "3 day forecast for Bergen", FORESEEING))
    assert told.input == {"city": "Bergen", "days": 3}


async def test_calls_fit_the_tools_own_schema_so_that_they_really_run() -> None:
    messages = [user("What's the weather in Lisbon and in Oslo?")]
    first, second = await play_turn(FAST, messages, TOOLS)
    assert [call.tool_call_id for call in calls_of(first)] == ["call_1", "call_2"]
    assert text_of(first) == ""
    assert '| `weather(city="Oslo")` | sky: sunny, degrees: 19 |' in text_of(second)
    messages.append(user("And what is 1 + 2?"))
    first, second = await play_turn(FAST, messages, TOOLS)
    assert [call.tool_call_id for call in calls_of(first)] == ["call_3"]
    assert "`add(a=1, b=2)` returned **3.0**." in text_of(second)


async def test_an_expression_of_several_operators_takes_several_steps() -> None:
    steps = await play_turn(FAST, [user("What is (1 + 2) * (3 + 4) / 2?")], MATHS)
    called = [[(c.tool_name, c.input) for c in calls_of(step)] for step in steps]
    assert called == [
        [("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4})],
        [("multiply", {"a": 3, "b": 7})],
        [("divide", {"a": 21, "b": 2})],
        [],
    ]
    assert text_of(steps[-1]).startswith("The last call returned **10.5**.")


async def test_a_prompt_with_then_takes_one_step_for_each_part() -> None:
    prompt = "Add 17 and 25, then multiply the result by 2, then thank me"
    steps = await play_turn(FAST, [user(prompt)], MATHS)
    assert [[c.input for c in calls_of(step)] for step in steps] == [
        [{"a": 17, "b": 25}],
        [{"a": 42, "b": 2}],
        [],
    ]


async def test_a_failed_call_is_reported_and_ends_the_calling() -> None:
    steps = await play_turn(FAST, [user("What is 1 / 0 + 2?")], MATHS)
    assert len(steps) == 2
    assert "`divide(a=1, b=0)` failed: Tool execution error" in text_of(steps[1])


async def test_steering_in_mid_turn_is_answered_and_the_results_before_it_are_kept() -> None:
    messages = [user("What is 17 + 25?")]
    await play_turn(FAST, messages, MATHS)
    cut = messages[:3]  # prompt, call, result: the turn has not answered yet
    steps = await play_turn(FAST, [*cut, user("Also, what is 6 * 7?")], MATHS)
    assert [c.tool_name for c in calls_of(steps[0])] == ["multiply"]
    assert "a new message came in: “Also, what is 6 \\* 7?”" in thinking_of(steps[0])
    assert "`add(a=17, b=25)`" in text_of(steps[1])
    assert "came in meanwhile" in text_of(steps[1])


async def test_the_prompt_after_an_aborted_turn_is_no_steering() -> None:
    call = ToolCallChunk(tool_call_id="call_1", tool_name="add", input={"a": 1, "b": 2})
    result = ToolResultChunk(
        tool_call_id="call_1", tool_name="add", content="Aborted", is_error=True
    )
    messages = [
        user("What is 1 + 2?"),
        ChatMessage(role="assistant", chunks=[call]),
        ChatMessage(role="tool", chunks=[result]),
        user("What is 3 + 4?"),
    ]
    steps = await play_turn(FAST, messages, MATHS)
    assert calls_of(steps[0])[0].input == {"a": 3, "b": 4}
    assert "Aborted" not in text_of(steps[1])


@pytest.mark.parametrize("prompt", ["Why is the sky blue?", "Hello!", "count to 20"])
@pytest.mark.parametrize("tools", [[], TOOLS])
async def test_every_answer_says_that_no_model_runs(prompt: str, tools: list[Any]) -> None:
    text = text_of(await ask(FAST, prompt, tools))
    assert "Scripted demo: no model runs here." in text


async def test_a_tool_that_fits_without_a_value_is_named_with_what_is_missing() -> None:
    text = text_of(await ask(FAST, "What's the weather like?", TOOLS))
    assert "`weather` fits your question, but the message has no value for `city`" in text
    (example,) = [line for line in text.splitlines() if "Use weather" in line]
    prompt = example.rpartition("found: ")[2].strip("*")
    assert calls_of(await ask(FAST, prompt, TOOLS))[0].input == {"city": "Lisbon"}


async def test_every_prompt_it_suggests_calls_the_tool_it_is_suggested_for() -> None:
    text = text_of(await ask(FAST, "Hello!", TOOLS))
    offers = [line for line in text.splitlines() if "Try *" in line]
    assert len(offers) == 6
    for offer in offers:
        prompt = offer.rpartition("Try ")[2].strip("*")
        (call, *_) = calls_of(await ask(FAST, prompt, TOOLS))
        assert offer.startswith(f"- `{call.tool_name}(")


async def test_the_same_request_gives_the_same_events() -> None:
    assert await ask(FAST, "What is 1 + 2?", TOOLS) == await ask(
        ScriptedProvider(pace=0), "What is 1 + 2?", TOOLS
    )


async def test_thinks_first_then_answers_then_reports_usage_then_finishes() -> None:
    events = await ask(FAST, "Hello!")
    kinds = [type(event) for event in events]
    assert list(dict.fromkeys(kinds)) == [ReasoningDelta, TextDelta, UsageReport, Finish]
    report = events[-2]
    assert isinstance(report, UsageReport)
    assert report.usage.output_tokens == len(events) - 2
    assert report.usage.input_tokens == 2


async def test_input_tokens_count_system_prompt_tools_and_history() -> None:
    async def input_tokens(*args: Any) -> int:
        (report,) = [e for e in await ask(FAST, *args) if isinstance(e, UsageReport)]
        return report.usage.input_tokens

    bare = await input_tokens("Hello!")
    assert await input_tokens("Hello!", [], ProviderOptions(system_prompt="Be kind.")) == bare + 3
    assert await input_tokens("Hello!", MATHS) > bare + 20
    assert await input_tokens([user("Hello!"), user("Hello!")]) == 2 * bare


async def test_max_tokens_cuts_the_answer_with_the_reason_length() -> None:
    events = await ask(FAST, "Hello!", [], ProviderOptions(max_tokens=10))
    assert len(events) == 12
    assert events[-1] == Finish("length")


async def test_counts_as_far_as_asked_and_writes_long_texts() -> None:
    counted = text_of(await ask(FAST, "Count to 25"))
    assert "21, 22, 23, 24, 25." in counted
    assert len(await ask(FAST, "Write a long text about anything", TOOLS)) > 500
    assert "| Step | Kind | Tokens |" in text_of(await ask(FAST, "Show me some markdown"))


async def test_streams_at_its_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    sleep, loop, pauses = asyncio.sleep, asyncio.get_running_loop(), list[float]()

    def noted(seconds: float) -> Coroutine[Any, Any, None]:
        if asyncio.get_running_loop() is loop:  # the loop of turns pauses as well
            pauses.append(seconds)
        return sleep(seconds)

    monkeypatch.setattr(asyncio, "sleep", noted)
    provider = ScriptedProvider(pace=400)
    started = time.monotonic()
    events = await ask(provider, "count to 10", [], ProviderOptions(max_tokens=40))
    assert len(events) == 42
    assert time.monotonic() - started > 0.09
    # How long it took is the machine's affair as well, how long it meant to pause is not.
    assert sum(pauses) < 0.11


async def test_plays_a_given_script_exactly_and_fails_beyond_its_end() -> None:
    gate = asyncio.Event()
    call = ToolCall("c", "add", {"a": 1})
    provider = ScriptedProvider(
        [[TextDelta("a"), Pause(0), gate.wait, call, Finish("odd")], [Failure("busy")]]
    )
    stream = provider.stream([user("x")], [], ProviderOptions())
    assert await anext(stream) == TextDelta("a")
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    assert not waiting.done()
    gate.set()
    rest: list[ProviderEvent] = [await waiting, *[event async for event in stream]]
    assert rest == [call, Finish("odd")]
    assert await ask(provider, "y") == [Failure("busy")]
    (failure,) = await ask(provider, "z")
    assert failure == Failure("The script has 2 steps, but this is request 3.")


@pytest.mark.parametrize("text", ["-", "(", "1+", "Abc ", "1,", '"', "weather in Oslo, then "])
async def test_a_pasted_book_is_answered_quickly(text: str) -> None:
    started = time.thread_time()  # what other processes take does not count
    events = await ask(FAST, text * (100_000 // len(text)) + "1", TOOLS)
    assert isinstance(events[-1], Finish)
    assert time.thread_time() - started < 5


def test_a_negative_pace_is_refused() -> None:
    with pytest.raises(ValueError, match="tokens per second, 0 or more"):
        ScriptedProvider(pace=-1)
