"""What the event log tells of the requests of a step that was never stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pydantic import MISSING

from ..engine.draft import json_text
from ..engine.usage import estimate_tokens
from ..store.rows import EventRow, StepRow, UsageSource
from ..wire import events as e
from ..wire.conversation import Usage
from ..wire.extensions import RequestToldEvent
from .model_request import usage_columns

__all__ = ["ToldStep"]


@dataclass
class ToldStep:
    """The requests of the step that runs at the end of a log; empty where none does."""

    usage: Usage | None = None
    _told: dict[int, RequestToldEvent] = field(default_factory=dict)
    _failed: list[tuple[e.ProviderRetryEvent, int]] = field(default_factory=list)
    _said: int = 0
    _said_when_told: int = 0

    def see(self, row: EventRow) -> None:
        """Take note of an event."""
        match row.event:
            case e.TextDeltaEvent(delta=delta) | e.ReasoningDeltaEvent(delta=delta):
                self._said += len(delta)
            case e.ToolCallEvent(tool_name=name, input=input):
                self._said += len(name) + len(json_text(input))
            case RequestToldEvent() as told:
                self._told[told.attempt] = told
                self._said_when_told = self._said
            case e.ProviderRetryEvent() as retry:
                self._failed.append((retry, row.at_us))
            case e.UsageEvent(usage=usage):
                self.usage = usage
            case _:
                pass

    @property
    def has_request(self) -> bool:
        """Whether anything was told of the request that ran last."""
        return len(self._failed) in self._told

    def retried(self, step: StepRow) -> list[StepRow]:
        """Return the rows of the failed attempts, made after that of their step."""
        rows = []
        for retry, at_us in self._failed:
            told = self._told.get(retry.attempt)
            usage = None if told is None or told.usage is MISSING else told.usage
            row = StepRow(
                step_id=f"{step.step_id}.{retry.attempt}",
                turn_id=step.turn_id,
                conversation_id=step.conversation_id,
                step_index=step.step_index,
                attempt=retry.attempt,
                finish_reason="error",
                is_streaming=True,
                completed_us=at_us,
                delta_count=0,
                chunk_count=0,
                usage_source="missing" if usage is None else "reported",
                is_lower_bound=True,
                error_type="error" if retry.code is MISSING else retry.code,
                error_message=retry.message,
                **usage_columns(usage),
            )
            rows.append(_with_words(row, told))
        return rows

    def counted(self, step: StepRow, estimate: Callable[[int], Usage]) -> StepRow:
        """Return the step's row with all that is known of its tokens, as a lower bound.

        Parameters
        ----------
        estimate
            What its request may have taken, by the characters of its answer.
        """
        attempt = len(self._failed)
        told = self._told.get(attempt)
        so_far = None if told is None or told.usage is MISSING else told.usage
        reported = self.usage or so_far
        usage, source = reported, _source(reported)
        uncounted = self._said - self._said_when_told
        if self.usage is None and so_far is not None and uncounted:
            output = so_far.output_tokens + estimate_tokens(uncounted)
            usage = so_far.model_copy(update={"output_tokens": output})
            source = "estimated"
        elif reported is None and self._said:
            usage, source = estimate(self._said), "estimated"
        mixed = source == "estimated" and so_far is not None
        row = replace(
            step,
            attempt=attempt,
            usage_source=source,
            is_lower_bound=True,
            reported_output_tokens=so_far.output_tokens if mixed and so_far else None,
            **usage_columns(usage),
        )
        return _with_words(row, told)


def _source(usage: Usage | None) -> UsageSource:
    return "missing" if usage is None else "reported"


def _with_words(row: StepRow, told: RequestToldEvent | None) -> StepRow:
    if told is None:
        return row
    return replace(
        row,
        response_id=None if told.response_id is MISSING else told.response_id,
        response_model=None if told.response_model is MISSING else told.response_model,
        reasoning_tokens=None if told.reasoning_tokens is MISSING else told.reasoning_tokens,
        usage_json=None if told.raw_usage is MISSING else told.raw_usage,
    )
