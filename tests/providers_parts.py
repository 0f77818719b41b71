"""What the tests of providers and tools share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dispatch_nb.engine.contracts import (
    AbortSignal,
    Failure,
    Provider,
    ProviderEvent,
    ProviderOptions,
    ReasoningDelta,
    TextDelta,
    Tool,
    ToolCall,
    ToolContext,
    ToolInputDelta,
)
from dispatch_nb.providers import OpenAIProvider
from dispatch_nb.providers.answer import Answer, Decoder, Reader
from dispatch_nb.providers.sse import SseDecoder
from dispatch_nb.wire.conversation import (
    ChatMessage,
    Chunk,
    TextChunk,
    ThinkingChunk,
    ToolCallChunk,
    ToolResultChunk,
)


def user(text: str) -> ChatMessage:
    return ChatMessage(role="user", chunks=[TextChunk(text=text)])


def context() -> ToolContext:
    return ToolContext("call_1", "conversation", "turn", AbortSignal(), lambda data, stream: None)


def text_of(events: Sequence[ProviderEvent]) -> str:
    return "".join(event.delta for event in events if isinstance(event, TextDelta))


def thinking_of(events: Sequence[ProviderEvent]) -> str:
    return "".join(event.delta for event in events if isinstance(event, ReasoningDelta))


def kept(events: Sequence[ProviderEvent]) -> list[ProviderEvent]:
    """Return what is kept of an answer: all but what is only for those who watch."""
    return [event for event in events if not isinstance(event, ToolInputDelta)]


def written(events: Sequence[ProviderEvent]) -> list[tuple[str, str, str]]:
    """Return the arguments of each call as they came in pieces, joined: id, name, text."""
    texts: dict[tuple[str, str], str] = {}
    for event in events:
        if isinstance(event, ToolInputDelta):
            call = (event.tool_call_id, event.tool_name)
            texts[call] = texts.get(call, "") + event.delta
    return [(*call, text) for call, text in texts.items()]


def calls_of(events: Sequence[ProviderEvent]) -> list[ToolCall]:
    return [event for event in events if isinstance(event, ToolCall)]


async def ask(
    provider: Provider,
    messages: Sequence[ChatMessage] | str,
    tools: Sequence[Tool] = (),
    options: ProviderOptions | None = None,
) -> list[ProviderEvent]:
    """Return every event of one request."""
    sent = [user(messages)] if isinstance(messages, str) else messages
    return [event async for event in provider.stream(sent, tools, options or ProviderOptions())]


async def failure_at(base_url: str, model: str = "some-model", **settings: Any) -> Failure:
    """Return the failure that a request to a chat completions server ends in."""
    provider = OpenAIProvider(model, base_url=base_url, **settings)
    failure = (await ask(provider, "hi"))[-1]
    assert isinstance(failure, Failure)
    return failure


async def play_turn(
    provider: Provider, messages: list[ChatMessage], tools: Sequence[Tool]
) -> list[list[ProviderEvent]]:
    """Ask, run the tools that are called, and ask again, until a step calls none.

    `messages` grows by what the turn produced. This is the bare loop, so that a provider is
    tested without the engine.
    """
    steps = []
    by_name = {tool.name: tool for tool in tools}
    while True:
        events = await ask(provider, messages, tools)
        steps.append(events)
        chunks: list[Chunk] = [ThinkingChunk(text=thinking_of(events))]
        chunks.append(TextChunk(text=text_of(events)))
        for call in calls_of(events):
            chunks.append(
                ToolCallChunk(
                    tool_call_id=call.tool_call_id, tool_name=call.tool_name, input=call.input
                )
            )
        messages.append(ChatMessage(role="assistant", chunks=chunks))
        for call in calls_of(events):
            try:
                outcome = await by_name[call.tool_name].execute(call.input, context())
                content, is_error = outcome.content, outcome.is_error
            except Exception as error:
                content, is_error = f"Tool execution error: {error}", True
            result = ToolResultChunk(
                tool_call_id=call.tool_call_id,
                tool_name=call.tool_name,
                content=content,
                is_error=is_error,
            )
            messages.append(ChatMessage(role="tool", chunks=[result]))
        if not calls_of(events):
            return steps


def read_body(
    reader: Reader, body: bytes, size: int = 0, decoder: Decoder | None = None
) -> list[ProviderEvent]:
    """Return the events of a body that comes in pieces of `size` bytes (0: whole)."""
    answer = Answer("http://server", reader, decoder or SseDecoder())
    size = size or len(body) or 1
    events: list[ProviderEvent] = []
    for start in range(0, len(body), size):
        events += answer.feed(body[start : start + size])
    events += answer.flush()
    assert answer.ended
    return events
