"""What the openai provider sends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dispatch_nb.engine.contracts import AnswerSchema, ProviderOptions
from dispatch_nb.errors import ModelError
from dispatch_nb.providers import OpenAIProvider
from dispatch_nb.providers.chat_request import convert_messages, request_body
from dispatch_nb.providers.chat_rules import chat_violations
from dispatch_nb.tools import function_tool
from dispatch_nb.wire.conversation import (
    ChatMessage,
    Chunk,
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

PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACw="


def call(given: Any, call_id: str = "c1") -> ToolCallChunk:
    return ToolCallChunk(tool_call_id=call_id, tool_name="add", input=given)


def result(content: str, call_id: str = "c1") -> ToolResultChunk:
    return ToolResultChunk(tool_call_id=call_id, tool_name="add", content=content, is_error=False)


def test_a_tool_turn_becomes_calls_and_one_message_for_each_result() -> None:
    messages = [
        user("add"),
        ChatMessage(
            role="assistant",
            chunks=[
                ThinkingChunk(text="hm"),
                TextChunk(text="One "),
                TextChunk(text="moment"),
                call({"a": "é"}),
                call({}, "c2"),
            ],
        ),
        ChatMessage(role="tool", chunks=[result("3")]),
        ChatMessage(role="tool", chunks=[result("4", "c2")]),
        user("steered"),
    ]
    assert convert_messages(messages, "Be brief.") == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "add"},
        {
            "role": "assistant",
            "content": "One moment",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "add", "arguments": '{"a": "é"}'},
                },
                {"id": "c2", "type": "function", "function": {"name": "add", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "3"},
        {"role": "tool", "tool_call_id": "c2", "content": "4"},
        {"role": "user", "content": "steered"},
    ]


def test_thinking_and_errors_are_not_sent_back() -> None:
    chunks: list[Chunk] = [ThinkingChunk(text="secret"), ErrorChunk(message="lost")]
    assert convert_messages([ChatMessage(role="assistant", chunks=chunks)]) == []
    with_call = ChatMessage(role="assistant", chunks=[*chunks, call({})])
    (message,) = convert_messages([with_call])
    assert message["content"] is None
    assert "secret" not in json.dumps(message)


def test_images_and_system_messages_are_converted_in_chunk_order() -> None:
    picture = ChatMessage(
        role="user",
        chunks=[TextChunk(text="see"), ImageChunk(url=PIXEL), TextChunk(text="this")],
    )
    notes = ChatMessage(role="system", chunks=[TextChunk(text="a"), SystemChunk(text="b")])
    assert convert_messages([notes, picture]) == [
        {"role": "system", "content": "ab"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "see"},
                {"type": "image_url", "image_url": {"url": PIXEL}},
                {"type": "text", "text": "this"},
            ],
        },
    ]


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        ({"a": 1}, '{"a": 1}'),
        (None, "{}"),
        ('{"a": 1}', '{"a": 1}'),
        ('{"a": ' + "1" * 500, None),
        ("", "{}"),
        ([1], '{"invalid_arguments": "[1]"}'),
        (5, '{"invalid_arguments": "5"}'),
        ('"text"', '{"invalid_arguments": "\\"text\\""}'),
        ('{"a": NaN}', '{"invalid_arguments": "{\\"a\\": NaN}"}'),
        ("[" * 100_000, None),
    ],
)
def test_arguments_are_always_the_text_of_an_object(given: Any, arguments: str | None) -> None:
    (message,) = convert_messages([ChatMessage(role="assistant", chunks=[call(given)])])
    sent = message["tool_calls"][0]["function"]["arguments"]
    if arguments is None:
        assert json.loads(sent) == {"invalid_arguments": given[:200]}
    else:
        assert sent == arguments


@pytest.mark.parametrize(
    ("called", "name"),
    [
        ("add", "add"),
        ("functions.add", "functions_add"),
        ("", "unknown"),
        ("é" * 3, "___"),
        ("x" * 65, "x" * 64),
    ],
)
def test_a_name_that_no_tool_can_have_is_mended(called: str, name: str) -> None:
    chunk = ToolCallChunk(tool_call_id="c1", tool_name=called, input={})
    (message,) = convert_messages([ChatMessage(role="assistant", chunks=[chunk])])
    assert message["tool_calls"][0]["function"]["name"] == name


def test_neighbours_of_one_role_become_one_message() -> None:
    assistant = ChatMessage(role="assistant", chunks=[TextChunk(text="half")])
    calling = ChatMessage(role="assistant", chunks=[call({})])
    picture = ChatMessage(role="user", chunks=[ImageChunk(url=PIXEL)])
    sent = convert_messages([user("a"), user("b"), assistant, calling, user("c"), picture])
    assert [(message["role"], message["content"]) for message in sent] == [
        ("user", "a\n\nb"),
        ("assistant", "half"),
        (
            "user",
            [
                {"type": "text", "text": "c"},
                {"type": "image_url", "image_url": {"url": PIXEL}},
            ],
        ),
    ]
    assert sent[1]["tool_calls"][0]["id"] == "c1"
    assert len(convert_messages([calling, assistant])) == 2  # a result belongs in between


def test_instructions_are_gathered_at_the_head() -> None:
    note = ChatMessage(role="system", chunks=[SystemChunk(text="Now in French.")])
    blank = ChatMessage(role="system", chunks=[TextChunk(text=" ")])
    assert convert_messages([user("a"), note, blank, user("b")], "Be brief.") == [
        {"role": "system", "content": "Be brief.\n\nNow in French."},
        {"role": "user", "content": "a\n\nb"},
    ]
    assert convert_messages([user("a")], "\n") == [{"role": "user", "content": "a"}]


def test_blank_texts_are_left_out_and_a_result_without_output_says_so() -> None:
    sent = convert_messages(
        [
            user(" "),
            user("a"),
            ChatMessage(role="assistant", chunks=[TextChunk(text="\n\n"), call({})]),
            ChatMessage(role="tool", chunks=[result("")]),
            ChatMessage(role="assistant", chunks=[TextChunk(text=" ")]),
        ]
    )
    assert [message["content"] for message in sent] == ["a", None, "(no output)"]


@pytest.mark.parametrize("url", ["", "/images/1.png", "data:x", "data:image/png;base64,%%%"])
def test_an_image_that_no_server_could_read_is_named_in_words(url: str) -> None:
    picture = ChatMessage(role="user", chunks=[ImageChunk(url=url), TextChunk(text="this")])
    assert convert_messages([picture])[0]["content"] == [
        {"type": "text", "text": "(an image that cannot be sent from here)"},
        {"type": "text", "text": "this"},
    ]


def test_options_are_sent_only_when_given() -> None:
    bare = request_body("m", [user("x")], [], ProviderOptions())
    assert bare == {
        "model": "m",
        "messages": [{"role": "user", "content": "x"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    options = ProviderOptions(
        model="other", temperature=0.0, max_tokens=5, reasoning_effort="low", system_prompt="s"
    )
    full = request_body("m", [user("x")], [], options)
    assert (full["model"], full["temperature"], full["max_tokens"]) == ("other", 0.0, 5)
    assert full["reasoning_effort"] == "low"


def test_sampling_and_form_are_sent_under_this_apis_names() -> None:
    schema = AnswerSchema("city", {"type": "object", "properties": {}})
    options = ProviderOptions(
        top_p=0.5, seed=7, schema=schema, extra_body={"seed": 8, "min_p": 0.1, "stream": True}
    )
    body = request_body("m", [user("x")], [], options)
    assert (body["top_p"], body["seed"], body["min_p"]) == (0.5, 8, 0.1)
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {
            "name": "city",
            "schema": {"type": "object", "properties": {}},
            "strict": True,
        },
    }


def test_openai_itself_gets_the_limit_that_its_reasoning_models_take() -> None:
    options = ProviderOptions(max_tokens=5)
    assert request_body("m", [user("x")], [], options)["max_tokens"] == 5
    own = request_body("m", [user("x")], [], options, is_openai=True)
    assert "max_tokens" not in own
    assert own["max_completion_tokens"] == 5


def thought(*details: Any) -> list[ChatMessage]:
    """Return a tool loop whose thinking has `details`, one chunk each."""
    chunks: list[Chunk] = [ThinkingChunk(text="hm") for _ in details]
    kept = {i: ChunkDetail(provider="openai", data=data) for i, data in enumerate(details)}
    called = PromptMessage(role="assistant", chunks=[*chunks, call({})], details=kept)
    return [user("add"), called, ChatMessage(role="tool", chunks=[result("3")])]


def test_thinking_goes_back_with_its_calls_as_the_server_sent_it() -> None:
    first = {"type": "reasoning.text", "text": "hm", "signature": "s"}
    second = {"type": "reasoning.encrypted", "data": "x"}
    for details, fields in (
        ([{"field": "reasoning_content"}] * 2, {"reasoning_content": "hmhm"}),
        (
            [{"reasoning_details": [first]}, {"reasoning_details": [second]}],
            {"reasoning_details": [first, second]},
        ),
        ([{"thinking_blocks": [first]}], {"thinking_blocks": [first]}),
        (["not ours"], {}),
    ):
        body = request_body("m", thought(*details), [], ProviderOptions())
        said = body["messages"][1]
        assert {name: said[name] for name in said if "think" in name or "reason" in name} == fields
        assert chat_violations(body) == []


def test_thinking_goes_to_no_other_provider_and_not_to_openai_itself() -> None:
    history = thought({"field": "reasoning_content"})
    elsewhere: Any
    for elsewhere in ({"provider": "groq"}, {"is_openai": True}):
        body = request_body("m", history, [], ProviderOptions(), **elsewhere)
        assert "reasoning_content" not in body["messages"][1]


def test_tools_are_described_with_their_schema() -> None:
    def add(a: int) -> int:
        """Add one."""
        return a + 1

    body = request_body("m", [], [function_tool(add)], ProviderOptions())
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "add",
                "description": "Add one.",
                "parameters": {
                    "type": "object",
                    "properties": {"a": {"type": "integer"}},
                    "required": ["a"],
                    "additionalProperties": False,
                },
            },
        }
    ]


@pytest.mark.parametrize("base_url", ["localhost:8000/v1", "ftp://x/v1", "http://", "not a url"])
def test_a_base_url_that_is_no_http_address_is_refused(base_url: str) -> None:
    with pytest.raises(ModelError, match="base_url"):
        OpenAIProvider("m", base_url=base_url)


def test_openai_itself_needs_a_key_and_takes_it_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ModelError, match="set the environment variable OPENAI_API_KEY"):
        OpenAIProvider("m")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-environment")
    provider = OpenAIProvider("m")
    assert repr(provider) == "OpenAIProvider('m', base_url='https://api.openai.com/v1')"
    assert provider.id == "openai"
    assert provider.model == "m"
