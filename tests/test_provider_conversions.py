"""Any history of ours becomes a request that strict servers take, and says all that was said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from dispatch_nb.engine.contracts import AnswerSchema, ProviderOptions, Tool
from dispatch_nb.providers import chat_request, messages_request
from dispatch_nb.providers.chat_rules import chat_violations
from dispatch_nb.providers.messages_body_rules import request_violations
from dispatch_nb.providers.responses_request import responses_body
from dispatch_nb.providers.responses_rules import responses_violations
from dispatch_nb.tools import function_tool
from dispatch_nb.transcript.reconcile import reconcile
from dispatch_nb.wire.conversation import ChatMessage, ReasoningEffort, TextChunk, ToolCallChunk
from dispatch_nb.wire.extensions import PromptMessage
from tests.histories import PROMPT, assert_in_order, detailed, requests


def add(a: int = 0) -> int:
    """Add nothing."""
    return a


TOOLS: Sequence[Sequence[Tool]] = ([], [function_tool(add)])
MODELS = ("m", "claude-sonnet-4-5", "claude-opus-4-6", "claude-fable-5")
EFFORTS: Sequence[ReasoningEffort | None] = (None, None, "low", "max")
SCHEMA = AnswerSchema("sum", {"type": "object", "properties": {"a": {"type": "integer"}}})

options = st.builds(
    ProviderOptions,
    model=st.sampled_from(MODELS),
    max_tokens=st.sampled_from([None, 1, 64_000]),
    system_prompt=st.sampled_from([None, "", "Be brief."]),
    reasoning_effort=st.sampled_from(EFFORTS),
    schema=st.sampled_from([None, SCHEMA]),
    cache=st.booleans(),
)


def said_in_chat(body: Mapping[str, Any], role: str) -> Iterator[str]:
    for message in body["messages"]:
        content = message["content"]
        if message["role"] == role and content is not None:
            parts = content if isinstance(content, list) else [{"text": content}]
            yield from (part["text"] for part in parts if "text" in part)


def called_in_chat(body: Mapping[str, Any]) -> Iterator[str]:
    for message in body["messages"]:
        for call in message.get("tool_calls", ()):
            yield call["function"]["name"]


def said_in_messages(body: Mapping[str, Any], role: str) -> Iterator[str]:
    for message in body["messages"]:
        if message["role"] == role:
            yield from (block["text"] for block in message["content"] if "text" in block)


def called_in_messages(body: Mapping[str, Any]) -> Iterator[str]:
    for message in body["messages"]:
        yield from (block["name"] for block in message["content"] if block["type"] == "tool_use")


def said_in_responses(body: Mapping[str, Any], role: str) -> Iterator[str]:
    for item in body["input"]:
        if item.get("role") == role:
            yield from (part["text"] for part in item["content"] if "text" in part)


def called_in_responses(body: Mapping[str, Any]) -> Iterator[str]:
    return (item["name"] for item in body["input"] if item.get("type") == "function_call")


def responses_request(
    messages: Sequence[ChatMessage], tools: Sequence[Tool], chosen: ProviderOptions
) -> dict[str, Any]:
    return responses_body("m", messages, tools, chosen)


def messages_body(
    messages: Sequence[ChatMessage], tools: Sequence[Tool], chosen: ProviderOptions
) -> dict[str, Any]:
    return messages_request.request_body("m", messages, tools, chosen, provider="anthropic")


def chat_body(
    messages: Sequence[ChatMessage], tools: Sequence[Tool], chosen: ProviderOptions
) -> dict[str, Any]:
    return chat_request.request_body("m", messages, tools, chosen)


Request = Callable[[Sequence[ChatMessage], Sequence[Tool], ProviderOptions], dict[str, Any]]
APIS: dict[str, tuple[Request, Any, Any, Any]] = {
    "chat": (chat_body, chat_violations, said_in_chat, called_in_chat),
    "responses": (
        responses_request,
        responses_violations,
        said_in_responses,
        called_in_responses,
    ),
    "messages": (messages_body, request_violations, said_in_messages, called_in_messages),
}


@pytest.mark.parametrize("api", APIS)
@given(messages=requests(), tools=st.sampled_from(TOOLS), chosen=options)
def test_any_history_becomes_a_request_that_strict_servers_take_and_says_all_that_was_said(
    api: str, messages: list[ChatMessage], tools: Sequence[Tool], chosen: ProviderOptions
) -> None:
    request, violations, said, called = APIS[api]
    body = request(reconcile(messages), tools, chosen)
    assert violations(body) == []
    for role in ("user", "assistant"):
        assert_in_order(list(words(messages, role)), "\n".join(said(body, role)))
    made = [
        chunk.tool_name
        for message in messages
        for chunk in message.chunks
        if message.role == "assistant" and isinstance(chunk, ToolCallChunk)
    ]
    named = list(called(body))
    assert len(named) == len(made)
    assert all(one == other for one, other in zip(named, made, strict=True) if other == "add")
    event(f"{len(made)} calls")


def words(messages: Sequence[ChatMessage], role: str) -> Iterator[str]:
    for message in messages:
        if message.role == role:
            for chunk in message.chunks:
                if isinstance(chunk, TextChunk) and chunk.text.strip():
                    yield chunk.text


@given(messages=st.lists(detailed(), min_size=2).map(lambda said: [*said, PROMPT]))
def test_thinking_goes_back_byte_for_byte_or_not_at_all(messages: list[ChatMessage]) -> None:
    body = messages_body(reconcile(messages), [], ProviderOptions(model="m"))
    sent = [
        (block.get("thinking"), block.get("signature") or block.get("data"))
        for message in body["messages"]
        for block in message["content"]
        if block["type"] in ("thinking", "redacted_thinking")
    ]
    known = [
        (None if "redacted_thinking" in data else chunk.text, *list(data.values())[:1])
        for message in messages
        if isinstance(message, PromptMessage)
        for index, detail in message.details.items()
        if isinstance(data := detail.data, dict)
        and data.get("model") == "m"
        and detail.provider == "anthropic"
        and (chunk := message.chunks[index]).type == "thinking"
    ]
    rest = iter(known)
    assert all(each in rest for each in sent)  # in order; thinking at an end is left out
    event(f"{len(sent)} of {len(known)} thoughts")
