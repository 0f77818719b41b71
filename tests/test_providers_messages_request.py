"""Requests to the Messages API: what of a conversation goes where."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from dispatch_nb.engine.contracts import AnswerSchema, ProviderOptions, Tool
from dispatch_nb.providers.messages_body_rules import request_violations
from dispatch_nb.providers.messages_request import request_body
from dispatch_nb.providers.messages_schema import closed_schema
from dispatch_nb.tools import function_tool
from dispatch_nb.wire.conversation import (
    ChatMessage,
    ErrorChunk,
    ImageChunk,
    SystemChunk,
    TextChunk,
    ThinkingChunk,
    ToolCallChunk,
    ToolResultChunk,
)
from dispatch_nb.wire.extensions import ChunkDetail, PromptMessage
from tests.providers_parts import user

MANUAL, ADAPTIVE, NEWEST = "claude-sonnet-4-5", "claude-opus-4-6", "claude-fable-5"
GIF = "R0lGODlhAQABAAAAACw="


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


ADD: Sequence[Tool] = [function_tool(add)]


def body(*messages: ChatMessage, tools: Sequence[Tool] = (), **chosen: Any) -> dict[str, Any]:
    """Return the request with its cache breakpoints off, checked by the strict rules."""
    options = ProviderOptions(**{"cache": False, **chosen})
    made = request_body("m", messages, tools, options, provider="anthropic")
    assert request_violations(made) == []
    return made


def call(call_id: str = "a", given: Any = None) -> ToolCallChunk:
    return ToolCallChunk(
        tool_call_id=call_id, tool_name="add", input={} if given is None else given
    )


def called(*chunks: Any) -> ChatMessage:
    return ChatMessage(role="assistant", chunks=list(chunks))


def result(call_id: str = "a", content: str = "3", is_error: bool = False) -> ChatMessage:
    chunk = ToolResultChunk(
        tool_call_id=call_id, tool_name="add", content=content, is_error=is_error
    )
    return ChatMessage(role="tool", chunks=[chunk])


def thought(*chunks: Any, signed_by: str = "m", provider: str = "anthropic") -> PromptMessage:
    """Return an assistant's message whose thinking was signed."""
    detail = ChunkDetail(provider=provider, data={"signature": "c2ln", "model": signed_by})
    places = [i for i, chunk in enumerate(chunks) if isinstance(chunk, ThinkingChunk)]
    return PromptMessage(
        role="assistant", chunks=list(chunks), details=dict.fromkeys(places, detail)
    )


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


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


@pytest.mark.parametrize(
    ("model", "chosen", "limits"),
    [
        ("m", {}, {"max_tokens": 8_192}),
        ("m", {"max_tokens": 100}, {"max_tokens": 100}),
        ("claude-3-haiku-20240307", {}, {"max_tokens": 4_096}),
        (MANUAL, {}, {"max_tokens": 16_000}),
        (
            MANUAL,
            {"reasoning_effort": "high"},
            {"max_tokens": 32_384, "thinking": {"type": "enabled", "budget_tokens": 16_384}},
        ),
        (
            "claude-opus-4-1",
            {"reasoning_effort": "max"},
            {"max_tokens": 32_000, "thinking": {"type": "enabled", "budget_tokens": 16_000}},
        ),
        (
            MANUAL,
            {"reasoning_effort": "low", "max_tokens": 50},
            {"max_tokens": 2_098, "thinking": {"type": "enabled", "budget_tokens": 2_048}},
        ),
        (
            ADAPTIVE,
            {"reasoning_effort": "xhigh"},
            {
                "max_tokens": 64_000,
                "thinking": {"type": "adaptive"},
                "output_config": {"effort": "xhigh"},
            },
        ),
        (
            NEWEST,
            {"reasoning_effort": "low", "max_tokens": 500},
            {
                "max_tokens": 500,
                "thinking": {"type": "adaptive", "display": "summarized"},
                "output_config": {"effort": "low"},
            },
        ),
        (NEWEST, {}, {"max_tokens": 64_000}),
    ],
)
def test_limits_and_thinking_fit_the_model(model: str, chosen: Any, limits: dict[str, Any]):
    made = body(user("hi"), model=model, **chosen)
    names = ("max_tokens", "thinking", "output_config")
    assert {name: made[name] for name in names if name in made} == limits


