"""Whole conversations with a real server: sampling, token counts, stops and errors of its own."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

import dispatch_nb as dn
from dispatch_nb.compose import resolve_provider
from dispatch_nb.conversation.turn import Turn
from dispatch_nb.engine.contracts import Finish, Provider, ProviderOptions, UsageReport
from dispatch_nb.errors import TurnFailedError
from dispatch_nb.wire.conversation import ToolCallChunk, ToolResultChunk
from dispatch_nb.wire.events import ErrorEvent, ProviderRetryEvent, TextDeltaEvent
from tests.providers_parts import ask, text_of

from .llama import ALIAS, Llama, needs_llama, running_llama

pytestmark = needs_llama
MANY = 60 if os.environ.get("DISPATCH_NB_PROOF") == "full" else 15
APIS = ("openai", "openai-responses", "anthropic")


def provider_of(api: str, server: Llama) -> Provider:
    return resolve_provider(f"{api}:{ALIAS}", base_url=server.base_url)


@pytest.fixture(scope="module")
def llama() -> Iterator[Llama]:
    with running_llama() as server:
        yield server


@pytest.fixture(scope="module")
def calling_llama() -> Iterator[Llama]:
    with running_llama(calls_tools=True) as server:
        yield server


def toss(side: Literal["heads", "tails"], times: Literal[1, 2, 3]) -> str:
    """Toss a coin, and count how often one side comes."""
    return f"{times} x {side}"


def opened(server: Llama, api: str, path: Path, **settings: Any) -> dn.Chat:
    chosen: dict[str, Any] = {"store": path, "conversation": "c", "max_tokens": 200}
    return dn.Chat(f"{api}:{ALIAS}", base_url=server.base_url, **(chosen | settings))


def told(turn: Turn, *kinds: type) -> list[Any]:
    return [event for event in turn._events if isinstance(event, kinds)]


def busy(server: Llama) -> list[bool]:
    """Return one True for each answer that the server is working on."""
    return [True for slot in server.slots() if slot["is_processing"]]


def pairs(chat: dn.Chat) -> list[tuple[str, str]]:
    """Return the ids of the calls and results of a conversation, in order."""
    chunks = [stored.chunk for stored in chat.history().chunks]
    found: list[tuple[str, str]] = []
    for chunk in chunks:
        if isinstance(chunk, ToolCallChunk | ToolResultChunk):
            found.append((chunk.type, chunk.tool_call_id))
    return found


@pytest.mark.parametrize("api", APIS)
def test_a_conversation_with_tools_goes_on_over_many_turns_and_a_reload(
    api: str, calling_llama: Llama, tmp_path: Path
) -> None:
    path = tmp_path / "lab.db"
    tossed: list[str] = []

    def counted(side: Literal["heads", "tails"], times: Literal[1, 2, 3]) -> str:
        """Toss a coin, and count how often one side comes."""
        tossed.append(side)
        return toss(side, times)

    chat = opened(calling_llama, api, path, tools=[counted], max_steps=4, max_tokens=100)
    for number in range(5):
        turn = chat.send(f"Toss number {number}.").result(60)
        assert told(turn, ProviderRetryEvent, ErrorEvent) == []
        assert turn.usage is not None
        assert turn.usage.output_tokens > 0
    assert len(chat.steps) > len(chat.turns) == 5  # some turns went on after their tools
    assert tossed
    calls = [id for kind, id in pairs(chat) if kind == "tool-call"]
    results = [id for kind, id in pairs(chat) if kind == "tool-result"]
    assert sorted(calls) == sorted(results)
    assert len(calls) == len({*calls}) >= len(tossed)
    said = len(chat.messages)
    chat.close()

    again = opened(calling_llama, api, path, tools=[counted], max_steps=3, max_tokens=60)
    again.send("And one more.").result(60)
    assert len(again.messages) > said
    assert told(again.send("The last.").result(60), ErrorEvent) == []


@pytest.mark.parametrize(
    ("api", "turns"), [("openai", 60), ("openai-responses", MANY), ("anthropic", MANY)]
)
def test_turns_back_to_back_all_succeed_at_the_first_try(
    api: str, turns: int, llama: Llama, tmp_path: Path
) -> None:
    chat = opened(llama, api, tmp_path / "lab.db", max_tokens=4)
    for number in range(turns):
        turn = chat.send(f"{number}").result(60)
        assert told(turn, ProviderRetryEvent, ErrorEvent) == []
        assert turn.finish_reason in ("stop", "length", "end_turn", "max_tokens", "completed")
    assert len(chat.turns) == turns


def test_sixty_requests_without_a_pause_all_succeed(llama: Llama) -> None:
    provider = provider_of("openai", llama)

    async def all_of_them() -> list[Any]:
        options = ProviderOptions(max_tokens=1)
        return [(await ask(provider, "Hi", options=options))[-1] for _ in range(60)]

    assert {type(event) for event in asyncio.run(all_of_them())} == {Finish}


def test_a_stopped_turn_frees_the_server_and_keeps_what_was_said(
    llama: Llama, tmp_path: Path
) -> None:
    chat = opened(
        llama, "openai", tmp_path / "lab.db", max_tokens=8_000, extra_body={"ignore_eos": True}
    )
    turn = chat.send("Go on for ever.")
    deadline = time.monotonic() + 30
    while len(told(turn, TextDeltaEvent)) < 20 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert busy(llama) == [True]
    assert turn.stop()
    turn.result(30)
    freed = time.monotonic() + 30
    while busy(llama) and time.monotonic() < freed:
        time.sleep(0.005)
    assert busy(llama) == []
    assert turn.text
    assert turn.finish_reason == "aborted"
    assert told(chat.send("Short now.", max_tokens=3).result(30), ErrorEvent) == []


def _whole(server: Llama, api: str, prompt: str) -> tuple[str, int, int]:
    """Return text and tokens in and out of the same answer, not streamed."""
    user = {"role": "user", "content": prompt}
    body = {"model": ALIAS, "temperature": 0, "cache_prompt": False, "seed": 1}
    if api == "openai":
        made = server.post("/v1/chat/completions", body | {"messages": [user], "max_tokens": 60})
        text, usage = made["choices"][0]["message"]["content"], made["usage"]
        return text, usage["prompt_tokens"], usage["completion_tokens"]
    if api == "anthropic":
        made = server.post("/v1/messages", body | {"messages": [user], "max_tokens": 60})
        parts: Sequence[dict[str, Any]] = made["content"]
    else:
        made = server.post("/v1/responses", body | {"input": prompt, "max_output_tokens": 60})
        parts = [part for item in made["output"] for part in item.get("content", [])]
    usage = made["usage"]
    read = usage["input_tokens"] + usage.get("cache_read_input_tokens", 0)
    return "".join(part["text"] for part in parts), read, usage["output_tokens"]


@pytest.mark.parametrize("api", APIS)
def test_what_is_streamed_is_what_is_answered_whole(api: str, llama: Llama) -> None:
    provider = provider_of(api, llama)
    options = ProviderOptions(
        temperature=0.0, max_tokens=60, seed=1, extra_body={"cache_prompt": False, "seed": 1}
    )
    texts = set()
    for number in range(20):
        prompt = f"Tell number {number}."
        events = asyncio.run(ask(provider, prompt, options=options))
        (report,) = [event for event in events if isinstance(event, UsageReport)]
        text = text_of(events)
        counted = (report.usage.input_tokens, report.usage.output_tokens)
        assert (text, *counted) == _whole(llama, api, prompt)
        texts.add(text)
    assert len(texts) > 1
    assert any(not text.isascii() for text in texts)


def test_a_conversation_that_is_too_long_is_told_in_the_servers_numbers(tmp_path: Path) -> None:
    with running_llama(context=1_024) as small:
        chat = opened(small, "llamacpp", tmp_path / "lab.db")
        with pytest.raises(TurnFailedError, match=r"it takes [\d,]+ tokens and 512 fit"):
            chat.send("very " * 2_000).result(60)


def test_its_own_list_tells_its_window(llama: Llama) -> None:
    frame = dn.models("llamacpp:", base_url=llama.base_url)
    assert list(frame.model) == [ALIAS]
    assert list(frame.context_window) == [8_192]
