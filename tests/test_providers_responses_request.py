"""What the openai-responses provider sends."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch_nb.compose import resolve_provider
from dispatch_nb.engine.contracts import AnswerSchema, ProviderOptions
from dispatch_nb.providers import OpenAIResponsesProvider
from dispatch_nb.providers.responses_request import responses_body
from dispatch_nb.providers.responses_rules import responses_violations
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
ITEM: dict[str, Any] = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [],
    "encrypted_content": "x",
}


def call(call_id: str) -> ToolCallChunk:
    return ToolCallChunk(tool_call_id=call_id, tool_name="add", input={"a": 1})


def result(call_id: str) -> ChatMessage:
    chunk = ToolResultChunk(tool_call_id=call_id, tool_name="add", content="3", is_error=False)
    return ChatMessage(role="tool", chunks=[chunk])


def said(*chunks: Chunk, **details: ChunkDetail) -> PromptMessage:
    kept = {int(name[1:]): detail for name, detail in details.items()}
    return PromptMessage(role="assistant", chunks=list(chunks), details=kept)


def ours(data: Any = None) -> ChunkDetail:
    return ChunkDetail(provider="openai-responses", data=ITEM if data is None else data)


def body(*messages: ChatMessage, model: str = "gpt-4.1", **options: Any) -> dict[str, Any]:
    return responses_body(model, messages, [], ProviderOptions(**options))


def test_a_tool_turn_becomes_items_in_the_order_they_were_made() -> None:
    sent = body(
        user("add"),
        said(
            ThinkingChunk(text="hm"),
            TextChunk(text="One "),
            TextChunk(text="moment"),
            ThinkingChunk(text=""),
            call("c1"),
            call("c2"),
            _0=ours(ITEM | {"id": "rs_0"}),
            _3=ours(),
        ),
        result("c1"),
        result("c2"),
        user("steered"),
        system_prompt="Be brief.",
    )
    arguments = '{"a": 1}'
    assert sent["instructions"] == "Be brief."
    assert sent["input"] == [
        {"role": "user", "content": [{"type": "input_text", "text": "add"}]},
        ITEM | {"id": "rs_0"},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "One moment"}],
        },
        ITEM,
        {"type": "function_call", "call_id": "c1", "name": "add", "arguments": arguments},
        {"type": "function_call", "call_id": "c2", "name": "add", "arguments": arguments},
        {"type": "function_call_output", "call_id": "c1", "output": "3"},
        {"type": "function_call_output", "call_id": "c2", "output": "3"},
        {"role": "user", "content": [{"type": "input_text", "text": "steered"}]},
    ]
    assert responses_violations(sent) == []


@pytest.mark.parametrize(
    "message",
    [
        said(ThinkingChunk(text="hm"), TextChunk(text="yes")),
        said(ThinkingChunk(text="hm"), TextChunk(text="yes"), _0=ours("not an item")),
        said(ThinkingChunk(text="hm"), TextChunk(text="yes"), _0=ours({"type": "summary_part"})),
        said(
            ThinkingChunk(text="hm"),
            TextChunk(text="yes"),
            _0=ours({"type": "reasoning", "id": "rs_1", "summary": []}),
        ),
        said(
            ThinkingChunk(text="hm"),
            TextChunk(text="yes"),
            _0=ChunkDetail(provider="openai", data=ITEM),
        ),
        said(TextChunk(text="yes"), ThinkingChunk(text="hm"), _1=ours()),
        said(TextChunk(text="yes"), ErrorChunk(message="lost")),
    ],
)
def test_thinking_goes_back_only_as_a_whole_item_before_what_it_led_to(
    message: PromptMessage,
) -> None:
    sent = body(user("a"), message, user("b"))
    assert [item.get("role") for item in sent["input"]] == ["user", "assistant", "user"]
    assert responses_violations(sent) == []


def test_images_and_injected_notes_stand_where_they_are_taken() -> None:
    chunks: list[Chunk] = [TextChunk(text="see"), ImageChunk(url=PIXEL), ImageChunk(url="/a.png")]
    note = ChatMessage(role="system", chunks=[SystemChunk(text="Now in French.")])
    sent = body(ChatMessage(role="user", chunks=chunks), note)
    assert sent["instructions"] == "Now in French."
    assert sent["input"][0]["content"] == [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": PIXEL},
        {"type": "input_text", "text": "(an image that cannot be sent from here)"},
    ]
    assert responses_violations(sent) == []


def test_options_are_sent_under_this_apis_names() -> None:
    assert body(user("x")) == {
        "model": "gpt-4.1",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "x"}]}],
        "stream": True,
        "store": False,
    }
    sent = body(
        user("x"),
        temperature=0.0,
        top_p=0.5,
        seed=3,
        max_tokens=5,
        reasoning_effort="low",
        schema=AnswerSchema("city", {"type": "object"}, strict=False),
        extra_body={"service_tier": "flex", "top_p": 0.6},
    )
    assert (sent["temperature"], sent["top_p"], sent["seed"]) == (0.0, 0.6, 3)
    assert (sent["max_output_tokens"], sent["service_tier"]) == (5, "flex")
    assert sent["reasoning"] == {"effort": "low", "summary": "auto"}
    assert sent["text"] == {
        "format": {
            "type": "json_schema",
            "name": "city",
            "schema": {"type": "object"},
            "strict": False,
        }
    }


@pytest.mark.parametrize(
    ("model", "reasons"),
    [
        ("gpt-5", True),
        ("gpt-5.2-2025-12-11", True),
        ("gpt-5-mini", True),
        ("o4-mini", True),
        ("openai/o3", True),
        ("codex-mini-latest", True),
        ("gpt-5-chat-latest", False),
        ("gpt-5.1-chat-latest", False),
        ("gpt-4o", False),
        ("gpt-4.1-mini", False),
        ("some-model", False),
    ],
)
def test_encrypted_reasoning_is_asked_of_models_that_reason(model: str, reasons: bool) -> None:
    assert ("include" in body(user("x"), model=model)) is reasons


def test_tools_are_described_flat_and_not_strictly() -> None:
    def add(a: int = 0) -> int:
        """Add one."""
        return a + 1

    sent = responses_body("m", [user("x")], [function_tool(add)], ProviderOptions())
    (tool,) = sent["tools"]
    assert (tool["type"], tool["name"], tool["description"]) == ("function", "add", "Add one.")
    assert tool["parameters"]["properties"]["a"]["type"] == "integer"
    assert tool["strict"] is False


def test_a_name_with_this_prefix_asks_this_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-environment")
    provider = resolve_provider("openai-responses:gpt-5")
    assert isinstance(provider, OpenAIResponsesProvider)
    assert (provider.id, provider.model) == ("openai-responses", "gpt-5")
    assert repr(provider) == (
        "OpenAIResponsesProvider('gpt-5', base_url='https://api.openai.com/v1')"
    )


MESSAGE = {"role": "user", "content": "hi"}
CALL = {"type": "function_call", "call_id": "c", "name": "add", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "3"}
ANSWER = {
    "type": "message",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "yes"}],
}


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([], "at least one item"),
        ([MESSAGE, CALL, MESSAGE], "'c' has no output before the next message"),
        ([MESSAGE, OUTPUT], "answers 'c', which was not called"),
        ([MESSAGE, CALL, OUTPUT, CALL, OUTPUT], "was used before"),
        ([MESSAGE, CALL | {"name": "a b"}, OUTPUT], "letters, digits"),
        ([MESSAGE, CALL | {"arguments": "[]"}, OUTPUT], "must be a JSON object"),
        ([MESSAGE, CALL | {"arguments": "{"}, OUTPUT], "must be JSON"),
        ([MESSAGE, CALL | {"arguments": {}}, OUTPUT], "must be JSON as text"),
        ([MESSAGE, CALL | {"call_id": "x" * 65}], "longer than 64"),
        ([MESSAGE, CALL | {"id": "fc"}, OUTPUT], "must not have the field 'id'"),
        ([MESSAGE, CALL, OUTPUT | {"output": " "}], "output is blank"),
        ([MESSAGE, ITEM, MESSAGE], "reasoning without the item it led to"),
        ([MESSAGE, ITEM], "reasoning without the item it led to"),
        ([MESSAGE, {**ITEM, "encrypted_content": ""}, ANSWER, MESSAGE], "only refers to"),
        ([MESSAGE, ANSWER], "last item must be"),
        ([{"role": "tool", "content": "x"}], "role 'tool', which does not exist"),
        ([{"role": "user", "content": []}], "text or a list"),
        ([{"role": "user", "content": [{"type": "text", "text": "x"}]}], "has the type 'text'"),
        ([{"role": "user", "content": " "}], "content is blank"),
        (
            [{"role": "user", "content": [{"type": "input_image", "image_url": "a.png"}]}],
            "data URL",
        ),
        ([{"type": "item_reference", "id": "x"}, MESSAGE], "which is not sent"),
        (["x", MESSAGE], "must be an object"),
    ],
)
def test_the_rules_refuse(items: list[Any], words: str) -> None:
    found = responses_violations({"input": items, "store": False})
    assert any(words in violation for violation in found), found


def test_the_rules_take_a_whole_turn_and_refuse_what_a_provider_would_keep() -> None:
    items = [MESSAGE, ITEM, CALL, OUTPUT, ANSWER, MESSAGE]
    assert responses_violations({"input": items, "store": False}) == []
    kept = responses_violations({"input": items, "previous_response_id": "r", "instructions": ""})
    assert [violation.split()[0] for violation in kept] == [
        "instructions",
        "store",
        "previous_response_id",
    ]
