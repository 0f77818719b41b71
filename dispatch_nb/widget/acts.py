"""What a view asks for, answered: each act is taken, or refused with a reason to show.

A message of a view may arrive on the kernel's main thread or on any other, so nothing
here waits for the turn loop or touches what belongs to it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import assert_never

from pydantic import MISSING

from ..conversation.port import Conversation
from ..errors import DispatchError
from ..loop import turn_loop
from ..wire import view as v
from ..wire.base import WireModel
from .outbox import SNAPSHOT_CHUNKS, Outbox

__all__ = ["Acts"]


class Acts:
    """The acts of the people at the views of one conversation.

    Parameters
    ----------
    conversation
        What they act on.
    tell
        Hands a message to the views.
    """

    def __init__(self, conversation: Conversation, tell: Callable[[WireModel], None]) -> None:
        self._conversation = conversation
        self._tell = tell

    def take(self, message: v.KernelMessage, outbox: Outbox) -> None:
        """Do what a view asks for."""
        match message:
            case v.ReadyMessage() | v.ResyncMessage():
                turn_loop().post(outbox.snapshot)
            case v.AckMessage():
                turn_loop().post(outbox.painted, message.upto)
            case v.OlderMessage():
                page = self._conversation.history(0, message.before, SNAPSHOT_CHUNKS)
                self._tell(v.HistoryMessage(chunks=page.chunks, latest_seq=page.latest_seq))
            case v.SendMessage():
                self._try(message.request_id, lambda: self._conversation.send(message.text))
            case v.SteerMessage():
                self._steer(message)
            case v.StopMessage():
                stopped = self._conversation.stop()
                self._reply(message.request_id, None if stopped else "No turn is running.")
            case _:
                assert_never(message)

    def _try(self, request_id: str, act: Callable[[], object]) -> None:
        try:
            act()
        except DispatchError as error:
            self._reply(request_id, str(error))
        else:
            self._reply(request_id, None)

    def _steer(self, message: v.SteerMessage) -> None:
        def answer(taken: Future[bool]) -> None:
            lost = "The turn ended before the model could read this; it is not sent."
            self._reply(message.request_id, None if taken.result() else lost)

        try:
            self._conversation.steer(message.text).add_done_callback(answer)
        except DispatchError as error:
            self._reply(message.request_id, str(error))

    def _reply(self, request_id: str, refusal: str | None) -> None:
        self._tell(
            v.ReplyMessage(
                request_id=request_id,
                accepted=refusal is None,
                reason=MISSING if refusal is None else refusal,
            )
        )
