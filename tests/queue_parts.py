"""A provider whose steps are told to it while the turn runs, for the tests of the queue."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Sequence

from dispatch_nb.conversation.local import LocalConversation
from dispatch_nb.conversation.turn import Turn
from dispatch_nb.engine.contracts import (
    Finish,
    ProviderEvent,
    ProviderOptions,
    TextDelta,
    Tool,
    ToolCall,
)
from dispatch_nb.wire.conversation import ChatMessage
from tests.conversation_parts import texts

CALL = ToolCall("c1", "add", {"a": 1, "b": 2})
BORDER: list[ProviderEvent] = [CALL, Finish("tool_calls")]
END: list[ProviderEvent] = [TextDelta("ok"), Finish("stop")]


class Gated:
    """A provider whose steps are told to it one by one while the turn runs."""

    id = "gated"

    def __init__(self) -> None:
        self.steps: queue.SimpleQueue[Sequence[ProviderEvent]] = queue.SimpleQueue()
        self.requests = 0
        self.is_waiting = threading.Event()

    async def stream(
        self, messages: Sequence[ChatMessage], tools: Sequence[Tool], options: ProviderOptions
    ) -> AsyncIterator[ProviderEvent]:
        self.requests += 1
        self.is_waiting.set()
        while self.steps.empty():
            await asyncio.sleep(0.001)
        self.is_waiting.clear()
        for event in self.steps.get_nowait():
            yield event

    def play(self, step: Sequence[ProviderEvent]) -> None:
        self.steps.put(step)


def asked(conversation: LocalConversation, provider: Gated, text: str = "go") -> Turn:
    turn = conversation.send(text)
    assert provider.is_waiting.wait(60)
    return turn


def listed(conversation: LocalConversation) -> list[tuple[str, bool]]:
    return [(each.text, each.kept) for each in conversation.queue.texts]


def typed(conversation: LocalConversation) -> list[str]:
    return [text for role, text in texts(conversation) if role == "user"]
