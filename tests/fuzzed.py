"""Conversations that are made up: what is said, what is reported and how requests end."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Any

from hypothesis import strategies as st
from pydantic import MISSING

from dispatch_nb.compose import open_conversation
from dispatch_nb.conversation.local import LocalConversation
from dispatch_nb.conversation.turn import Turn
from dispatch_nb.engine.contracts import (
    Failure,
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
from dispatch_nb.engine.retry import BackoffRetry
from dispatch_nb.errors import TurnFailedError
from dispatch_nb.store import Store
from dispatch_nb.wire.conversation import ChatMessage, Usage

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)


@st.composite
def reports(draw: st.DrawFn) -> UsageReport:
    sent, said = draw(st.integers(0, 10_000)), draw(st.integers(0, 500))
    read = draw(st.none() | st.integers(0, sent))
    written = draw(st.none() | st.integers(0, sent - (read or 0)))
    usage = Usage(
        input_tokens=sent,
        output_tokens=said,
        cache_read_tokens=MISSING if read is None else read,
        cache_write_tokens=MISSING if written is None else written,
    )
    thought = draw(st.none() | st.integers(0, said))
    return UsageReport(usage, reasoning_tokens=thought, raw={"said": said})


CALL = st.builds(
    lambda a, b, name: ToolCall("", name, {"a": a, "b": b}),
    st.integers(0, 9), st.integers(0, 9) | TEXT, st.sampled_from(["add", "fail", "absent"]),
)  # fmt: skip
SAID = st.lists(st.builds(TextDelta, TEXT) | st.builds(ReasoningDelta, TEXT) | CALL, max_size=5)


@st.composite
def requests(draw: st.DrawFn) -> list[Any]:
    """One request: what is said, what is reported, and how it ends."""
    fate = draw(st.sampled_from(["well", "well", "well", "broken", "again", "stopped", "raised"]))
    said: list[Any] = [] if fate == "again" else draw(SAID)
    usage = [draw(reports())] if draw(st.booleans()) or fate == "well" else []
    ends: dict[str, list[Any]] = {
        "well": [Finish("stop")],
        "broken": [Failure("it broke off", code="boom")],
        "again": [Failure("overloaded", code="529", retryable=True, status=529)],
        "stopped": ["stop", Finish("stop")],
        "raised": ["raise"],
    }
    return [*said, *usage, *ends[fate]]


CONVERSATIONS = st.lists(st.lists(requests(), min_size=1, max_size=4), min_size=1, max_size=3)


class Fuzzed:
    """Plays one script a request and remembers what it reported; then it only says stop."""

    id = "fuzzed"

    def __init__(self) -> None:
        self.scripts: list[list[Any]] = []
        self.turn: Turn | None = None
        self.reported: list[UsageReport] = []
        self.requests = 0
        self.calls = itertools.count()

    async def stream(
        self, messages: Sequence[ChatMessage], tools: Sequence[Tool], options: ProviderOptions
    ) -> AsyncIterator[ProviderEvent]:
        self.requests += 1
        for line in self.scripts.pop(0) if self.scripts else [Finish("stop")]:
            match line:
                case "stop":
                    while self.turn is None:
                        await asyncio.sleep(0.001)
                    self.turn.stop()
                    await asyncio.sleep(0)
                case "raise":
                    raise ConnectionError("the cable was pulled")
                case ToolCall(_, name, given):
                    yield ToolCall(f"call-{next(self.calls)}", name, given)
                case _:
                    if isinstance(line, UsageReport):
                        self.reported.append(line)
                    yield line


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def fail(a: int, b: int) -> int:
    """Never work."""
    raise ValueError("it never works")


def opened(provider: Provider, store: Store, name: str | None = None) -> LocalConversation:
    quick = BackoffRetry(delays_ms=(1,), budget_ms=3, jitter=0)
    return open_conversation(
        provider, tools=[add, fail], store=store, retry=quick, conversation_id=name
    )


def finished(turn: Turn) -> None:
    with contextlib.suppress(TurnFailedError):
        turn.result(30)
