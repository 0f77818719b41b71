"""The history that goes to a provider."""

from __future__ import annotations

import pytest
from pydantic import MISSING

from dispatch_nb.transcript.reconcile import INTERRUPTED, LONGEST_CALL_ID, reconcile
from dispatch_nb.wire.conversation import (
    ChatMessage,
    Chunk,
    ErrorChunk,
    TextChunk,
    ThinkingChunk,
    ToolCallChunk,
    ToolResultChunk,
)


def user(text: str = "hi") -> ChatMessage:
    return ChatMessage(role="user", chunks=[TextChunk(text=text)])


def assistant(*chunks: Chunk) -> ChatMessage:
    return ChatMessage(role="assistant", chunks=list(chunks))


def call(name: str, step: str | None = "s0") -> ToolCallChunk:
    return ToolCallChunk(
        tool_call_id=name, tool_name="f", input={}, step_id=MISSING if step is None else step
    )


def result(name: str, step: str | None = "s0", content: str = "ok") -> ChatMessage:
    step_id = MISSING if step is None else step
    chunk = ToolResultChunk(
        tool_call_id=name, tool_name="f", content=content, is_error=False, step_id=step_id
    )
    return ChatMessage(role="tool", chunks=[chunk])


def interrupted(name: str, step: str | None = "s0") -> ChatMessage:
    step_id = MISSING if step is None else step
    chunk = ToolResultChunk(
        tool_call_id=name, tool_name="f", content=INTERRUPTED, is_error=True, step_id=step_id
    )
    return ChatMessage(role="tool", chunks=[chunk])


def told(messages: list[ChatMessage]) -> list[tuple[str, str]]:
    """Return the ids of calls and the contents of their results, in order."""
    found = [chunk for message in messages for chunk in message.chunks]
    return [
        (chunk.tool_call_id, chunk.content if isinstance(chunk, ToolResultChunk) else "?")
        for chunk in found
        if isinstance(chunk, ToolCallChunk | ToolResultChunk)
    ]


def test_a_whole_history_stays_as_it_is():
    history = [
        user(),
        assistant(TextChunk(text="a"), call("x"), call("y")),
        result("x"),
        result("y"),
    ]
    assert reconcile(history) == history


def test_a_missing_result_is_put_next_to_its_call_in_call_order():
    asked = assistant(call("x"), call("y"))
    later = [user("next"), assistant(TextChunk(text="b"))]
    history = [user(), asked, result("y"), *later]
    assert reconcile(history) == [user(), asked, interrupted("x"), result("y"), *later]


def test_results_are_brought_to_their_calls_in_call_order():
    asked = assistant(call("x"), call("y"))
    history = [asked, result("y"), user("steered"), result("x")]
    assert reconcile(history) == [asked, result("x"), result("y"), user("steered")]


def test_a_call_without_step_gets_a_result_without_step():
    asked = assistant(call("x", None))
    repaired = reconcile([asked])
    assert repaired == [asked, interrupted("x", None)]
    assert "stepId" not in repaired[1].to_wire()["chunks"][0]


@pytest.mark.parametrize("steps", [("s0", "s1"), (None, None)])
def test_a_repeated_call_id_belongs_to_the_call_of_its_step_or_the_newest(steps):
    first, second = steps
    history = [
        assistant(call("x", first)),
        user(),
        assistant(call("x", second)),
        result("x", second),
    ]
    assert reconcile(history) == [
        history[0],
        interrupted("x", first),
        user(),
        assistant(call("call00001", second)),
        result("call00001", second),
    ]


def test_repeated_ids_in_one_step_are_answered_in_order_and_told_apart():
    asked = assistant(call("a"), call("a"), call("b"))
    history = [asked, result("a", content="1"), result("a", content="2"), result("b")]
    assert told(reconcile(history)) == [
        ("a", "?"),
        ("call00001", "?"),
        ("b", "?"),
        ("a", "1"),
        ("call00001", "2"),
        ("b", "ok"),
    ]


@pytest.mark.parametrize("given", ["", " ", "x" * (LONGEST_CALL_ID + 1)])
def test_an_id_that_no_provider_takes_is_replaced_in_call_and_result(given):
    history = [assistant(call("x" * LONGEST_CALL_ID), call(given)), result(given)]
    assert [call_id for call_id, _ in told(reconcile(history))] == [
        *("x" * LONGEST_CALL_ID, "call00001"),
        *("x" * LONGEST_CALL_ID, "call00001"),
    ]


def test_a_replaced_id_never_meets_one_that_a_model_chose():
    history = [assistant(call("call00001"), call(""), call("call00002"))]
    ids = [call_id for call_id, _ in told(reconcile(history))][:3]
    assert ids == ["call00001", "call00002", "call00003"]


def test_results_of_one_message_become_one_message_each():
    chunks = [*result("x").chunks, *result("y").chunks]
    asked = assistant(call("x"), call("y"))
    history = [asked, ChatMessage(role="tool", chunks=chunks)]
    assert reconcile(history) == [asked, result("x"), result("y")]


def test_a_result_without_a_call_and_a_second_result_are_left_out():
    asked = assistant(call("x"))
    history = [result("lost"), user(), asked, result("x"), result("x", content="again")]
    assert reconcile(history) == [user(), asked, result("x")]


def test_errors_and_messages_that_say_nothing_are_left_out():
    history = [
        user(),
        assistant(TextChunk(text="half"), ErrorChunk(message="cut")),
        assistant(ErrorChunk(message="refused")),
        assistant(TextChunk(text="")),
        assistant(TextChunk(text=" \n"), ThinkingChunk(text="")),
        assistant(),
    ]
    assert reconcile(history) == [user(), assistant(TextChunk(text="half"))]


def test_a_message_of_thinking_alone_stays():
    history = [user(), assistant(ThinkingChunk(text="hm"), ErrorChunk(message="cut")), user()]
    assert reconcile(history) == [user(), assistant(ThinkingChunk(text="hm")), user()]


def test_the_given_messages_stay_as_they_were():
    history = [assistant(call("x"), ErrorChunk(message="cut"))]
    before = [message.to_json() for message in history]
    reconcile(history)
    assert [message.to_json() for message in history] == before
