"""A store's turns, steps and tool calls as OpenTelemetry spans of the GenAI conventions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..framed import FrameSource
from ..frames import otel
from ..frames.request import require

if TYPE_CHECKING:
    from opentelemetry.trace import Span, TracerProvider

__all__ = ["to_otel"]

# One is a list in a span, the other a metric and no attribute.
_NOT_AS_THEY_ARE = {"raw_finish_reason", "time_per_output_chunk_s"}
_SPOKEN = {"prompt_text": "user", "output_text": "assistant"}


def to_otel(source: FrameSource, provider: TracerProvider, *, content: bool = False) -> int:
    """Give every turn, step and tool call to a tracer as a span, with the times it had.

    A turn is an ``invoke_agent`` span, its steps are ``chat`` spans and its tool calls
    ``execute_tool`` spans within it. One that failed or was broken off has the status
    ``ERROR``; what nobody counted has no attribute. Names are those of the GenAI conventions.

    Parameters
    ----------
    source
        A store, a chat or a turn.
    provider
        Where the spans go: a ``TracerProvider`` of the SDK with your exporter.
    content
        Whether prompts, answers, arguments and results go along. They may hold what is private.

    Returns
    -------
    int
        How many spans there were.

    Raises
    ------
    FrameError
        If ``opentelemetry`` is not installed.
    """
    require("opentelemetry.trace", "otel", "OpenTelemetry")
    from opentelemetry.trace import SpanKind, set_span_in_context

    tracer = provider.get_tracer("dispatch_nb")
    turns, steps, calls = source.turns, source.steps, source.tool_calls
    count = 0
    parents: dict[str, Any] = {}
    spans: list[tuple[Span, int]] = []
    asked: dict[str, dict[str, Any]] = {}
    for row in _records(steps):
        asked.setdefault(row["turn_id"], row)
    for row in _records(turns):
        name = otel.AGENT_SPAN
        first = asked.get(row["turn_id"], {})
        models = {
            steps.attrs["otel"][each]: first[each]
            for each in ("provider_name", "request_model")
            if first.get(each) is not None
        }
        start, end = _times(row["started_at"], row["completed_at"] or row["sealed_at"])
        span = tracer.start_span(
            name,
            start_time=start,
            attributes={otel.OPERATION: name, **models, **_attributes(turns, row, content)},
        )
        _mark(span, row, row["status"] in ("error", "aborted", "interrupted"))
        parents[row["turn_id"]] = set_span_in_context(span)
        spans.append((span, end))
        count += 1
    for row in _records(steps):
        model = row["request_model"] or ""
        start, end = _times(row["requested_at"], row["completed_at"])
        attributes = {otel.OPERATION: otel.CHAT_SPAN, **_attributes(steps, row, content)}
        reason = row["raw_finish_reason"] or row["finish_reason"] or "error"
        attributes["gen_ai.response.finish_reasons"] = [reason]
        span = tracer.start_span(
            f"{otel.CHAT_SPAN} {model}".strip(),
            kind=SpanKind.CLIENT,
            context=parents.get(row["turn_id"]),
            start_time=start,
            attributes=attributes,
        )
        _mark(span, row, row["finish_reason"] in ("error", "aborted"))
        span.end(end)
        count += 1
    for row in _records(calls):
        start, end = _times(row["started_at"] or row["requested_at"], row["completed_at"])
        attributes = {
            otel.OPERATION: otel.TOOL_SPAN,
            otel.TOOL_TYPE: "function",
            **_attributes(calls, row, content),
        }
        span = tracer.start_span(
            f"{otel.TOOL_SPAN} {row['tool_name']}",
            context=parents.get(row["turn_id"]),
            start_time=start,
            attributes=attributes,
        )
        _mark(span, row, row["status"] in ("error", "aborted", "denied"))
        span.end(end)
        count += 1
    for span, end in spans:
        span.end(end)
    return count


_PRIVATE = ("prompt_text", "output_text", "arguments_json", "result")


def _attributes(frame: pd.DataFrame, row: dict[str, Any], content: bool) -> dict[str, Any]:
    names: dict[str, str] = frame.attrs["otel"]
    return {
        attribute: _message(row, column) if column in _SPOKEN else row[column]
        for column, attribute in names.items()
        if row[column] is not None
        and column not in _NOT_AS_THEY_ARE
        and (content or column not in _PRIVATE)
    }


def _message(row: dict[str, Any], column: str) -> str:
    """Return a text as the conventions write messages."""
    role = _SPOKEN[column]
    message = {"role": role, "parts": [{"type": "text", "content": row[column]}]}
    if role == "assistant":
        message["finish_reason"] = "stop" if row["status"] == "completed" else "error"
    return json.dumps([message], ensure_ascii=False)


def _records(frame: pd.DataFrame) -> Sequence[dict[str, Any]]:
    """Return rows of plain values, times in nanoseconds, None for what is missing."""
    plain = {}
    for name in frame.columns:
        values: Any = frame[name]
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            nanoseconds = pd.Series(values.array.asi8 * 1_000, dtype="Int64")
            values = nanoseconds.mask(values.isna())
        listed = values.astype("object")
        plain[name] = listed.where(listed.notna(), None).tolist()
    return [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]


def _times(start: int | None, end: int | None) -> tuple[int, int]:
    """Return the nanoseconds from which and to which a span lasts; a moment if unknown."""
    begun = start if start is not None else end if end is not None else 0
    return begun, max(begun, end if end is not None else begun)


def _mark(span: Span, row: dict[str, Any], failed: bool) -> None:
    from opentelemetry.trace import Status, StatusCode

    if failed:
        said = row.get("error_message") or row.get("abort_reason")
        span.set_status(Status(StatusCode.ERROR, said))
        span.set_attribute(otel.ERROR_TYPE, row.get("error_type") or row.get("status") or "error")
