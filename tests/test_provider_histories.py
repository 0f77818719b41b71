"""What goes to a provider is what strict servers take, whatever a conversation went through.

Conversations are kept in a real store, either written into it as they are or held by a real
conversation with a provider that does anything a provider may do.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from dispatch_nb.compose import open_conversation
from dispatch_nb.conversation.local import LocalConversation
from dispatch_nb.engine.contracts import (
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
from dispatch_nb.engine.retry import BackoffRetry
from dispatch_nb.errors import DispatchError, MessageError
from dispatch_nb.providers import messages_request
from dispatch_nb.providers.chat_request import convert_messages, request_body
from dispatch_nb.providers.chat_rules import chat_violations
from dispatch_nb.providers.messages_body_rules import request_violations
from dispatch_nb.providers.responses_request import responses_body
from dispatch_nb.providers.responses_rules import responses_violations
from dispatch_nb.store import Store
from dispatch_nb.transcript.reconcile import reconcile
from dispatch_nb.wire.conversation import (
    ChatMessage,
    TextChunk,
    ToolCallChunk,
    ToolResultChunk,
)
from tests.histories import (
    PROMPT,
    assert_in_order,
    call_ids,
    conversations,
    inputs,
    later,
    names,
    texts,
)
from tests.store_parts import Talk
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store(tmp_path_factory.mktemp("histories") / "lab.db") as opened:
        yield opened


numbers = itertools.count()


def text_of(messages: Sequence[dict[str, Any]], role: str) -> str:
    found = []
    for message in messages:
        content = message["content"]
        if message["role"] == role and content is not None:
            parts = content if isinstance(content, list) else [{"text": content}]
            found += [part.get("text", "") for part in parts]
    return "\n".join(found)


@given(conversations(), st.sampled_from([None, "", "Be brief."]))
def test_any_stored_conversation_goes_out_as_a_history_that_strict_servers_take(
    store: Store, messages: list[ChatMessage], system: str | None
):
    talk = Talk(store, f"stored-{next(numbers)}")
    for message in messages:
        if message.chunks:
            talk.say(message)
    stored = store.messages(talk.id)
    repaired = reconcile([*stored, PROMPT])
    sent = convert_messages(repaired, system)
    assert chat_violations({"messages": sent}) == []
    assert reconcile(repaired) == repaired
    assert sent[-1]["role"] == "user"

    for role in ("user", "assistant"):
        wanted = [
            chunk.text
            for message in stored
            for chunk in message.chunks
            if message.role == role and isinstance(chunk, TextChunk) and chunk.text.strip()
        ]
        assert_in_order(wanted, text_of(sent, role))
    made = [
        chunk.tool_name
        for message in stored
        for chunk in message.chunks
        if message.role == "assistant" and isinstance(chunk, ToolCallChunk)
    ]
    named = [call["function"]["name"] for each in sent for call in each.get("tool_calls", ())]
    assert len(named) == len(made)
    assert all(one == other for one, other in zip(named, made, strict=True) if other == "add")
    event(f"{len(made)} calls")


def in_step(step_id: str, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Return messages whose calls and results all belong to one step."""
    return [
        message.model_copy(
            update={
                "chunks": [
                    chunk.model_copy(update={"step_id": step_id})
                    if isinstance(chunk, ToolCallChunk | ToolResultChunk)
                    else chunk
                    for chunk in message.chunks
                ]
            }
        )
        for message in messages
    ]


@given(st.lists(later, max_size=8), st.lists(later, max_size=8))
def test_a_history_that_grows_is_repaired_as_its_beginning_was(
    beginning: list[ChatMessage], rest: list[ChatMessage]
):
    before, after = in_step("s0", beginning), in_step("s1", rest)
    repaired, grown = reconcile(before), reconcile([*before, *after])
    assert grown[: len(repaired)] == repaired
    assert reconcile([*repaired, *after]) == grown


