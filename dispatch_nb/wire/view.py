"""The widget protocol: what kernel and view say to each other as custom messages.

Python is the authority; the view folds the same events with the same reducers. Event
numbers are those of the conversation's event log: 1-based, without gaps.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import MISSING, Field

from .base import Text, WireModel
from .conversation import StoredChunk
from .extensions import LiveEvent
from .shown import (
    AccumulatingChunk,
    AnswerFacts,
    AnswerSettings,
    Meter,
    OfferedModel,
    ProvisionalChunk,
    QueuedText,
    SavedImage,
    SettledTool,
    TranscriptSnapshot,
    WorkingTool,
)

__all__ = [
    "AboutMessage",
    "AccumulatingChunk",
    "AckMessage",
    "AnswerFacts",
    "AnswerSettings",
    "CancelQueuedMessage",
    "ConfigureMessage",
    "EventsMessage",
    "FactsMessage",
    "FetchMessage",
    "FileMessage",
    "HistoryMessage",
    "ImageMessage",
    "KernelMessage",
    "ListModelsMessage",
    "Meter",
    "ModelsMessage",
    "OfferedModel",
    "OlderMessage",
    "ProvisionalChunk",
    "QueuedText",
    "ReadyMessage",
    "RenameMessage",
    "ReplyMessage",
    "ResyncMessage",
    "SavedImage",
    "SendMessage",
    "SendQueuedMessage",
    "SettledTool",
    "SnapshotMessage",
    "SteerMessage",
    "StopMessage",
    "TranscriptSnapshot",
    "ViewMessage",
    "WantImageMessage",
    "WorkingTool",
]


class EventsMessage(WireModel):
    """Consecutive events `from` … `upto` (both included) of the log, adjacent deltas joined.

    Without events, and with `upto` one less than `from`, it asks whether the view has
    painted everything up to there: the answer is an `ack`, or a `resync`.
    """

    type: Literal["events"] = "events"
    from_: int = Field(validation_alias="from", serialization_alias="from")
    upto: int
    events: list[LiveEvent]


class HistoryMessage(WireModel):
    """Committed chunks: an older page, or a tail."""

    type: Literal["history"] = "history"
    chunks: list[StoredChunk]
    latest_seq: int


class SnapshotMessage(WireModel):
    """All a view needs to show now; `next` is the number of the next event it will get.

    One that is kept in a notebook has `images` with it; a kernel is asked for each. `claimed`
    are the client message ids of the newest prompts that have come.
    """

    type: Literal["snapshot"] = "snapshot"
    next: int
    transcript: TranscriptSnapshot
    settled_tools: list[SettledTool]
    working_tools: list[WorkingTool] | MISSING = MISSING
    claimed: list[Text] | MISSING = MISSING
    images: list[SavedImage] | MISSING = MISSING


class ImageMessage(WireModel):
    """The image that a chunk's `url` names, as a URL that holds it; absent if it is not there."""

    type: Literal["image"] = "image"
    url: Text
    data: Text | MISSING = MISSING


class ReplyMessage(WireModel):
    """The answer to an act of the person: taken, or refused with a reason to show."""

    type: Literal["reply"] = "reply"
    request_id: Text
    accepted: bool
    reason: Text | MISSING = MISSING


class FactsMessage(WireModel):
    """The answer to `about`; `facts` is absent where nothing is stored."""

    type: Literal["facts"] = "facts"
    first_seq: int
    last_seq: int
    facts: AnswerFacts | MISSING = MISSING


class ModelsMessage(WireModel):
    """The answer to `list-models`; `reason` says why a server could not be asked for its list."""

    type: Literal["models"] = "models"
    provider: Text
    models: list[OfferedModel]
    reason: Text | MISSING = MISSING


class FileMessage(WireModel):
    """A part of the front end that a view asked for, as the text of its module."""

    type: Literal["file"] = "file"
    name: Literal["typeset"]
    text: Text


class ReadyMessage(WireModel):
    """A view appeared and wants a snapshot."""

    type: Literal["ready"] = "ready"


class ResyncMessage(WireModel):
    """A view missed events: it has everything before `from`."""

    type: Literal["resync"] = "resync"
    from_: int = Field(validation_alias="from", serialization_alias="from")


class AckMessage(WireModel):
    """Everything up to event `upto` is painted."""

    type: Literal["ack"] = "ack"
    upto: int


class SendMessage(WireModel):
    """The person sends a message; its `images` are data: URLs, or what its chunks' `url`s were."""

    type: Literal["send"] = "send"
    request_id: Text
    text: Text
    images: list[Text] | MISSING = MISSING


class SteerMessage(WireModel):
    """The person adds something while a turn runs; it is queued with `request_id` as its id."""

    type: Literal["steer"] = "steer"
    request_id: Text
    text: Text


class CancelQueuedMessage(WireModel):
    """The person takes the queued text `id` back, to write it anew or to drop it."""

    type: Literal["cancel-queued"] = "cancel-queued"
    request_id: Text
    id: Text


class SendQueuedMessage(WireModel):
    """The person sends what was kept."""

    type: Literal["send-queued"] = "send-queued"
    request_id: Text


class StopMessage(WireModel):
    """The person stops the running turn."""

    type: Literal["stop"] = "stop"
    request_id: Text


class RenameMessage(WireModel):
    """The person gives the conversation another title."""

    type: Literal["rename"] = "rename"
    request_id: Text
    title: Text


class ConfigureMessage(WireModel):
    """The person chooses what the next turns are run with."""

    type: Literal["configure"] = "configure"
    request_id: Text
    model: Text
    settings: AnswerSettings


class OlderMessage(WireModel):
    """The person scrolled to chunks older than `before` (a seq).

    With `from`, the person goes to that chunk: the answer reaches back to it, as far as a
    page can.
    """

    type: Literal["older"] = "older"
    before: int
    from_: int | MISSING = Field(MISSING, validation_alias="from", serialization_alias="from")


class AboutMessage(WireModel):
    """The person wants to know about the chunks `first_seq` … `last_seq`."""

    type: Literal["about"] = "about"
    first_seq: int
    last_seq: int


class ListModelsMessage(WireModel):
    """A view wants to suggest the models of a provider; an empty name means those of all."""

    type: Literal["list-models"] = "list-models"
    provider: Text


class FetchMessage(WireModel):
    """A view needs a part of the front end that is loaded on first use."""

    type: Literal["fetch"] = "fetch"
    name: Literal["typeset"]


class WantImageMessage(WireModel):
    """A view shows a chunk whose `url` names a stored image."""

    type: Literal["want-image"] = "want-image"
    url: Text


ViewMessage = Annotated[
    EventsMessage
    | HistoryMessage
    | SnapshotMessage
    | ImageMessage
    | ReplyMessage
    | FileMessage
    | FactsMessage
    | ModelsMessage,
    Field(discriminator="type"),
]
KernelMessage = Annotated[
    ReadyMessage
    | ResyncMessage
    | AckMessage
    | SendMessage
    | SteerMessage
    | CancelQueuedMessage
    | SendQueuedMessage
    | StopMessage
    | RenameMessage
    | ConfigureMessage
    | OlderMessage
    | WantImageMessage
    | FetchMessage
    | AboutMessage
    | ListModelsMessage,
    Field(discriminator="type"),
]
