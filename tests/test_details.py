"""What an API wants back with its chunks: kept with them, given back to it, shown to nobody."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import dispatch_nb as dn
from dispatch_nb.engine.contracts import (
    AnswerInfo,
    Detail,
    Failure,
    Finish,
    ProviderEvent,
    ProviderOptions,
    ReasoningDelta,
    TextDelta,
    Tool,
    ToolCall,
)
from dispatch_nb.store import Store
from dispatch_nb.transcript.reconcile import reconcile
from dispatch_nb.wire.conversation import ChatMessage, ErrorChunk, ThinkingChunk
from dispatch_nb.wire.extensions import ChunkDetail, ChunkDetailEvent, PromptMessage
from tests.engine_parts import Line, Playback, Turn, call, echo
from tests.waiting import wait_until

SIGNATURE = {"signature": "EqQBCkgIAR+/=\u2028é😀", "parts": [1, 2.5, None, True]}
REDACTED = {"redacted": "gAAAA" * 50}


class Keeper:
    """A provider that notes what it gets."""

    id = "keeper"

    def __init__(self, *steps: Sequence[ProviderEvent]) -> None:
        self.steps = steps
        self.prompts: list[list[ChatMessage]] = []

    async def stream(
        self, messages: Sequence[ChatMessage], tools: Sequence[Tool], options: ProviderOptions
    ) -> AsyncIterator[ProviderEvent]:
        self.prompts.append(list(messages))
        for event in self.steps[min(len(self.prompts), len(self.steps)) - 1]:
            yield event


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


LOOP: list[list[ProviderEvent]] = [
    [
        AnswerInfo("resp-1", "model-2"),
        ReasoningDelta("let me "),
        ReasoningDelta("add"),
        Detail(SIGNATURE),
        Detail(REDACTED, alone=True),
        ReasoningDelta("go"),
        Detail("second"),
        ToolCall("c1", "add", {"a": 1, "b": 2}),
        Finish("tool_use"),
    ],
    [TextDelta("three"), Detail("t", kind="text"), Finish("end_turn")],
]


def details_of(messages: Sequence[ChatMessage]) -> list[tuple[str, Any]]:
    """The text of every chunk that came with a detail, and the detail."""
    return [
        (getattr(message.chunks[index], "text", ""), detail.data)
        for message in messages
        if isinstance(message, PromptMessage)
        for index, detail in sorted(message.details.items())
    ]


FIRST_STEP = [("let me add", SIGNATURE), ("", REDACTED), ("go", "second")]
WHOLE_TURN = [*FIRST_STEP, ("three", "t")]


def test_details_reach_the_next_step_the_next_turn_and_a_reopened_store(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    provider = Keeper(*LOOP)
    with Store(path) as store:
        chat = dn.Chat(provider, tools=[add], store=store, conversation="c")
        chat.send("1+2?").result(20)
        assert details_of(provider.prompts[1]) == FIRST_STEP
        chat.send("and again").result(20)
        assert details_of(provider.prompts[2]) == WHOLE_TURN
        assert {
            d.provider for m in provider.prompts[2] for d in getattr(m, "details", {}).values()
        } == {"keeper"}
        steps = chat.steps
        assert steps["response_id"].tolist()[0] == "resp-1"
        assert steps["response_model"].tolist()[0] == "model-2"
        assert [chunk.chunk.type for chunk in chat.history(1, 7).chunks] == [
            *["thinking"] * 3,
            "tool-call",
            "tool-result",
        ]
        chat.close()
        store.compact("c").result(20)
    again = Keeper(*LOOP[1:])
    with Store(path) as store:
        chat = dn.Chat(again, tools=[add], store=store, conversation="c")
        chat.send("once more").result(20)
        assert details_of(again.prompts[0])[:4] == WHOLE_TURN
        chat.close()


def test_details_are_in_no_chunk_and_are_not_told_to_views(tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []

    class Watched(dn.Chat):
        def _tell_views(self, message: Any) -> None:
            told.append(message.to_wire())

    with Store(tmp_path / "lab.db") as store:
        chat = Watched(Keeper(*LOOP), tools=[add], store=store)
        chat._on_message(None, {"type": "ready"}, [])
        turn = chat.send("1+2?").result(20)
        events = asyncio.run(collected(turn))
        ended = [event for event in events if isinstance(event, ChunkDetailEvent)]
        assert [event.data for event in ended] == [SIGNATURE, REDACTED, "second", "t"]
        wait_until(lambda: "turn-sealed" in json.dumps(told))
        seen = json.dumps([told, chat.saved, chat.history().to_wire()])
        assert "EqQB" not in seen
        assert "gAAAA" not in seen
        borders = [e for m in told for e in m.get("events", []) if e["type"] == "nb.chunk-detail"]
        assert [border["alone"] for border in borders] == [False, True, False, False]
        deltas = chat.deltas
        seqs = dict(zip(deltas["text"], deltas["seq"], strict=True))
        assert seqs == {"let me ": 2, "add": 2, "go": 4, "three": 7}
        chat.close()


async def collected(turn: dn.Turn) -> list[Any]:
    return [event async for event in turn.events()]


KILLED = """
import os, signal, sys
import dispatch_nb as dn
from dispatch_nb.engine.contracts import Detail, ReasoningDelta, TextDelta
from tests.test_details import REDACTED, SIGNATURE

