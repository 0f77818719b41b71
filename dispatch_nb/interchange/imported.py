"""Conversations that were held elsewhere, in one form, and how they come into a store."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from time import time_ns
from typing import Any
from uuid import uuid4

from ..compose import open_store
from ..store.rows import CommitStamp, ConversationRow, EventRow, StepRow, ToolCallRow, TurnRow
from ..store.store import Store as PlainStore
from ..wire.conversation import ChatMessage, Chunk, ErrorChunk
from ..wire.events import DoneEvent, TurnSealedEvent, UserMessageEvent

__all__ = ["Imported", "ImportedStep", "ImportedTurn", "add_to_store", "as_microseconds"]

_AHEAD = 256


@dataclass
class ImportedStep:
    """A model's request: what it said, what its tools gave back, what it used.

    Without `asked` no model was asked: somebody wrote the answer, as in an example.
    """

    chunks: list[Chunk] = field(default_factory=list)
    results: list[Chunk] = field(default_factory=list)
    known: dict[str, Any] = field(default_factory=dict)
    calls: list[ToolCallRow] = field(default_factory=list)
    error: str | None = None
    asked: bool = True


@dataclass
class ImportedTurn:
    """A prompt and the steps that answered it."""

    prompt: list[Chunk]
    steps: list[ImportedStep] = field(default_factory=list)
    started_us: int | None = None
    completed_us: int | None = None
    status: str = "completed"
    error: str | None = None


@dataclass
class Imported:
    """A conversation that was held elsewhere."""

    turns: list[ImportedTurn] = field(default_factory=list)
    conversation_id: str | None = None
    title: str | None = None
    model: str | None = None
    system: str | None = None
    created_us: int | None = None
    tags_json: str | None = None


def as_microseconds(seconds: float) -> int:
    """Return seconds since 1970 as microseconds."""
    return round(seconds * 1_000_000)


def add_to_store(target: object, conversations: Sequence[Imported] | Any) -> list[str]:
    """Write conversations to a store; they are all there when this returns.

    Parameters
    ----------
    target
        A `Store`, or what one is opened by.
    conversations
        Imported ones; their source becomes ``import``.

    Returns
    -------
    list of str
        The ids they have.

    Raises
    ------
    StoreError
        If an id is there already, or the store cannot be written.
    """
    store = _plain(target)
    ids, waiting = [], []
    for conversation in conversations:
        writer = _Writer(store, conversation)
        ids.append(writer.id)
        waiting += writer.write()
        if len(waiting) > _AHEAD:
            for future in waiting:
                future.result()
            waiting.clear()
    for future in waiting:
        future.result()
    for conversation_id in ids:
        store.compact(conversation_id).result()
    return ids


def _plain(target: Any) -> PlainStore:
    inner = getattr(target, "_store", target)
    if isinstance(inner, PlainStore):
        return inner
    path: str | os.PathLike[str] | None = target
    return open_store(path)


class _Writer:
    """Writes one conversation as if it had just been held, with the times it had."""

    def __init__(self, store: PlainStore, conversation: Imported) -> None:
        self.id = conversation.conversation_id or str(uuid4())
        self._store, self._conversation = store, conversation
        self._n = 0
        self._now = conversation.created_us or time_ns() // 1000
        self._waiting: list[Future[Any]] = []

    def write(self) -> list[Future[Any]]:
        given = self._conversation
        row = ConversationRow(
            self.id,
            created_us=self._now,
            title=given.title,
            system_prompt=given.system,
            model=given.model,
            source="import",
            tags_json=given.tags_json,
        )
        self._waiting.append(self._store.create_conversation(row))
        for number, turn in enumerate(given.turns):
            self._turn(turn, f"{self.id}:{number}")
        return self._waiting

    def _turn(self, turn: ImportedTurn, turn_id: str) -> None:
        self._now = max(self._now, turn.started_us or 0)
        prompt = "\n\n".join(chunk.text for chunk in turn.prompt if chunk.type == "text")
        row = TurnRow(turn_id, self.id, prompt_text=prompt, started_us=turn.started_us)
        self._waiting.append(self._store.begin_turn(row))
        at: dict[str, Any] = {"conversation_id": self.id, "turn_id": turn_id}
        self._event(UserMessageEvent(text=prompt, **at))
        if turn.prompt:
            self._commit(turn_id, None, [ChatMessage(role="user", chunks=turn.prompt)])
        asked = [step for step in turn.steps if step.asked]
        for step in turn.steps:
            self._step(step, turn_id, asked.index(step) if step.asked else None)
        failed = turn.status == "error"
        self._event(DoneEvent(reason="error" if failed else "stop", **at))
        ended = turn.completed_us
        self._now = max(self._now, ended or 0)
        self._waiting.append(
            self._store.finish_turn(
                turn_id,
                status=turn.status,
                completed_us=ended,
                sealed_us=self._now,
                error_type="error" if failed else None,
                error_message=turn.error,
                is_lower_bound=any("input_tokens" not in step.known for step in asked),
            )
        )
        self._event(TurnSealedEvent(**at))

    def _step(self, step: ImportedStep, turn_id: str, index: int | None) -> None:
        row = None if index is None else self._row(step, turn_id, index)
        if row is not None:
            self._now = max(self._now, row.completed_us or row.requested_us or 0)
        chunks = list(step.chunks)
        if step.error is not None:
            chunks.append(ErrorChunk(message=step.error))
        messages = [ChatMessage(role="assistant", chunks=chunks)] if chunks else []
        if step.results:
            messages.append(ChatMessage(role="tool", chunks=step.results))
        if messages:
            self._commit(turn_id, row, messages, step.calls)
        elif row is not None:
            self._waiting.append(self._store.save_step(row))

    def _row(self, step: ImportedStep, turn_id: str, index: int) -> StepRow:
        counted = "input_tokens" in step.known
        return StepRow(
            f"{turn_id}#{index}",
            turn_id,
            self.id,
            index,
            usage_source="reported" if counted else "missing",
            is_lower_bound=not counted,
            chunk_count=len(step.chunks) + len(step.results),
            error_message=step.error,
            **step.known,
        )

    def _commit(
        self,
        turn_id: str,
        step: StepRow | None,
        messages: Sequence[ChatMessage],
        calls: Sequence[ToolCallRow] = (),
    ) -> None:
        self._waiting.append(
            self._store.append_chunks(
                self.id,
                messages,
                turn_id=turn_id,
                step_id=None if step is None else step.step_id,
                event=CommitStamp(*self._stamp()),
                tool_calls=calls,
                step=step,
            )
        )

    def _event(self, event: Any) -> None:
        row = EventRow(*self._stamp(), event)
        self._waiting.append(self._store.append_events(self.id, [row]))

    def _stamp(self) -> tuple[int, int, int]:
        self._n += 1
        return self._n, self._now, self._now
