"""Ollama's own API: what is sent, what is read, and aimock, which speaks it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dispatch_nb.compose import resolve_provider
from dispatch_nb.engine.contracts import (
    AnswerInfo,
    AnswerSchema,
    Failure,
    Finish,
    ProviderEvent,
    ProviderOptions,
    ReasoningDelta,
    TextDelta,
    UsageReport,
)
from dispatch_nb.providers import OllamaProvider
from dispatch_nb.providers.ndjson import NdjsonDecoder
from dispatch_nb.providers.ollama_reader import OllamaReader
from dispatch_nb.providers.ollama_request import ollama_body
from dispatch_nb.tools import function_tool
from dispatch_nb.wire.conversation import (
    ChatMessage,
    Chunk,
    ImageChunk,
    TextChunk,
    ThinkingChunk,
    ToolCallChunk,
    ToolResultChunk,
    Usage,
)
from tests.aimock import running_aimock
from tests.providers_parts import calls_of, play_turn, read_body, text_of, user

CALL = {"function": {"name": "add", "arguments": {"a": 17, "b": 25}}}


def read(*lines: dict[str, Any]) -> list[ProviderEvent]:
    body = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    return read_body(OllamaReader(), body, decoder=NdjsonDecoder())


def message(**fields: Any) -> dict[str, Any]:
    return {"model": "m:1b", "message": {"role": "assistant", **fields}, "done": False}


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def test_thinking_text_calls_and_counts_are_read() -> None:
    counts = {"prompt_eval_count": 11, "eval_count": 7}
    events = read(
        message(content="", thinking="hm"),
        message(content="One moment"),
        message(content="", tool_calls=[CALL, CALL]),
        {"model": "m:1b", "done": True, "done_reason": "stop", "total_duration": 5, **counts},
        message(content="late"),
    )
    first, second = calls_of(events)
    assert first.tool_call_id != second.tool_call_id
    assert first.input == second.input == {"a": 17, "b": 25}
    assert events == [
        ReasoningDelta("hm"),
        TextDelta("One moment"),
        first,
        second,
        AnswerInfo(response_model="m:1b"),
        UsageReport(Usage(input_tokens=11, output_tokens=7), raw=counts),
        Finish("stop"),
    ]


@pytest.mark.parametrize("last", [{"error": "out of memory"}, None])
def test_an_answer_that_ends_otherwise_is_a_failure_and_runs_no_call(
    last: dict[str, Any] | None,
) -> None:
    events = read(message(content="a", tool_calls=[CALL]), *([last] if last else []))
    assert text_of(events) == "a"
    assert isinstance(events[-1], Failure)
    assert calls_of(events) == []


def test_history_and_options_are_sent_under_this_apis_names() -> None:
    pixel = "data:image/gif;base64,R0lGODlhAQABAAAAACw="
    call = ToolCallChunk(tool_call_id="c", tool_name="add", input={"a": 1})
    result = ToolResultChunk(tool_call_id="c", tool_name="add", content="", is_error=False)
    picture: list[Chunk] = [TextChunk(text="see"), ImageChunk(url=pixel), ImageChunk(url="/a.png")]
    body = ollama_body(
        "m",
        [
            ChatMessage(role="user", chunks=picture),
            ChatMessage(role="assistant", chunks=[ThinkingChunk(text="hm"), call]),
            ChatMessage(role="tool", chunks=[result]),
        ],
        [function_tool(add)],
        ProviderOptions(
            system_prompt="Be brief.",
            temperature=0.5,
            seed=1,
            max_tokens=9,
            reasoning_effort="max",
            schema=AnswerSchema("x", {"type": "object"}),
            extra_body={"keep_alive": "5m"},
        ),
    )
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": "see\n(an image that cannot be sent from here)",
            "images": [pixel.partition(",")[2]],
        },
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"function": {"name": "add", "arguments": {"a": 1}}}],
        },
        {"role": "tool", "content": "(no output)", "tool_name": "add"},
    ]
    assert body["options"] == {"temperature": 0.5, "seed": 1, "num_predict": 9}
    assert (body["think"], body["format"]) == ("high", {"type": "object"})
    assert (body["keep_alive"], body["tools"][0]["function"]["name"]) == ("5m", "add")


def test_a_name_with_this_prefix_asks_this_api() -> None:
    provider = resolve_provider("ollama-chat:llama3")
    assert isinstance(provider, OllamaProvider)
    assert repr(provider) == "OllamaProvider('llama3', base_url='http://localhost:11434')"


@pytest.mark.anyio
async def test_a_tool_loop_with_aimock_sends_calls_and_results_back() -> None:
    calling = {"toolCalls": [{"name": "add", "arguments": {"a": 17, "b": 25}}]}
    fixtures: list[dict[str, Any]] = [
        {"match": {"userMessage": "add", "hasToolResult": False}, "response": calling},
        {"match": {"userMessage": "add", "hasToolResult": True}, "response": {"content": "42."}},
    ]
    with running_aimock(fixtures) as server:
        address = server.base_url.removesuffix("/v1")
        provider = OllamaProvider("m", base_url=address)
        first, second = await play_turn(provider, [user("Please add.")], [function_tool(add)])
        sent = server.requests()[-1]["messages"]
    assert [call.input for call in calls_of(first)] == [{"a": 17, "b": 25}]
    assert text_of(second) == "42."
    assert [m["role"] for m in sent] == ["user", "assistant", "tool"]
    assert sent[2]["content"] == "42"
