"""What a view asks for, answered: each act is taken, or refused with a reason to show.

A message of a view may arrive on the kernel's main thread or on any other, so nothing
here waits for the turn loop or touches what belongs to it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import assert_never

from pydantic import MISSING

from ..conversation.images import Image, from_data_url
from ..conversation.port import Conversation
from ..conversation.request import TurnRequest
from ..conversation.turn import Turn
from ..errors import DispatchError
from ..loop import turn_loop
from ..wire import view as v
from ..wire.base import WireModel
from ..wire.conversation import ConversationHistoryResponse, ImageChunk
from .assets import read_typesetter
from .outbox import SNAPSHOT_CHUNKS, Outbox

__all__ = ["Acts"]

FARTHEST_CHUNKS = 1024
"""Chunks in one page of those that lead to a place far back."""

GONE = "This message is not waiting any more: it was sent, or taken back in another place."


class Acts:
    """The acts of the people at the views of one conversation.

    Parameters
    ----------
    conversation
        What they act on.
    tell
        Hands a message to the views.
    configure
        Chooses what the next turns are run with.
    list_models
        Finds the models of a provider and tells the views.
    """

    def __init__(
        self,
        conversation: Conversation,
        tell: Callable[[WireModel], None],
        configure: Callable[[v.ConfigureMessage], None],
        list_models: Callable[[str], None],
    ) -> None:
        self._conversation = conversation
        self._tell = tell
        self._configure = configure
        self._list_models = list_models

    def take(self, message: v.KernelMessage, outbox: Outbox) -> None:
        """Do what a view asks for."""
        match message:
            case v.ReadyMessage() | v.ResyncMessage():
                turn_loop().post(outbox.snapshot)
            case v.AckMessage():
                turn_loop().post(outbox.painted, message.upto)
            case v.OlderMessage():
                page = self._older(message)
                self._tell(v.HistoryMessage(chunks=page.chunks, latest_seq=page.latest_seq))
            case v.SendMessage():
                self._begin(message.request_id, lambda: self._send(message))
            case v.SteerMessage():
                self._steer(message)
            case v.CancelQueuedMessage():
                cancel = self._conversation.queue.cancel
                self._try(message.request_id, lambda: None if cancel(message.id) else GONE)
            case v.SendQueuedMessage():
                self._begin(message.request_id, self._conversation.send_queued)
            case v.WantImageMessage():
                data = self._conversation.image(message.url)
                self._tell(v.ImageMessage(url=message.url, data=MISSING if data is None else data))
            case v.StopMessage():
                stopped = self._conversation.stop()
                self._reply(message.request_id, None if stopped else "No turn is running.")
            case v.RenameMessage():
                rename = self._conversation.rename
                self._try(message.request_id, lambda: rename(message.title))
            case v.ConfigureMessage():
                self._try(message.request_id, lambda: self._configure(message))
            case v.AboutMessage():
                self._tell(self._facts(message.first_seq, message.last_seq))
            case v.ListModelsMessage():
                self._list_models(message.provider)
            case v.FetchMessage():
                self._tell(v.FileMessage(name=message.name, text=read_typesetter()))
            case _:
                assert_never(message)

    def _older(self, message: v.OlderMessage) -> ConversationHistoryResponse:
        if message.from_ is MISSING:
            return self._conversation.history(0, message.before, SNAPSHOT_CHUNKS)
        # A little more than is gone to, so that it does not stand at the very edge.
        since = max(0, message.from_ - SNAPSHOT_CHUNKS // 4)
        return self._conversation.history(since, message.before, FARTHEST_CHUNKS)

    def _send(self, message: v.SendMessage) -> Turn:
        urls = () if message.images is MISSING else message.images
        images = [self._image(url) for url in urls]
        request = TurnRequest(images, client_message_id=message.request_id)
        return self._conversation.send(message.text, request)

    def _image(self, url: str) -> Image:
        """Return a new image, or one of an earlier message, which is sent again."""
        stored = self._conversation.image(url)
        if stored is None and url.startswith(("https://", "http://")):
            for said in self._conversation.history().chunks:
                if isinstance(said.chunk, ImageChunk) and said.chunk.url == url:
                    return Image(url)
        return from_data_url(url if stored is None else stored)

    def _facts(self, first: int, last: int) -> v.FactsMessage:
        facts = self._conversation.facts(first, last)
        return v.FactsMessage(
            first_seq=first, last_seq=last, facts=MISSING if facts is None else facts
        )

    def _begin(self, request_id: str, start: Callable[[], Turn]) -> None:
        """Start a turn; the answer waits until its prompt can be lost no more."""
        try:
            self._answer_when(request_id, start()._begun)
        except DispatchError as error:
            self._reply(request_id, str(error))

    def _steer(self, message: v.SteerMessage) -> None:
        """Queue a text; the answer waits until it is stored."""
        try:
            queued = self._conversation.enqueue(message.text, id=message.request_id)
            self._answer_when(message.request_id, queued.stored)
        except DispatchError as error:
            self._reply(message.request_id, str(error))

    def _try(self, request_id: str, act: Callable[[], str | None]) -> None:
        """Do `act` and answer; what it returns, or says in an error, is why it was refused."""
        try:
            refusal = act()
        except DispatchError as error:
            refusal = str(error)
        self._reply(request_id, refusal)

    def _answer_when(self, request_id: str, accepted: Future[None]) -> None:
        def answer(done: Future[None]) -> None:
            error = done.exception()
            self._reply(request_id, None if error is None else str(error))

        accepted.add_done_callback(answer)

    def _reply(self, request_id: str, refusal: str | None) -> None:
        self._tell(
            v.ReplyMessage(
                request_id=request_id,
                accepted=refusal is None,
                reason=MISSING if refusal is None else refusal,
            )
        )
