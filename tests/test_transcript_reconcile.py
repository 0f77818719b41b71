"""The history that goes to a provider."""

from __future__ import annotations

from pydantic import MISSING

from dispatch_nb.transcript.reconcile import INTERRUPTED, reconcile
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


def test_a_whole_history_stays_as_it_is():
    history = [
        user(),
        assistant(TextChunk(text="a"), call("x"), call("y")),
        result("x"),
        result("y"),
    ]
    assert reconcile(history) == history


def test_a_missing_result_is_put_next_to_its_call_behind_its_siblings():
    asked = assistant(call("x"), call("y"))
    later = [user("next"), assistant(TextChunk(text="b"))]
    history = [user(), asked, result("y"), *later]
    assert reconcile(history) == [user(), asked, result("y"), interrupted("x"), *later]


def test_a_call_without_step_gets_a_result_without_step():
    asked = assistant(call("x", None))
    repaired = reconcile([asked])
    assert repaired == [asked, interrupted("x", None)]
    assert "stepId" not in repaired[1].to_wire()["chunks"][0]


def test_a_repeated_call_id_is_paired_by_step():
    history = [assistant(call("x", "s0")), user(), assistant(call("x", "s1")), result("x", "s1")]
    assert reconcile(history) == [
        history[0],
        interrupted("x", "s0"),
        user(),
        history[2],
        history[3],
    ]


def test_a_repeated_call_id_without_steps_belongs_to_the_newest_call():
    history = [assistant(call("x", None)), user(), assistant(call("x", None)), result("x", None)]
    assert reconcile(history) == [
        history[0],
        interrupted("x", None),
        user(),
        history[2],
        history[3],
    ]


def test_repeated_ids_in_one_step_keep_their_order():
    asked = assistant(call(""), call(""))
    history = [asked, result("", content="1"), result("", content="2")]
    assert reconcile(history) == history


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
        assistant(ThinkingChunk(text="hm")),
        assistant(TextChunk(text="")),
        assistant(),
    ]
    assert reconcile(history) == [user(), assistant(TextChunk(text="half"))]


def test_the_given_messages_stay_as_they_were():
    history = [assistant(call("x"), ErrorChunk(message="cut"))]
    before = [message.to_json() for message in history]
    reconcile(history)
    assert [message.to_json() for message in history] == before
