"""What is ours beyond the contract: extension events, beside the closed unions.

`fold_event` returns the same state for them and a Dispatch client never receives them;
`dispatch_nb.transcript` has reducers of their own for them. Their names start with
``nb.`` so that they can never meet a name of the contract.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import MISSING, Field

from .base import Json, Number, Text, WireModel
from .conversation import ChatMessage, ImageChunk, Usage
from .events import AgentEvent, TurnEvent

__all__ = [
    "ChunkDetail",
    "ChunkDetailEvent",
    "ChunksCommittedEvent",
    "ExtensionEvent",
    "LiveEvent",
    "PromptImagesEvent",
    "PromptMessage",
    "PromptSentEvent",
    "RequestToldEvent",
    "ToolInputDeltaEvent",
    "ToolSettledEvent",
    "TurnRefusedEvent",
]


class ChunkDetail(WireModel):
    """What the API that made a chunk wants back with it, byte for byte.

    `provider` is the id of the provider that sent it; to any other it means nothing.
    """

    provider: Text
    data: Json


class PromptMessage(ChatMessage):
    """A message as a provider gets it, with the details of its chunks by their index."""

    details: dict[int, ChunkDetail] = Field(default_factory=dict)


class ChunksCommittedEvent(TurnEvent):
    """The oldest `count` uncommitted chunks of this turn are stored.

    They have the `seq` numbers ``first_seq``, ``first_seq + 1``, … in the order in which
    the turn's events built them. `step_id` is absent for the prompt and for steering.
    """

    type: Literal["nb.chunks-committed"] = "nb.chunks-committed"
    first_seq: int
    count: int
    step_id: Text | MISSING = MISSING


class PromptSentEvent(TurnEvent):
    """The next `user-message` of this turn is the prompt that its sender knows by this id.

    The two are written and shown as one.
    """

    type: Literal["nb.prompt-sent"] = "nb.prompt-sent"
    client_message_id: Text


class PromptImagesEvent(TurnEvent):
    """The images of the prompt, in their order behind its text: a chunk each."""

    type: Literal["nb.prompt-images"] = "nb.prompt-images"
    images: list[ImageChunk]


class ChunkDetailEvent(TurnEvent):
    """The text or thinking that streams is complete; what its API wants back came with it.

    Without such a chunk, or with `alone`, an empty chunk of that `kind` stands for what
    cannot be read. `data` is absent on the way to a view.
    """

    type: Literal["nb.chunk-detail"] = "nb.chunk-detail"
    kind: Literal["text", "thinking"]
    alone: bool
    provider: Text
    data: Json | MISSING = MISSING


class ToolInputDeltaEvent(TurnEvent):
    """More of the arguments of a call that the model is still writing; JSON that has no end yet.

    Its `tool-call` follows with the whole of it, unless the answer breaks off.
    """

    type: Literal["nb.tool-input-delta"] = "nb.tool-input-delta"
    step_id: Text
    tool_call_id: Text
    tool_name: Text
    delta: Text


class ToolSettledEvent(TurnEvent):
    """A tool's own run ended; its `tool-result` follows in call order.

    `duration_ms` is the run of this call alone, without queueing and without siblings.
    """

    type: Literal["nb.tool-settled"] = "nb.tool-settled"
    step_id: Text
    tool_call_id: Text
    is_error: bool
    duration_ms: Number | MISSING = MISSING


class RequestToldEvent(TurnEvent):
    """What an API told of a request beside its answer; it stands for those before it.

    The step's `usage` event says what counts in the end. Here are the counts while nothing
    else tells of them, and those of a request that was made again: `attempt`, from 0, is
    the request's. `raw_usage` is the API's own JSON for its counts. A view gets none of it.
    """

    type: Literal["nb.request-told"] = "nb.request-told"
    step_id: Text
    attempt: int
    response_id: Text | MISSING = MISSING
    response_model: Text | MISSING = MISSING
    usage: Usage | MISSING = MISSING
    reasoning_tokens: int | MISSING = MISSING
    raw_usage: Text | MISSING = MISSING


class TurnRefusedEvent(TurnEvent):
    """A message was not taken: the closing, and only, event of a turn that never began.

    Nothing was stored; the text went back to the person who sent it.
    """

    type: Literal["nb.turn-refused"] = "nb.turn-refused"
    message: Text


ExtensionEvent = Annotated[
    ChunksCommittedEvent
    | PromptSentEvent
    | PromptImagesEvent
    | RequestToldEvent
    | ChunkDetailEvent
    | ToolInputDeltaEvent
    | ToolSettledEvent
    | TurnRefusedEvent,
    Field(discriminator="type"),
]
LiveEvent = Annotated[AgentEvent | ExtensionEvent, Field(discriminator="type")]
