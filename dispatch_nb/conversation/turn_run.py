"""One turn from its prompt to its seal: store first, show after.

Source: the Dispatch turn contract, section 7.1, with the prompt stored before the loop
and each step as it completes. Where the original leaves a turn that dies unsealed, this
one keeps what was said, adds the error to it, and seals.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ..engine.contracts import (
    AbortSignal,
    Provider,
    ProviderOptions,
    RunTurnInput,
)
from ..engine.run_turn import run_turn
from ..errors import StoreError
from ..store.rows import ImageRow, StepRow, TurnRow
from ..transcript.state import TranscriptState
from ..wire import events as e
from ..wire.conversation import ChatMessage, TextChunk
from ..wire.extensions import LiveEvent, PromptImagesEvent, PromptSentEvent
from .ending import turn_ending
from .images import Image
from .journal import Journal
from .prompt import prompt_messages, with_images
from .queue import TextQueue
from .queued import join_texts
from .recorder import Recorder
from .request import params_json
from .turn_settings import TurnSettings
from .unstored import unstored_messages

if TYPE_CHECKING:
    from ..store import Store

T = TypeVar("T")

__all__ = ["TurnRun"]


@dataclass
class TurnRun:
    """The running of one turn; everything it needs is given to it.

    `begun` is called when the prompt can be lost no more: from then on it is in the log.
    """

    store: Store
    journal: Journal
    conversation_id: str
    turn_id: str
    model_name: str
    provider: Provider
    options: ProviderOptions
    price: Callable[[StepRow], StepRow]
    settings: TurnSettings
    signal: AbortSignal
    queue: TextQueue
    begun: Callable[[], None]
    uncommitted: Callable[[], TranscriptState]

    def __post_init__(self) -> None:
        self._recorder = Recorder(self.conversation_id, self.turn_id, self.model_name, self.options)

    async def run(
        self,
        text: str,
        images: Sequence[Image] = (),
        *,
        delivered: Sequence[str] = (),
        client_message_id: str | None = None,
    ) -> None:
        """Run the turn; returns once it is sealed and everything of it was shown.

        Parameters
        ----------
        text
            The prompt.
        images
            What the person shows with it.
        delivered
            The ids of the queued texts that it consists of.
        client_message_id
            By which its sender knows it.

        Raises
        ------
        StoreError
            If the store refuses: what was stored before stays as it is.
        """
        pictures = [image.to_chunk() for image in images]
        prompt = ChatMessage(role="user", chunks=[TextChunk(text=text), *pictures])
        kept = {
            image.digest: ImageRow(image.digest, image.mime_type or "", image.data)
            for image in images
            if image.digest is not None
        }
        if kept:
            await self._write(self.store.keep_images(list(kept.values())))
        ids: dict[str, Any] = {"conversation_id": self.conversation_id, "turn_id": self.turn_id}
        events: list[LiveEvent] = [e.UserMessageEvent(**ids, text=text)]
        if client_message_id is not None:
            events.insert(0, PromptSentEvent(**ids, client_message_id=client_message_id))
        if pictures:
            events.append(PromptImagesEvent(**ids, images=pictures))
        for emitted in self.journal.emit_together(events, delivered=delivered):
            self._recorder.see(emitted)
        begin = self.store.begin_turn(
            TurnRow(
                turn_id=self.turn_id,
                conversation_id=self.conversation_id,
                prompt_text=text,
                status="running",
                started_us=time.time_ns() // 1000,
                params_json=params_json(self.options),
            )
        )
        await self.journal.flush()
        self.begun()
        await self._write(begin)
        history = await asyncio.to_thread(prompt_messages, self.store, self.conversation_id)
        await self._commit([prompt], step_id=None)
        error: Exception | None = None
        try:
            await run_turn(self._input([*history, *with_images([prompt], kept)]))
        except StoreError:
            raise
        except Exception as caught:
            error = caught
            await self._keep_what_was_said(caught)
        if self._recorder.has_open_request:
            # An answer without a word was paid for like any other.
            await self._save_tries()
            row, _ = self._recorder.take_step((), aborted=self.signal.aborted)
            row = await asyncio.to_thread(self.price, row)
            await self._write(self.store.save_step(row))
        await self._seal(error)

    def _input(self, messages: Sequence[ChatMessage]) -> RunTurnInput:
        return RunTurnInput(
            provider=self._recorder.watch(self.provider),
            messages=messages,
            tools=self.settings.tools,
            emit=self._emit,
            conversation_id=self.conversation_id,
            turn_id=self.turn_id,
            dispatch=self.settings.dispatch,
            options=self.options,
            signal=self.signal,
            now=lambda: time.monotonic() * 1000,
            drain_steering=self._drain,
            on_step_complete=self._step_complete,
            retry=self.settings.retry,
            max_steps=self.settings.max_steps,
        )

    def _emit(self, event: LiveEvent, *, delivered: Sequence[str] = ()) -> None:
        self._recorder.see(self.journal.emit(event, delivered=delivered))

    async def _commit(self, messages: Sequence[ChatMessage], *, step_id: str | None) -> None:
        await self.journal.commit_chunks(
            messages,
            turn_id=self.turn_id,
            step_id=step_id,
            sides=self._recorder.take_sides(_count_chunks(messages)),
        )

    async def _step_complete(self, messages: Sequence[ChatMessage]) -> None:
        step_id = self._recorder.step_id
        sides = self._recorder.take_sides(_count_chunks(messages))
        await self._save_tries()
        row, calls = self._recorder.take_step(messages, aborted=self.signal.aborted)
        # On a thread: the first price of a process loads the table.
        row = await asyncio.to_thread(self.price, row)
        await self.journal.commit_chunks(
            messages, turn_id=self.turn_id, step_id=step_id, sides=sides, tool_calls=calls, step=row
        )

    async def _save_tries(self) -> None:
        for tried in self._recorder.take_failed():
            priced = await asyncio.to_thread(self.price, tried)
            await self._write(self.store.save_step(priced))

    async def _drain(self) -> list[ChatMessage]:
        await self.queue.added()
        # What a stop finds in the queue is kept there.
        queued = [] if self.signal.aborted else self.queue.take()
        if not queued:
            return []
        text = join_texts(queued)
        self._emit(
            e.SteeringEvent(conversation_id=self.conversation_id, turn_id=self.turn_id, text=text),
            delivered=[entry.id for entry in queued],
        )
        try:
            await self.journal.flush()
        except BaseException:
            self.queue.give_back(queued)
            raise
        # It is in the log: whatever happens from here on, it will be in the transcript.
        message = ChatMessage(role="user", chunks=[TextChunk(text=text)])
        try:
            await self._commit([message], step_id=None)
        finally:
            for entry in queued:
                entry.settle(reached=True)
        return [message]

    async def _keep_what_was_said(self, error: Exception) -> None:
        """Store what the failed step had shown, with the error as its end."""
        message = f"The turn failed: {error}" if str(error) else f"The turn failed: {error!r}"
        self._emit(
            e.ErrorEvent(
                conversation_id=self.conversation_id,
                turn_id=self.turn_id,
                message=message,
                code=type(error).__name__,
            )
        )
        self._emit(
            e.DoneEvent(conversation_id=self.conversation_id, turn_id=self.turn_id, reason="error")
        )
        await self.journal.flush()
        await self._step_complete(unstored_messages(self.uncommitted(), self.turn_id))

    async def _seal(self, error: Exception | None) -> None:
        done = self._recorder.done
        assert done is not None
        now = time.time_ns() // 1000
        await self._write(
            self.store.finish_turn(
                self.turn_id,
                first_chunk_us=self._recorder.first_chunk_us,
                completed_us=now,
                sealed_us=now,
                error_type=type(error).__name__ if error is not None else None,
                error_message=str(error) if error is not None else None,
                reasoning_tokens=self._recorder.reasoning_tokens,
                **turn_ending(done, self._recorder.usage_source),
            )
        )
        self._emit(e.TurnSealedEvent(conversation_id=self.conversation_id, turn_id=self.turn_id))
        await self.journal.flush()

    async def _write(self, future: Future[T]) -> None:
        await asyncio.wrap_future(future)


def _count_chunks(messages: Sequence[ChatMessage]) -> int:
    return sum(len(message.chunks) for message in messages)
