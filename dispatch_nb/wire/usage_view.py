"""What kernel and view of a usage widget say to each other: figures, and what is looked at."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import MISSING, Field

from .base import Number, Text, WireModel
from .view import ReplyMessage

__all__ = [
    "CloseTranscriptMessage",
    "FiguresMessage",
    "LookMessage",
    "OpenTranscriptMessage",
    "PaintedMessage",
    "PlaceMessage",
    "SavedFigures",
    "UnpricedModel",
    "UsageBar",
    "UsageCall",
    "UsageHead",
    "UsageKernelMessage",
    "UsageLook",
    "UsageSpread",
    "UsageStep",
    "UsageSums",
    "UsageUpdateMessage",
    "UsageViewMessage",
]


class UsageSums(WireModel):
    """What some steps add up to, as in the frame of steps.

    Cache tokens are part of the input, reasoning tokens of the output. `cost_usd` is null
    where no step has a price; the other amounts are of the `priced` steps. `unpriced` steps
    have tokens and no price, `uncounted` ones no tokens that anybody told of; `estimated`
    were counted by estimate and `partial` used more than is counted here.
    """

    steps: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    cost_usd: Number | None
    input_usd: Number
    output_usd: Number
    cache_read_usd: Number
    cache_write_usd: Number
    reasoning_usd: Number
    saved_usd: Number
    priced: int
    unpriced: int
    uncounted: int
    estimated: int
    partial: int
    failed: int
    stopped: int
    retried: int


class UsageSpread(WireModel):
    """The middle and the 95th percentile of `count` measurements."""

    median: Number
    p95: Number
    count: int


class UnpricedModel(WireModel):
    """A model that some `steps` asked whose price is not known."""

    model: Text
    steps: int


class UsageCall(WireModel):
    """A tool call of a step; `seq` is its chunk's, `duration_s` its own run."""

    seq: int
    name: Text
    status: Text
    duration_s: Number | MISSING = MISSING


class UsageStep(WireModel):
    """What one bar says that stands for one step; `turn` and `step` count from 1.

    `attempt` is 0 for a first try. Of many `calls` the first ones are here.
    """

    turn: int
    step: int
    attempt: int
    status: Literal["running", "ok", "error", "aborted"]
    model: Text
    at_ms: Number
    ttft_s: Number | MISSING = MISSING
    tokens_per_s: Number | MISSING = MISSING
    duration_s: Number | MISSING = MISSING
    error_type: Text | MISSING = MISSING
    calls: list[UsageCall]
    call_count: int


class UsageBar(WireModel):
    """One bar: a step, a period (`from_ms` up to `to_ms`), a model or a conversation."""

    key: Text
    label: Text
    sums: UsageSums
    from_ms: int | MISSING = MISSING
    to_ms: int | MISSING = MISSING
    step: UsageStep | MISSING = MISSING


class UsageLook(WireModel):
    """What is looked at: which steps, and by what they are told apart.

    With `conversation_id` steps of that conversation alone. `before` is the number of the
    first step, from 0, that a page of steps does not show any more; null for the newest page.
    Times are milliseconds since 1970. Empty lists, nulls and blank words narrow nothing.
    """

    by: Literal["step", "time", "model", "conversation"]
    measure: Literal["tokens", "cost"]
    conversation_id: Text | None
    before: int | None
    models: list[Text]
    statuses: list[Literal["ok", "error", "aborted"]]
    since_ms: int | None
    until_ms: int | None
    words: Text


class UsageHead(WireModel):
    """The figures of all that is looked at.

    `running` counts turns that have not ended. Of `bar_count` bars those from `first_bar` on
    are shown; `others` sums the ones of models or conversations that are not.
    """

    title: Text
    totals: UsageSums
    turns: int
    conversations: int
    running: int
    ttft_s: UsageSpread | None
    tokens_per_s: UsageSpread | None
    unpriced: list[UnpricedModel]
    models: list[Text]
    bar_count: int
    first_bar: int
    others: UsageSums | None
    period: Literal["hour", "day", "week", "month"] | None


class SavedFigures(WireModel):
    """What a notebook keeps of the figures, to show them without a kernel."""

    look: UsageLook
    head: UsageHead
    bars: list[UsageBar]


class FiguresMessage(WireModel):
    """The figures that were asked for; message `n` of this widget."""

    type: Literal["figures"] = "figures"
    n: int
    request_id: Text
    look: UsageLook
    head: UsageHead
    bars: list[UsageBar]


class UsageUpdateMessage(WireModel):
    """What has changed since message `n` - 1: the head, and the bars that are not as told.

    `order` has the keys of all bars where bars came or went.
    """

    type: Literal["update"] = "update"
    n: int
    head: UsageHead
    bars: list[UsageBar]
    order: list[Text] | MISSING = MISSING


class PlaceMessage(WireModel):
    """Where in its conversation a step is: chunks `first_seq` … `last_seq`."""

    type: Literal["place"] = "place"
    request_id: Text
    conversation_id: Text
    first_seq: int
    last_seq: int


class LookMessage(WireModel):
    """A view looks at something, and wants to be told of it from now on."""

    type: Literal["look"] = "look"
    request_id: Text
    look: UsageLook


class PaintedMessage(WireModel):
    """Message `n` is on screen."""

    type: Literal["painted"] = "painted"
    n: int


class OpenTranscriptMessage(WireModel):
    """The person wants to read a conversation, at a step or at chunk `seq` if one is named.

    The answer is a `place`, or a `reply` that refuses. With `in_place` the widget opens the
    conversation itself; without it, it is on the page already.
    """

    type: Literal["open"] = "open"
    request_id: Text
    conversation_id: Text
    step_id: Text | MISSING = MISSING
    seq: int | MISSING = MISSING
    in_place: bool


class CloseTranscriptMessage(WireModel):
    """The person goes back to the figures."""

    type: Literal["close"] = "close"


UsageViewMessage = Annotated[
    FiguresMessage | UsageUpdateMessage | PlaceMessage | ReplyMessage,
    Field(discriminator="type"),
]
UsageKernelMessage = Annotated[
    LookMessage | PaintedMessage | OpenTranscriptMessage | CloseTranscriptMessage,
    Field(discriminator="type"),
]
