"""Columns of the frames of steps and of usage."""

from __future__ import annotations

from .columns import (
    BOOLEAN,
    FINISH_REASONS,
    FLOAT,
    INTEGER,
    TEXT,
    TIME,
    TOKEN_TYPES,
    USAGE_SOURCES,
    Column,
    FrameSpec,
)
from .sums import COST, SAVED, timed, token_columns

__all__ = ["STEPS", "USAGE"]

_STEP_S = timed("steps.gen_total_ms", "steps.completed_us", "steps.requested_us")
_DECODE_S = timed("steps.decode_ms", "steps.completed_us", "steps.first_chunk_us")
_SPEAKING_S = f"CASE WHEN {_DECODE_S} > 0 THEN {_DECODE_S} ELSE {_STEP_S} END"

# What providers call their reasons, in the words of the frames.
_REASONS = {
    "stop": ("stop", "end_turn", "stop_sequence", "completed", "eos"),
    "length": ("length", "max_tokens", "max_output_tokens", "model_context_window_exceeded"),
    "tool_call": (
        *("tool_call", "tool_calls", "tool-call", "tool-calls", "tool_use", "function_call"),
    ),
    "content_filter": ("content_filter", "content-filter", "safety", "refusal"),
    "error": ("error",),
    "aborted": ("aborted", "interrupted", "cancelled"),
}
_RAW_REASON = "COALESCE(steps.raw_finish_reason, steps.finish_reason)"
_REASON = " ".join(
    [
        f"CASE LOWER({_RAW_REASON})",
        *(f"WHEN '{word}' THEN '{reason}'" for reason, words in _REASONS.items() for word in words),
        "END",
    ]
)


STEPS = FrameSpec(
    name="steps",
    row="one model request of a turn",
    columns=(
        Column("step_id", TEXT, "steps.step_id", "Its id"),
        Column("turn_id", TEXT, "steps.turn_id", "Its turn"),
        Column("conversation_id", TEXT, "steps.conversation_id", "Its conversation"),
        Column("step_index", INTEGER, "steps.step_index", "Its place in the turn"),
        Column("attempt", INTEGER, "steps.attempt", "Which try this was"),
        Column("provider_name", TEXT, "steps.provider_name", "Who was asked"),
        Column("request_model", TEXT, "steps.request_model", "The model that was asked for"),
        Column("response_model", TEXT, "steps.response_model", "The model that answered"),
        Column("response_id", TEXT, "steps.response_id", "The provider's id of the answer"),
        Column("finish_reason", FINISH_REASONS, _REASON, "Why the answer ended"),
        Column("raw_finish_reason", TEXT, _RAW_REASON, "The same in the provider's own word"),
        Column("is_streaming", BOOLEAN, "steps.is_streaming", "Whether the answer was streamed"),
        Column("requested_at", TIME, "steps.requested_us", "When the request went out"),
        Column("first_chunk_at", TIME, "steps.first_chunk_us", "When the first delta came"),
        Column("completed_at", TIME, "steps.completed_us", "When the answer had ended"),
        Column(
            "duration_s",
            FLOAT,
            _STEP_S,
            "From request to end: the engine's own measure, else by the two times",
        ),
        Column(
            "time_to_first_chunk_s",
            FLOAT,
            timed("steps.ttft_ms", "steps.first_chunk_us", "steps.requested_us"),
            "Wait for a delta: the engine's own measure, else by the two times",
        ),
        Column(
            "time_per_output_chunk_s",
            FLOAT,
            f"CASE WHEN steps.delta_count > 1 THEN {_DECODE_S} / (steps.delta_count - 1) END",
            "Mean gap of deltas: the time after the first one over the number of further ones",
        ),
        Column(
            "output_tokens_per_s",
            FLOAT,
            f"CASE WHEN {_SPEAKING_S} > 0 THEN steps.output_tokens / ({_SPEAKING_S}) END",
            "Speed once it spoke: output_tokens over the time after the first delta, "
            "else over duration_s",
        ),
        Column("delta_count", INTEGER, "steps.delta_count", "Deltas that came"),
        Column("chunk_count", INTEGER, "steps.chunk_count", "Chunks they made"),
        *token_columns("steps.{}"),
        Column(
            "cost_usd",
            FLOAT,
            COST.format(table="steps"),
            "Cost in US dollars when it ended: input_usd + output_usd, and what a few providers "
            "ask for the request itself; `<NA>` where it is not known",
        ),
        Column("input_usd", FLOAT, "steps.input_usd", "Cost of input_tokens, by their kinds"),
        Column("cache_read_usd", FLOAT, "steps.cache_read_usd", "Its part for cache_read_tokens"),
        Column(
            "cache_write_usd", FLOAT, "steps.cache_write_usd", "Its part for cache_write_tokens"
        ),
        Column("output_usd", FLOAT, "steps.output_usd", "Cost of output_tokens"),
        Column("reasoning_usd", FLOAT, "steps.reasoning_usd", "Its part for reasoning_tokens"),
        Column("cache_saved_usd", FLOAT, "steps.cache_saved_usd", SAVED),
        Column(
            "price_ref",
            TEXT,
            "steps.price_ref",
            "The price list behind the cost, with its version, or `own: …`; "
            "where there is no cost, `unknown: ` and why",
        ),
        Column(
            "server_address",
            TEXT,
            "steps.server_address",
            "Origin of the server that was asked, if it is not the provider's own",
        ),
        Column("usage_source", USAGE_SOURCES, "steps.usage_source", "Who counted the tokens"),
        Column(
            "is_lower_bound",
            BOOLEAN,
            "steps.is_lower_bound",
            "Whether more tokens were used than are counted here",
        ),
        Column("temperature", FLOAT, "steps.temperature", "Sampling temperature asked for"),
        Column("top_p", FLOAT, "steps.top_p", "Nucleus sampling bound asked for"),
        Column("max_tokens", INTEGER, "steps.max_tokens", "Longest answer asked for"),
        Column("seed", INTEGER, "steps.seed", "Seed asked for"),
        Column("http_status", INTEGER, "steps.http_status", "Status of the HTTP answer"),
        Column("error_type", TEXT, "steps.error_type", "Kind of its failure"),
        Column("error_message", TEXT, "steps.error_message", "Its words"),
        Column("request_hash", TEXT, "steps.request_hash", "Equal for equal requests"),
    ),
    tables="""FROM steps WHERE {steps} AND {models}
        ORDER BY {steps_order}""",
)

USAGE = FrameSpec(
    name="usage",
    row="one kind of token of one step; cache rows are parts of input, reasoning of output",
    columns=(
        Column("conversation_id", TEXT, None, "The step's conversation"),
        Column("turn_id", TEXT, None, "The step's turn"),
        Column("step_id", TEXT, None, "The step"),
        Column("model", TEXT, None, "The model that answered, else the one asked for"),
        Column("token_type", TOKEN_TYPES, None, "Which tokens"),
        Column("tokens", INTEGER, None, "How many; kinds nobody counted have no row"),
        Column("cost_usd", FLOAT, None, "What these tokens cost in US dollars, where known"),
    ),
)
