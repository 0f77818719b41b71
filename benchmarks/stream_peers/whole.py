"""Ours, the whole way: provider, engine, journal, a store in a file, outbox, front end."""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from dispatch_nb import Chat
from dispatch_nb.compose import open_store
from dispatch_nb.engine.contracts import Finish, ProviderEvent, ProviderOptions, TextDelta, Tool
from dispatch_nb.store.rows import CommitStamp, ConversationRow
from dispatch_nb.wire.conversation import ChatMessage, TextChunk

from .outbox import warm
from .pace import HISTORY_TEXT, due

__all__ = ["show", "stream", "warm"]


class Paced:
    """A provider that says what it was given, at its pace."""

    id = "paced"

    def __init__(self) -> None:
        self.tokens: Sequence[str] = ()
        self.rate = 0.0
        self.started = self.ended = 0.0

    async def stream(
        self, messages: Sequence[ChatMessage], tools: Sequence[Tool], options: ProviderOptions
    ) -> AsyncIterator[ProviderEvent]:
        """Yield the tokens."""
        self.started = time.time()
        async for token in due(self.tokens, self.rate):
            yield TextDelta(token)
        self.ended = time.time()
        yield Finish("stop")


provider = Paced()
shown: list[Chat] = []


def show(history: int) -> Chat:
    """Return a chat with its earlier messages, stored."""
    store = open_store(Path(tempfile.mkdtemp()) / "stream.db")
    store.create_conversation(ConversationRow("stream", created_us=1)).result()
    for number in range(history):
        said = ChatMessage(
            role="assistant" if number % 2 else "user",
            chunks=[TextChunk(text=HISTORY_TEXT.format(number))],
        )
        stamp = CommitStamp(number + 1, at_us=1, mono_us=1)
        store.append_chunks("stream", [said], turn_id=f"t{number // 2}", step_id=None, event=stamp)
    shown[:] = [Chat(provider, store=store, conversation="stream")]
    return shown[0]


async def stream(tokens: Sequence[str], rate: float) -> tuple[float, float]:
    """Run one turn whose answer is the tokens."""
    provider.tokens, provider.rate = tokens, rate
    await shown[0].send("go")
    return provider.started, provider.ended