def die():
    async def now():
        await chat._conversation._log.journal.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    return now()

script = [ReasoningDelta("half a"), Detail(SIGNATURE), Detail(REDACTED, alone=True),
          ReasoningDelta("thought"), die]
chat = dn.Chat(dn.ScriptedProvider(steps=[script], pace=0), store=sys.argv[1], conversation="c")
chat.send("think").result(30)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_details_of_a_step_that_a_kill_cut_short_come_back(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    died = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL
    provider = Keeper([TextDelta("ok"), Finish("stop")])
    with Store(path) as store:
        chat = dn.Chat(provider, store=store, conversation="c")
        chat.send("go on").result(20)
        assert details_of(provider.prompts[0]) == [("half a", SIGNATURE), ("", REDACTED)]
        said = [getattr(c.chunk, "text", "") for c in chat.history().chunks]
        assert said == ["think", "half a", "", "thought", "go on", "ok"]
        chat.close()


@pytest.mark.anyio
async def test_a_detail_without_a_block_stands_alone_and_ends_the_chance_of_a_retry() -> None:
    failing: list[Line] = [Detail("sealed"), Failure("busy", retryable=True)]
    turn = Turn(Playback(failing, [TextDelta("never")]))
    result = await turn.run()
    (said,) = result.messages
    assert isinstance(said, PromptMessage)
    assert said.chunks == [ThinkingChunk(text=""), ErrorChunk(message="busy")]
    assert said.details == {0: ChunkDetail(provider="playback", data="sealed")}
    assert "provider-retry" not in turn.labels


@pytest.mark.anyio
async def test_the_next_step_of_a_loop_gets_the_details_of_the_last() -> None:
    provider = Playback(
        [ReasoningDelta("a"), Detail({"s": 1}), call("echo", {}), Finish("tool_use")],
        [TextDelta("fine"), Finish("stop")],
    )
    turn = Turn(provider, tools=[echo()])
    await turn.run()
    assert details_of(provider.requests[1].messages) == [("a", {"s": 1})]


def test_a_repaired_history_keeps_each_detail_at_its_chunk() -> None:
    error = ErrorChunk(message="x")
    one, two = ThinkingChunk(text="one"), ThinkingChunk(text="")
    details = {1: ChunkDetail(provider="p", data=1), 3: ChunkDetail(provider="p", data=2)}
    message = PromptMessage(role="assistant", chunks=[error, one, error, two], details=details)
    (kept,) = reconcile([message])
    assert isinstance(kept, PromptMessage)
    assert kept.chunks == [one, two]
    assert {index: detail.data for index, detail in kept.details.items()} == {0: 1, 1: 2}
    assert reconcile([kept]) == [kept]
