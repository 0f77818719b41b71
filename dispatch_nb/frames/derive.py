"""Computed columns: functions of typed columns, for all rows at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .columns import FINISH_REASONS, Built

if TYPE_CHECKING:
    import pandas as pd

    Series = pd.Series[Any]

__all__ = [
    "approval_wait_s",
    "byte_count",
    "call_duration_s",
    "char_count",
    "content_char_count",
    "finish_reason",
    "model_time_s",
    "output_tokens_per_s",
    "queue_time_s",
    "step_duration_s",
    "step_time_to_first_chunk_s",
    "text_char_count",
    "time_per_output_chunk_s",
    "time_to_first_chunk_s",
    "tool_time_s",
    "total_tokens",
    "turn_duration_s",
    "turn_is_lower_bound",
    "uncached_input_tokens",
]

_FINISH_REASONS = {
    **{reason: reason for reason in FINISH_REASONS},
    "end_turn": "stop",
    "stop_sequence": "stop",
    "completed": "stop",
    "eos": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_calls": "tool_call",
    "tool-call": "tool_call",
    "tool-calls": "tool_call",
    "tool_use": "tool_call",
    "function_call": "tool_call",
    "safety": "content_filter",
    "refusal": "content_filter",
    "content-filter": "content_filter",
    "interrupted": "aborted",
    "cancelled": "aborted",
}


def _between(earlier: Series, later: Series) -> Series:
    gap: Any = later - earlier
    seconds: Series = gap.dt.total_seconds().astype("Float64")
    return seconds


def _seconds(milliseconds: Series) -> Series:
    return milliseconds / 1000.0


def _ratio(amount: Series, per: Series) -> Series:
    """Divide where `per` is above zero; elsewhere there is no ratio."""
    divisor: Series = per.where((per > 0).fillna(False))
    quotient: Series = amount.astype("Float64").div(divisor)
    return quotient


def finish_reason(built: Built) -> Series:
    """Return `raw_finish_reason` in the fixed vocabulary; another word has none."""
    return built["raw_finish_reason"].str.lower().map(_FINISH_REASONS)


def step_duration_s(built: Built) -> Series:
    """Return the engine's own measure, else `completed_at` - `requested_at`."""
    return _seconds(built["gen_total_ms"]).fillna(
        _between(built["requested_at"], built["completed_at"])
    )


def step_time_to_first_chunk_s(built: Built) -> Series:
    """Return the engine's own measure, else `first_chunk_at` - `requested_at`."""
    return _seconds(built["ttft_ms"]).fillna(
        _between(built["requested_at"], built["first_chunk_at"])
    )


def _decode_s(built: Built) -> Series:
    return _seconds(built["decode_ms"]).fillna(
        _between(built["first_chunk_at"], built["completed_at"])
    )


def time_per_output_chunk_s(built: Built) -> Series:
    """Return the time after the first delta over the number of further deltas."""
    return _ratio(_decode_s(built), built["delta_count"] - 1)


def output_tokens_per_s(built: Built) -> Series:
    """Return `output_tokens` over the time after the first delta, else over `duration_s`."""
    decode_s = _decode_s(built)
    usable = decode_s.where((decode_s > 0).fillna(False)).fillna(built["duration_s"])
    return _ratio(built["output_tokens"], usable)


def uncached_input_tokens(built: Built) -> Series:
    """Return `input_tokens` - `cache_read_tokens` - `cache_write_tokens`, absent counts as 0."""
    cached = built["cache_read_tokens"].fillna(0) + built["cache_write_tokens"].fillna(0)
    return built["input_tokens"] - cached


def total_tokens(built: Built) -> Series:
    """Return `input_tokens` + `output_tokens`."""
    return built["input_tokens"] + built["output_tokens"]


def turn_duration_s(built: Built) -> Series:
    """Return the engine's own measure, else `completed_at` - `started_at`."""
    return _seconds(built["duration_ms"]).fillna(
        _between(built["started_at"], built["completed_at"])
    )


def time_to_first_chunk_s(built: Built) -> Series:
    """Return `first_chunk_at` - `started_at`."""
    return _between(built["started_at"], built["first_chunk_at"])


def tool_time_s(built: Built) -> Series:
    """Return the milliseconds of the turn's tool calls, summed, as seconds."""
    return _seconds(built["tool_ms"])


def model_time_s(built: Built) -> Series:
    """Return the milliseconds of the turn's steps, summed, as seconds."""
    return _seconds(built["model_ms"])


def queue_time_s(built: Built) -> Series:
    """Return the first request of the turn - `started_at`."""
    return _between(built["started_at"], built["first_requested_at"])


def turn_is_lower_bound(built: Built) -> Series:
    """Return true where the turn says so or still runs, or a step says so or has no usage."""
    said = built["is_lower_bound_stored"].fillna(False) | built["has_open_step"].fillna(False)
    return said | (built["status"] == "running")


def call_duration_s(built: Built) -> Series:
    """Return the call's own run where it was timed, else `completed_at` - `started_at`."""
    return _seconds(built["duration_ms"]).fillna(
        _between(built["started_at"], built["completed_at"])
    )


def approval_wait_s(built: Built) -> Series:
    """Return the wait where it was timed, else `approved_at` - `requested_at`."""
    return _seconds(built["approval_wait_ms"]).fillna(
        _between(built["requested_at"], built["approved_at"])
    )


def _own_text(built: Built) -> Series:
    return built["text"].fillna(built["content"]).fillna(built["input_json"]).fillna("")


def char_count(built: Built) -> Series:
    """Return the characters of `text`, `content` or `input_json`, whichever the chunk has."""
    return _own_text(built).str.len()


def byte_count(built: Built) -> Series:
    """Return the UTF-8 bytes of `text`, `content` or `input_json`, whichever the chunk has."""
    encoded: Any = _own_text(built).str.encode("utf-8")
    sizes: Series = encoded.str.len()
    return sizes


def text_char_count(built: Built) -> Series:
    """Return the characters of `text`."""
    return built["text"].fillna("").str.len()


def content_char_count(built: Built) -> Series:
    """Return the characters of `content`."""
    return built["content"].fillna("").str.len()
