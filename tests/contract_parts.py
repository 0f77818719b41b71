"""A model that plays scripts, and a watcher, for the tests of known defects."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from dispatch_nb.compose import open_conversation
from dispatch_nb.conversation.local import LocalConversation
from dispatch_nb.engine.contracts import (
    Finish,
    ProviderEvent,
    ProviderOptions,
    Tool,
    ToolCall,
)
from dispatch_nb.providers.chat_request import request_body
from dispatch_nb.store import Store
from dispatch_nb.store.rows import EventRow
from dispatch_nb.wire.conversation import ChatMessage, TextChunk

Line = ProviderEvent | Callable[[], object]


class Model:
    """Plays one script per request and keeps each request as it would go out."""

    id = "test"

    def __init__(self, *scripts: Sequence[Line]) -> None:
        self.scripts = scripts
        self.bodies: list[dict[str, object]] = []
        self.seen: list[Sequence[ChatMessage]] = []
        self.closed = threading.Event()

    async def stream(
        self, messages: Sequence[ChatMessage], tools: Sequence[Tool], options: ProviderOptions
    ) -> AsyncIterator[ProviderEvent]:
        self.seen.append(messages)
        self.bodies.append(request_body("m", messages, tools, options))
        try:
            for item in self.scripts[len(self.bodies) - 1]:
                if callable(item):
                    waited = item()
                    if asyncio.iscoroutine(waited):
                        await waited
                else:
                    yield item
        finally:
            self.closed.set()


class Watcher:
    def __init__(self, conversation: LocalConversation) -> None:
        self.rows: list[EventRow] = []
        conversation.subscribe(self)

    def on_events(self, rows: Sequence[EventRow]) -> None:
        self.rows.extend(rows)

    def on_status(self) -> None: ...

    def on_reset(self) -> None: ...

    @property
    def types(self) -> list[str]:
        return [row.event.type for row in self.rows]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


ADD = ToolCall("c1", "add", {"a": 1, "b": 2})
STOP = Finish("stop")


def held(model: Model, path: Path) -> LocalConversation:
    return open_conversation(model, tools=[add], store=path, conversation_id="c")


def told(conversation: LocalConversation) -> list[tuple[int, str, str]]:
    return texts_of(conversation.store)


def texts_of(store: Store) -> list[tuple[int, str, str]]:
    return [
        (stored.seq, stored.role, stored.chunk.text)
        for stored in store.history("c").chunks
        if isinstance(stored.chunk, TextChunk)
    ]
