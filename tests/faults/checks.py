"""What must hold of a conversation that was recovered, whatever it went through."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field

from dispatch_nb.conversation.local import LocalConversation
from dispatch_nb.engine.contracts import Finish, ProviderEvent, ProviderOptions, TextDelta, Tool
from dispatch_nb.frames import (
    chunks_frame,
    deltas_frame,
    steps_frame,
    tool_calls_frame,
    turns_frame,
)
from dispatch_nb.providers.chat_request import request_body
from dispatch_nb.providers.chat_rules import chat_violations
from dispatch_nb.store import EventRow
from dispatch_nb.transcript.live import fold_live, initial_live
from dispatch_nb.transcript.state import flushed
from dispatch_nb.wire.conversation import (
    ChatMessage,
    Chunk,
    TextChunk,
    ThinkingChunk,
    ToolCallChunk,
    ToolResultChunk,
)
from tests.faults.script import Saying, ScriptedTurn, assert_prefix_of_turns, typings
from tests.store_parts import assert_gap_free


@dataclass
class Strict:
    """A provider that refuses what a strict server would, and else says yes."""

    id: str = "strict"
    requests: list[list[ChatMessage]] = field(default_factory=list)

    async def stream(
        self, messages: Sequence[ChatMessage], tools: Sequence[Tool], options: ProviderOptions
    ) -> AsyncIterator[ProviderEvent]:
        self.requests.append(list(messages))
        violations = chat_violations(request_body("strict", messages, tools, options))
        if violations:
            raise AssertionError(violations)
        yield TextDelta("Yes.")
        yield Finish("stop")


def saying(role: str, chunk: Chunk) -> Saying:
    match chunk:
        case TextChunk() | ThinkingChunk():
            return role, chunk.type, chunk.text
        case ToolCallChunk():
            return role, chunk.type, chunk.tool_call_id
        case ToolResultChunk():
            return role, chunk.type, chunk.content
        case _:
            raise AssertionError(chunk)


def shown(rows: Sequence[EventRow]) -> list[Saying]:
    live = initial_live()
    for row in rows:
        live = fold_live(live, row.event)
    stored = [saying(item.role, item.chunk) for item in live.transcript.committed]
    return stored + [saying(entry.role, entry.chunk) for entry in flushed(live.transcript)]


def assert_whole(conversation: LocalConversation, script: list[ScriptedTurn], seq: int) -> None:
    """Check the log of a conversation that was just recovered; `seq` was its end before."""
    store = conversation.store
    chunks = assert_gap_free(store)
    frame = chunks_frame(store, "c")
    said = [saying(item.role, item.chunk) for item in chunks]
    assert_prefix_of_turns(list(zip(frame["turn_id"], said, strict=True)), script)
    assert list(conversation.live.transcript.committed) == chunks
    assert not conversation.live.transcript.provisional
    events = conversation.events()
    turns = turns_frame(store, "c")
    for turn_id, status, bound in zip(
        turns["turn_id"], turns["status"], turns["is_lower_bound"], strict=True
    ):
        mine = [
            row.event
            for row in events
            if row.event.type != "status" and row.event.turn_id == turn_id
        ]
        assert [event.type for event in mine[-2:]] == ["done", "turn-sealed"]
        reason = mine[-2].reason if mine[-2].type == "done" else None
        assert status == ("completed" if reason == "stop" else reason)
        assert bound == (status == "interrupted")
        assert status == "completed" or turn_id == turns["turn_id"].iloc[-1]
    marked = frame["is_interrupted"]
    was_interrupted = len(turns) > 0 and turns["status"].iloc[-1] == "interrupted"
    recovered = (frame["seq"] > seq) & (frame["role"] != "user") & was_interrupted
    assert list(marked) == list(recovered)
    deltas = deltas_frame(store, "c").groupby("seq")
    spoken = frame[frame["chunk_type"].isin(["text", "thinking"]) & (frame["role"] == "assistant")]
    assert list(spoken["delta_count"]) == list(deltas.size())
    assert list(spoken["started_at"]) == list(deltas["received_at"].min())
    steps = steps_frame(store, "c")
    assert set(frame["step_id"].dropna()) <= set(steps["step_id"])
    assert (steps["raw_finish_reason"] == "interrupted").sum() == int(recovered.any())
    calls = tool_calls_frame(store, "c")
    assert list(calls["tool_call_id"]) == [c for _, kind, c in said if kind == "tool-call"]
    assert not calls["status"].isin(["running", "pending"]).any()


def assert_each_text_has_one_place(
    conversation: LocalConversation, script: list[ScriptedTurn], done: Collection[tuple[str, str]]
) -> Counter[str]:
    """Check that what was typed is once in the transcript or in the queue, and nowhere twice.

    Parameters
    ----------
    done
        What the queue has confirmed: ``("typed", text)``, ``("edited", text)`` or
        ``("cancelled", text)``, with the text as it was typed first.

    Returns
    -------
    Counter
        How many texts are where: ``"transcript"`` and ``"queue"``.
    """
    said = Counter(
        text
        for item in conversation.history().chunks
        if item.role == "user" and isinstance(item.chunk, TextChunk)
        for text in item.chunk.text.split("\n\n")
    )
    queued = Counter(each.text for each in conversation.queue.texts)
    assert queued == Counter(row.text for row in conversation.store.queued("c"))
    assert all(each.kept for each in conversation.queue.texts)
    for typing in typings(script):
        places = sum(said[text] + queued[text] for text in typing.texts)
        if ("cancelled", typing.text) in done:
            assert places == 0, typing
        elif ("typed", typing.text) in done and typing.then != "cancel":
            assert places == 1, typing
            if ("edited", typing.text) in done:
                assert said[typing.text] + queued[typing.text] == 0, typing
        else:
            assert places <= 1, typing
    known = {text for typing in typings(script) for text in typing.texts}
    assert set(queued) <= known
    reached = sum(said[text] for text in known)
    return Counter({"transcript": reached, "queue": queued.total()})


def assert_kept_texts_go_out(conversation: LocalConversation) -> None:
    """Send what is kept: it is the next prompt, and is kept no more."""
    kept = [each.text for each in conversation.queue.texts]
    if not kept:
        return
    end = conversation.history().latest_seq
    conversation.send_queued().result(30)
    prompt = conversation.history(end).chunks[0].chunk
    assert prompt == TextChunk(text="\n\n".join(kept))
    assert conversation.queue.texts == []
    assert conversation.store.queued("c") == []


def assert_goes_on(conversation: LocalConversation, strict: Strict) -> None:
    """Hold another turn: a strict server takes the history, and nothing before it moves."""
    said = conversation.history().chunks
    turn = conversation.send("And now?").result(30)
    assert (turn.finish_reason, turn.text) == ("stop", "Yes.")
    assert len(strict.requests) == 1
    chunks = assert_gap_free(conversation.store)
    assert chunks[: len(said)] == said
    assert len(chunks) == len(said) + 2
