"""What the messages between kernel and view are made of; `view` has the messages."""

from __future__ import annotations

from typing import Literal

from pydantic import MISSING

from .base import Number, Text, WireModel
from .conversation import Chunk, ReasoningEffort, Role, StoredChunk, Usage
from .events import ProviderRetryEvent
from .metadata import QueuedMessage

__all__ = [
    "AccumulatingChunk",
    "AnswerFacts",
    "AnswerSettings",
    "Meter",
    "OfferedModel",
    "ProvisionalChunk",
    "QueuedText",
    "SavedImage",
    "SettledTool",
    "TranscriptSnapshot",
    "WorkingTool",
]


class ProvisionalChunk(WireModel):
    """A chunk that a turn's events built and that has no `seq` yet."""

    role: Role
    chunk: Chunk
    turn_id: Text


class AccumulatingChunk(WireModel):
    """The text or thinking that is still growing."""

    kind: Literal["text", "thinking"]
    text: Text
    turn_id: Text


class TranscriptSnapshot(WireModel):
    """A TranscriptState as JSON, with the newest committed chunks only."""

    committed: list[StoredChunk]
    provisional: list[ProvisionalChunk]
    accumulating: AccumulatingChunk | None
    current_turn_id: Text | None
    latest_usage: Usage | None
    sealed_turn_id: Text | None
    generating: bool
    provider_retry: ProviderRetryEvent | None


class SettledTool(WireModel):
    """What the extension reducer knows of one finished tool call."""

    tool_call_id: Text
    step_id: Text
    is_error: bool
    duration_ms: Number | MISSING = MISSING


class WorkingTool(WireModel):
    """A call that is being written, or that runs: its arguments so far, its newest output."""

    tool_call_id: Text
    tool_name: Text
    step_id: Text
    input: Text
    output: Text


class QueuedText(QueuedMessage):
    """A text of the person that no model has got yet.

    A text that is `kept` waits for the person: the turn it was meant for ended first.
    """

    kept: bool


class AnswerSettings(WireModel):
    """What the next answers are asked for with; null is the API's own choice."""

    temperature: Number | None
    top_p: Number | None
    max_tokens: int | None
    seed: int | None
    reasoning_effort: ReasoningEffort | None


class SavedImage(WireModel):
    """A stored image as its chunk's `url` and as `data`, a URL that holds all of it."""

    url: Text
    data: Text


class AnswerFacts(WireModel):
    """What is known of the steps that made some chunks; `at_ms` is Unix time."""

    at_ms: Number | MISSING = MISSING
    model: Text | MISSING = MISSING
    steps: int
    usage: Usage | MISSING = MISSING
    reasoning_tokens: int | MISSING = MISSING
    is_lower_bound: bool
    cost_usd: Number | MISSING = MISSING
    ttft_ms: Number | MISSING = MISSING
    tokens_per_second: Number | MISSING = MISSING
    generated_ms: Number | MISSING = MISSING


class Meter(WireModel):
    """How full the context is, and what the newest turn and the whole conversation cost."""

    context_size: int | MISSING = MISSING
    context_window: int | MISSING = MISSING
    turn_cost_usd: Number | MISSING = MISSING
    cost_usd: Number | MISSING = MISSING


class OfferedModel(WireModel):
    """A model that can be named; prices are US dollars per million tokens, absent if unknown."""

    name: Text
    context_window: int | MISSING = MISSING
    input_usd: Number | MISSING = MISSING
    output_usd: Number | MISSING = MISSING