def test_choices_go_out_as_they_were_made():
    made = body(user("hi"), temperature=0.2, top_p=0.9)
    assert (made["temperature"], made["top_p"]) == (0.2, 0.9)
    laid_over = body(
        user("hi"),
        model=MANUAL,
        extra_body={"thinking": {"type": "enabled", "budget_tokens": 2000}},
    )
    assert laid_over["thinking"]["budget_tokens"] == 2000
    assert "seed" not in body(user("hi"), seed=1)  # the API knows none


def test_a_schema_is_the_form_of_the_answer_beside_the_effort():
    schema = AnswerSchema("sum", {"type": "object", "properties": {"a": {"type": "integer"}}})
    made = body(user("hi"), model=ADAPTIVE, reasoning_effort="low", schema=schema)
    assert made["output_config"] == {
        "effort": "low",
        "format": {
            "type": "json_schema",
            "schema": {**schema.schema, "additionalProperties": False},
        },
    }


def test_a_schema_is_closed_and_its_unknown_limits_become_words():
    schema = {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "minimum": 1, "maximum": 9, "description": "A digit."},
            "tags": {"type": "array", "minItems": 2, "items": {"$ref": "#/$defs/Tag"}},
            "when": {"oneOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
            "minimum": {"type": "string", "format": "color"},
        },
        "$defs": {"Tag": {"type": "object", "properties": {"name": {"maxLength": 3}}}},
    }
    assert closed_schema(schema) == {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "description": "A digit. (minimum: 1; maximum: 9)"},
            "tags": {
                "type": "array",
                "items": {"$ref": "#/$defs/Tag"},
                "description": "(minItems: 2)",
            },
            "when": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
            "minimum": {"type": "string", "description": '(format: "color")'},
        },
        "$defs": {
            "Tag": {
                "type": "object",
                "properties": {"name": {"description": "(maxLength: 3)"}},
                "additionalProperties": False,
            }
        },
        "additionalProperties": False,
    }


def breakpoints(made: dict[str, Any]) -> list[str]:
    """Return where the breakpoints are, in the order in which the API reads."""
    found = [f"tool {tool['name']}" for tool in made.get("tools", ()) if "cache_control" in tool]
    found += [f"system {i}" for i, b in enumerate(made.get("system", ())) if "cache_control" in b]
    for number, message in enumerate(made["messages"]):
        for index, block in enumerate(message["content"]):
            if "cache_control" in block:
                assert block["cache_control"] == {"type": "ephemeral"}
                found.append(f"message {number} block {index}")
    return found


def test_breakpoints_stand_behind_tools_instructions_and_the_last_two_prompts():
    history = [user("one"), called(TextChunk(text="1")), user("two"), called(call()), result()]
    made = body(*history, system_prompt="Be brief.", tools=ADD, cache=True)
    assert breakpoints(made) == ["tool add", "system 0", "message 2 block 0", "message 4 block 0"]
    assert breakpoints(body(user("one"), cache=True)) == ["message 0 block 0"]
    assert breakpoints(body(*history, system_prompt="Be brief.", tools=ADD)) == []


def test_the_last_breakpoint_of_a_request_is_one_of_the_next():
    history = [user("one"), called(TextChunk(text="1")), user("two")]
    loop = [called(*map(call, "abcdef")), *map(result, "abcdef")]
    before = breakpoints(body(*history, tools=ADD, cache=True))
    after = breakpoints(body(*history, *loop, tools=ADD, cache=True))
    assert before[-1] in after
