"""What is written to and read from the store, as plain frozen values.

The fields of `ConversationRow`, `TurnRow`, `StepRow` and `ToolCallRow` are the columns
of their tables. Fields ending in ``_us`` are microseconds since 1970 in UTC, fields
ending in ``_ms`` are durations in milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..wire.extensions import ChunkDetail, LiveEvent

__all__ = [
    "ChunkSide",
    "CommitStamp",
    "ConversationRow",
    "ConversationSource",
    "EventRow",
    "ImageRow",
    "ListedRow",
    "QueuedRow",
    "StepRow",
    "ToolApproval",
    "ToolCallRow",
    "ToolStatus",
    "TurnRow",
    "TurnStatus",
    "UsageSource",
]

ConversationSource = Literal["local", "backend", "cassette", "import"]
TurnStatus = Literal["running", "completed", "aborted", "error", "interrupted"]
UsageSource = Literal["reported", "estimated", "missing"]
ToolStatus = Literal[
    "pending", "awaiting_approval", "denied", "running", "completed", "error", "aborted"
]
ToolApproval = Literal["auto", "approved", "denied", "edited"]


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """A conversation; the store itself keeps the four counters and `updated_us`.

    `last_seq` and `last_n` are the numbers of the newest chunk and the newest event.
    """

    conversation_id: str
    created_us: int
    updated_us: int | None = None
    title: str | None = None
    system_prompt: str | None = None
    model: str | None = None
    source: ConversationSource = "local"
    forked_from_id: str | None = None
    forked_at_seq: int | None = None
    tags_json: str | None = None
    last_seq: int = 0
    last_n: int = 0
    message_count: int = 0
    turn_count: int = 0


@dataclass(frozen=True, slots=True)
class TurnRow:
    """One user message and its response; the store assigns `turn_index`, from 0."""

    turn_id: str
    conversation_id: str
    prompt_text: str | None = None
    status: TurnStatus = "running"
    turn_index: int | None = None
    run_id: str | None = None
    finish_reason: str | None = None
    abort_reason: str | None = None
    started_us: int | None = None
    first_chunk_us: int | None = None
    completed_us: int | None = None
    sealed_us: int | None = None
    duration_ms: float | None = None
    context_size: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    usage_source: UsageSource | None = None
    is_lower_bound: bool = False
    cost_usd: float | None = None
    error_type: str | None = None
    error_message: str | None = None
    params_json: str | None = None


@dataclass(frozen=True, slots=True)
class StepRow:
    """One model request; `input_tokens` includes cached tokens, `usage_json` is as reported.

    `reported_output_tokens` is set where the rest of `output_tokens` is estimated.
    """

    step_id: str
    turn_id: str
    conversation_id: str
    step_index: int
    attempt: int = 0
    provider_name: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    finish_reason: str | None = None
    raw_finish_reason: str | None = None
    is_streaming: bool | None = None
    requested_us: int | None = None
    first_chunk_us: int | None = None
    completed_us: int | None = None
    ttft_ms: float | None = None
    decode_ms: float | None = None
    gen_total_ms: float | None = None
    delta_count: int | None = None
    chunk_count: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    usage_source: UsageSource | None = None
    is_lower_bound: bool = False
    usage_json: str | None = None
    cost_usd: float | None = None
    input_usd: float | None = None
    cache_read_usd: float | None = None
    cache_write_usd: float | None = None
    output_usd: float | None = None
    reasoning_usd: float | None = None
    cache_saved_usd: float | None = None
    price_ref: str | None = None
    server_address: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    http_status: int | None = None
    error_type: str | None = None
    error_message: str | None = None
    request_hash: str | None = None
    reported_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ToolCallRow:
    """What is known of a tool call beside its chunks.

    The store fills what stands in the chunks: ids, `call_seq`, `result_seq`, the name,
    and `status`, `result_bytes` and `error_message` where they are not given.
    """

    tool_call_id: str
    conversation_id: str | None = None
    call_seq: int | None = None
    turn_id: str | None = None
    step_id: str | None = None
    result_seq: int | None = None
    tool_name: str | None = None
    status: ToolStatus | None = None
    is_synthetic: bool = False
    approval: ToolApproval | None = None
    requested_us: int | None = None
    approved_us: int | None = None
    started_us: int | None = None
    completed_us: int | None = None
    duration_ms: float | None = None
    approval_wait_ms: float | None = None
    error_type: str | None = None
    error_message: str | None = None
    result_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class EventRow:
    """Event `n` of a conversation's log; `mono_us` comes from a clock that never jumps."""

    n: int
    at_us: int
    mono_us: int
    event: LiveEvent


@dataclass(frozen=True, slots=True)
class QueuedRow:
    """A text that no model has got yet; `queued_ms` is milliseconds since 1970.

    The store assigns `position`, which grows in the order of typing. A text that is kept
    waits for the person, any other one for a turn that runs.
    """

    conversation_id: str
    queued_id: str
    text: str
    queued_ms: int
    is_kept: bool = False
    position: int = 0


@dataclass(frozen=True, slots=True)
class ImageRow:
    """An image by the SHA-256 of its bytes, as hexadecimal digits."""

    digest: str
    mime_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class CommitStamp:
    """Number and arrival time of the ``nb.chunks-committed`` event that the store writes."""

    n: int
    at_us: int
    mono_us: int


@dataclass(frozen=True, slots=True)
class ChunkSide:
    """What is known of a chunk beside the contract's fields.

    `detail` is what the API that made the chunk wants back with it.
    """

    started_us: int | None = None
    completed_us: int | None = None
    delta_count: int | None = None
    is_interrupted: bool = False
    detail: ChunkDetail | None = None


@dataclass(frozen=True, slots=True)
class ListedRow:
    """One conversation in a list; `cost_usd` is None where no step of it has a price.

    `unpriced` counts the steps with tokens but without a price.
    """

    conversation_id: str
    title: str | None
    model: str | None
    updated_us: int
    turn_count: int
    tokens: int
    cost_usd: float | None
    unpriced: int
