"""The one port through which widget, frames and experiments know a conversation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Literal, Protocol

from ..store.rows import EventRow
from ..transcript.live import LiveState
from ..wire.conversation import ConversationHistoryResponse, TurnMetrics
from ..wire.view import AnswerFacts, Meter
from .queue import TextQueue
from .queued import Queued
from .request import PLAIN, TurnRequest
from .turn import Turn

__all__ = ["Conversation", "ConversationStatus", "Subscriber"]

ConversationStatus = Literal["idle", "running", "stopping", "closed"]


class Subscriber(Protocol):
    """Someone who is told what happens, always on the turn loop's thread and in order."""

    def on_events(self, rows: Sequence[EventRow]) -> None:
        """Take events that are committed, with consecutive numbers."""
        ...

    def on_reset(self) -> None:
        """Begin again from `Conversation.position`: the log has moved on without you."""
        ...

    def on_status(self) -> None:
        """Look again at the conversation's status, title, model, usage or notice."""
        ...


class Conversation(Protocol):
    """A conversation, wherever its turns run."""

    @property
    def id(self) -> str:
        """The conversation's id."""
        ...

    @property
    def title(self) -> str:
        """What the conversation is called."""
        ...

    @property
    def model(self) -> str:
        """The model that answers, as the person typed it."""
        ...

    @property
    def status(self) -> ConversationStatus:
        """Whether a turn runs, is being stopped, or none will run any more."""
        ...

    @property
    def notice(self) -> str:
        """A sentence about trouble outside the transcript, or nothing."""
        ...

    @property
    def live(self) -> LiveState:
        """The transcript as it stands, folded from committed events; an immutable value."""
        ...

    @property
    def queue(self) -> TextQueue:
        """What the person typed and no model has got yet."""
        ...

    def image(self, url: str) -> str | None:
        """Return the image that a chunk's `url` names as a data: URL; None if it is not stored."""
        ...

    def send(self, text: str, request: TurnRequest = PLAIN) -> Turn:
        """Start a turn and return its handle at once."""
        ...

    def rename(self, title: str) -> None:
        """Call the conversation something else; a blank title gives it none."""
        ...

    def send_queued(self) -> Turn:
        """Start a turn with all that was kept for the person."""
        ...

    def stop(self) -> bool:
        """End the running turn, keeping what it said; False if none runs."""
        ...

    def close(self) -> None:
        """Stop the running turn, keep what is queued, and run no turn any more."""
        ...

    def enqueue(self, text: str, *, id: str | None = None) -> Queued:
        """Queue text for the running turn, by `id` if one is given; does not wait."""
        ...

    def steer(self, text: str) -> Future[bool]:
        """Queue text for the running turn's next tool-result border; returns once it is stored.

        The future says whether the text reached a model: in this turn, or as the prompt
        of the turn that follows it. False leaves it with the person: it was cancelled, or
        is kept in the queue because the turn was stopped or failed.
        """
        ...

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Tell `subscriber` of everything from now on; returns the way out."""
        ...

    def position(self) -> tuple[LiveState, int]:
        """Return the transcript and the number of the next event, as one moment."""
        ...

    def history(
        self, since_seq: int = 0, before_seq: int | None = None, limit: int | None = None
    ) -> ConversationHistoryResponse:
        """Return committed chunks with ``since_seq < seq < before_seq``, newest `limit`."""
        ...

    def events(self, turn: Turn | str | None = None) -> list[EventRow]:
        """Return every event, with its number and times; of one turn or of all."""
        ...

    def metrics(self) -> list[TurnMetrics]:
        """Return the metrics of every sealed turn."""
        ...

    def facts(self, first_seq: int, last_seq: int) -> AnswerFacts | None:
        """Return what is known of the steps that some chunks are of; None if none is stored."""
        ...

    def stops(self) -> list[int]:
        """Return the `seq` of the last chunk of each turn that was stopped, the newest of them."""
        ...

    def meter(self) -> Meter:
        """Return how full the context is, and what the newest turn and all of them cost."""
        ...