def add(a: int = 0) -> int:
    """Add nothing."""
    return a


def fail() -> str:
    """Fail."""
    raise RuntimeError("no")


def hush() -> str:
    """Say nothing."""
    return ""


CLOSING: Sequence[Any] = [TextDelta("Done."), Finish("stop")]


class Anything:
    """A provider that does what its scripts say; the last words of each script end the turn."""

    id = "anything"

    def __init__(self, scripts: Sequence[Sequence[Any]]) -> None:
        self.scripts: Iterator[Sequence[Any]] = iter(scripts)
        self.sent: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = []
        self.acts: dict[str, Callable[[], object]] = {}

    async def stream(
        self, messages: Sequence[ChatMessage], tools: Sequence[Tool], options: ProviderOptions
    ) -> AsyncIterator[ProviderEvent]:
        self.sent.append(
            (
                request_body("m", messages, tools, options, provider=self.id),
                responses_body("m", messages, tools, options, provider=self.id),
                messages_request.request_body("m", messages, tools, options, provider=self.id),
            )
        )
        for item in next(self.scripts, CLOSING):
            if isinstance(item, Exception):
                raise item
            if isinstance(item, str):
                self.acts[item]()
            else:
                yield item


provider_events = st.one_of(
    st.builds(TextDelta, texts),
    st.builds(ReasoningDelta, texts),
    st.builds(ToolCall, call_ids, names, inputs),
    st.sampled_from(
        [
            Detail({"signature": "c2ln", "model": "m"}),
            Detail({"redacted_thinking": "eA==", "model": "m"}, alone=True),
            Detail({"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "eA=="}),
        ]
    ),
    st.builds(ToolCall, call_ids, names, st.sampled_from([{"a": float("nan")}, 10**5_000])),
    st.sampled_from(
        ["steer", "stop", Failure("refused", code="400"), OSError("broke off"), Finish("odd")]
    ),
)


@given(st.lists(st.lists(provider_events, max_size=5), max_size=5), st.integers(1, 3))
def test_every_request_of_a_conversation_that_goes_wrong_is_one_that_strict_servers_take(
    store: Store, scripts: list[list[Any]], turns: int
):
    provider = Anything(scripts)
    conversation = open_conversation(
        provider,
        tools=[add, fail, hush],
        system="Be brief.",
        store=store,
        conversation_id=f"held-{next(numbers)}",
        max_steps=4,
        retry=BackoffRetry(delays_ms=()),
    )
    steered: list[Future[bool]] = []

    def steer() -> None:
        with suppress(MessageError):  # after a stop there is nothing to steer
            steered.append(conversation.steer("wait"))

    provider.acts = {"steer": steer, "stop": conversation.stop}
    for _ in range(turns):
        play(conversation, steered)
    assert len(provider.sent) >= turns
    for chat, responses, messages in provider.sent:
        assert chat_violations(chat) == []
        assert responses_violations(responses) == []
        assert request_violations(messages) == []
    for before, after in itertools.pairwise(provider.sent):
        for one, other in zip(map(asked, before), map(asked, after), strict=True):
            # What a server has cached stays valid: only the last message may have grown.
            kept = one[:-1]
            assert other[: len(kept)] == kept
    stored = reconcile([*store.messages(conversation.id), PROMPT])
    assert chat_violations({"messages": convert_messages(stored)}) == []


def asked(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the messages of a request without the marks of what a server shall keep."""
    found: list[dict[str, Any]] = json.loads(json.dumps(body.get("messages", body.get("input"))))
    for message in found:
        for part in message.get("content") or ():
            if isinstance(part, dict):
                part.pop("cache_control", None)
    return found


def play(conversation: LocalConversation, steered: list[Future[bool]]) -> None:
    with suppress(DispatchError):
        conversation.send("go").result(20)
    for taken in steered:
        taken.result(20)
    wait_until(lambda: conversation.status == "idle")
