"""What the tests of Messages requests share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dispatch_nb.engine.contracts import ProviderOptions, Tool
from dispatch_nb.providers.messages_body_rules import request_violations
from dispatch_nb.providers.messages_request import request_body
from dispatch_nb.tools import function_tool
from dispatch_nb.wire.conversation import ChatMessage, ThinkingChunk, ToolCallChunk, ToolResultChunk
from dispatch_nb.wire.extensions import ChunkDetail, PromptMessage

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
