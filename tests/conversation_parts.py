"""Providers that play a script, listeners that take notes, and conversations to use them in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from dispatch_nb.compose import open_conversation
from dispatch_nb.conversation.local import LocalConversation
from dispatch_nb.engine.contracts import (
    Finish,
    Provider,
    ProviderEvent,
    ProviderOptions,
    ReasoningDelta,
    TextDelta,
    Tool,
    ToolCall,
    UsageReport,
)
from dispatch_nb.store import Store
from dispatch_nb.store.rows import EventRow
from dispatch_nb.wire.conversation import ChatMessage, TextChunk, Usage

Script = Sequence[Sequence[ProviderEvent | Callable[[], object]]]
REPORT = UsageReport(Usage(input_tokens=10, output_tokens=4))


class Scripted:
    """Plays a script; a callable in it runs where it stands, and may return an awaitable."""

    id = "test"

    def __init__(self, *steps: Sequence[ProviderEvent | Callable[[], object]]) -> None:
        self.steps = list(steps)
        self.requests: list[list[ChatMessage]] = []
        self.closed = threading.Event()

    async def stream(
        self, messages: Sequence[ChatMessage], tools: Sequence[Tool], options: ProviderOptions
    ) -> AsyncIterator[ProviderEvent]:
        self.requests.append(list(messages))
        try:
            for item in self.steps[len(self.requests) - 1]:
                if callable(item):
                    waited = item()
                    if asyncio.iscoroutine(waited):
                        await waited
                else:
                    yield item
        finally:
            self.closed.set()


class Listener:
    def __init__(self) -> None:
        self.rows: list[EventRow] = []
        self.statuses = 0
        self.resets = 0

    def on_events(self, rows: Sequence[EventRow]) -> None:
        self.rows.extend(rows)

    def on_status(self) -> None:
        self.statuses += 1

    def on_reset(self) -> None:
        self.resets += 1

    @property
    def types(self) -> list[str]:
        return [row.event.type for row in self.rows]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def tool_loop() -> Scripted:
    return Scripted(
        [
            ReasoningDelta("hm "),
            ReasoningDelta("add"),
            TextDelta("I add."),
            ToolCall("c1", "add", {"a": 1, "b": 2}),
            REPORT,
            Finish("tool_calls"),
        ],
        [TextDelta("It is "), TextDelta("3."), REPORT, Finish("stop")],
    )


def opened(provider: Provider, store: Store | Path, name: str = "c") -> LocalConversation:
    return open_conversation(provider, tools=[add], store=store, conversation_id=name)


def texts(conversation: LocalConversation) -> list[tuple[str, str]]:
    return [
        (stored.role, stored.chunk.text)
        for stored in conversation.history().chunks
        if isinstance(stored.chunk, TextChunk)
    ]
