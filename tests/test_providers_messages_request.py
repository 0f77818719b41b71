"""Requests to the Messages API: what of a conversation goes where."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dispatch_nb.transcript.reconcile import INTERRUPTED, reconcile
from dispatch_nb.wire.conversation import (
    ChatMessage,
    ErrorChunk,
    ImageChunk,
    SystemChunk,
    TextChunk,
    ThinkingChunk,
)
from dispatch_nb.wire.extensions import ChunkDetail, PromptMessage
from tests.messages_parts import ADD, GIF, MANUAL, NEWEST, body, call, called, result, text, thought
from tests.providers_parts import user


def test_a_prompt_is_a_user_message_and_what_the_api_must_know():
    assert body(user("hi"), system_prompt="Be brief.") == {
        "model": "m",
        "stream": True,
        "max_tokens": 8192,
        "system": [text("Be brief.")],
        "messages": [{"role": "user", "content": [text("hi")]}],
    }


def test_instructions_stand_together_wherever_they_came():
    injected = ChatMessage(role="system", chunks=[SystemChunk(text="Today is Monday.")])
    made = body(user("hi"), injected, user("there"), system_prompt="Be brief.")
    assert made["system"] == [text("Be brief.\n\nToday is Monday.")]
    assert made["messages"] == [{"role": "user", "content": [text("hi"), text("there")]}]


def test_results_stand_first_in_the_message_behind_their_calls():
    made = body(
        user("add"),
        called(TextChunk(text="Let me."), call("a", {"a": 1}), call("b")),
        result("a"),
        result("b", "no", is_error=True),
        user("in French"),
        tools=ADD,
    )
    assert made["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                text("Let me."),
                {"type": "tool_use", "id": "a", "name": "add", "input": {"a": 1}},
                {"type": "tool_use", "id": "b", "name": "add", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "3"},
                {"type": "tool_result", "tool_use_id": "b", "content": "no", "is_error": True},
                text("in French"),
            ],
        },
    ]
    assert made["tools"] == [
        {"name": "add", "description": "Add two numbers.", "input_schema": ADD[0].parameters}
    ]
    assert "tool_choice" not in made


def test_a_call_that_was_interrupted_has_a_result_all_the_same():
    history = reconcile([user("add"), called(call("a"), call("b")), result("b"), user("go on")])
    answered = body(*history, tools=ADD)["messages"][2]["content"]
    interrupted = {"content": INTERRUPTED, "is_error": True}
    assert answered == [
        {"type": "tool_result", "tool_use_id": "a", **interrupted},
        {"type": "tool_result", "tool_use_id": "b", "content": "3"},
        text("go on"),
    ]


def test_ids_that_the_api_does_not_take_are_mended_alike_in_call_and_result():
    made = body(
        user("add"),
        called(call("f.add:0"), call("f_add_0"), call("é")),
        *map(result, ("f.add:0", "f_add_0", "é")),
        tools=ADD,
    )
    _, asked, answered = made["messages"]
    ids = [block["id"] for block in asked["content"]]
    assert ids == ["f_add_0", "f_add_0_2", "_"]
    assert [block["tool_use_id"] for block in answered["content"]] == ids


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ('{"a": 1}', {"a": 1}),
        ("", {}),
        ('{"a": [1, 2', {"invalid_arguments": '{"a": [1, 2'}),
        ("[1]", {"invalid_arguments": "[1]"}),
        (5, {"invalid_arguments": "5"}),
        ('{"a": 1e999}', {"invalid_arguments": '{"a": 1e999}'}),
        ('{"a": "\\ud800"}', {"a": "\ufffd"}),
    ],
)
def test_an_input_is_always_an_object_that_can_be_written(given: Any, sent: Any):
    made = body(user("add"), called(call("a", given)), result(), tools=ADD)
    assert made["messages"][1]["content"][0]["input"] == sent
    json.dumps(made, allow_nan=False).encode()


def test_tools_that_are_gone_are_described_so_that_their_calls_may_stand():
    made = body(user("add"), called(call()), result(), called(TextChunk(text="3")), user("more"))
    assert [tool["name"] for tool in made["tools"]] == ["add"]
    assert made["tool_choice"] == {"type": "none"}


def test_signed_thinking_goes_back_in_its_place_and_other_thinking_does_not():
    made = body(
        user("add"),
        thought(ThinkingChunk(text="hm "), TextChunk(text="so"), call()),
        result(),
        called(ThinkingChunk(text="unsigned"), TextChunk(text="3")),
        user("more"),
        tools=ADD,
    )
    signed = {"type": "thinking", "thinking": "hm ", "signature": "c2ln"}
    assert made["messages"][1]["content"][0] == signed
    assert made["messages"][3]["content"] == [text("3")]
    assert "unsigned" not in json.dumps(made)


@pytest.mark.parametrize(
    "message",
    [
        thought(ThinkingChunk(text="hm"), TextChunk(text="3"), signed_by="another"),
        thought(ThinkingChunk(text="hm"), TextChunk(text="3"), provider="openai-responses"),
    ],
)
def test_thinking_that_another_signed_does_not_go_to_this_model(message: ChatMessage):
    made = body(user("add"), message, user("more"))
    assert made["messages"][1]["content"] == [text("3")]


def test_redacted_and_hidden_thinking_go_back_as_they_came():
    data: list[Any] = [
        {"redacted_thinking": "eA==", "model": "m"},
        {"signature": "c2ln", "model": "m"},
    ]
    message = PromptMessage(
        role="assistant",
        chunks=[ThinkingChunk(text=""), ThinkingChunk(text=""), call()],
        details={i: ChunkDetail(provider="anthropic", data=each) for i, each in enumerate(data)},
    )
    made = body(user("add"), message, result(), tools=ADD)
    assert made["messages"][1]["content"][:2] == [
        {"type": "redacted_thinking", "data": "eA=="},
        {"type": "thinking", "thinking": "", "signature": "c2ln"},
    ]


def test_thinking_at_the_end_of_an_answer_that_was_stopped_is_left_out():
    stopped = thought(TextChunk(text="so"), ThinkingChunk(text="hm"))
    made = body(user("add"), stopped, user("go on"), thought(ThinkingChunk(text="hm")), user("?"))
    assert [message["content"] for message in made["messages"][1:]] == [
        [text("so")],
        [text("go on"), text("?")],
    ]


def test_a_model_that_shall_not_think_gets_no_thinking_back():
    message = thought(ThinkingChunk(text="hm"), call(), signed_by=MANUAL)
    made = body(user("add"), message, result(), model=MANUAL, tools=ADD)
    assert "thinking" not in json.dumps(made)
    newest = thought(ThinkingChunk(text="hm"), call(), signed_by=NEWEST)
    made = body(user("add"), newest, result(), model=NEWEST, tools=ADD)
    assert made["messages"][1]["content"][0]["type"] == "thinking"  # it thinks unasked


def test_calls_made_without_thinking_are_answered_without_thinking():
    loop = [user("add"), called(call()), result()]
    made = body(*loop, model=MANUAL, reasoning_effort="low", tools=ADD)
    assert "thinking" not in made
    assert made["max_tokens"] == 16_000
    made = body(*loop, user("more"), model=MANUAL, reasoning_effort="low", tools=ADD)
    assert "thinking" not in made  # the prompt stands behind the results, in one message
    answered = [*loop, called(TextChunk(text="3")), user("more")]
    made = body(*answered, model=MANUAL, reasoning_effort="low", tools=ADD)
    assert made["thinking"] == {"type": "enabled", "budget_tokens": 2048}


def test_calls_that_follow_thinking_are_gone_on_with_though_they_came_without():
    loop = [
        user("add"),
        thought(ThinkingChunk(text="hm"), call("a"), signed_by=MANUAL),
        result("a"),
        called(call("b")),
        result("b"),
    ]
    made = body(*loop, model=MANUAL, reasoning_effort="low", tools=ADD)
    assert made["thinking"]["type"] == "enabled"
    assert made["messages"][1]["content"][0]["type"] == "thinking"


def test_error_chunks_blank_texts_and_empty_messages_are_left_out():
    made = body(
        user("hi"),
        called(ErrorChunk(message="overloaded"), TextChunk(text=" \n")),
        user("still there?"),
    )
    assert made["messages"] == [{"role": "user", "content": [text("hi"), text("still there?")]}]


def test_a_history_that_the_assistant_begins_is_begun_for_it():
    made = body(called(TextChunk(text="Hello.")), user("hi"))
    assert [message["role"] for message in made["messages"]] == ["user", "assistant", "user"]


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        (f"data:image/gif;base64,{GIF}", {"type": "base64", "media_type": "image/gif"}),
        (f"data:image/png;base64,{GIF}", {"type": "base64", "media_type": "image/gif"}),
        ("https://example.org/a.png", {"type": "url", "url": "https://example.org/a.png"}),
        ("data:image/bmp;base64,Qk0=", None),
        ("/images/a.png", None),
    ],
)
def test_images_stand_where_they_were_said(url: str, sent: dict[str, Any] | None):
    message = ChatMessage(role="user", chunks=[ImageChunk(url=url), TextChunk(text="what?")])
    image, words = body(message)["messages"][0]["content"]
    assert words == text("what?")
    if sent is None:
        assert image["type"] == "text"
        assert "image" in image["text"]
    else:
        data = {"data": GIF} if sent["type"] == "base64" else {}
        assert image == {"type": "image", "source": {**sent, **data}}
