"""One request to a model: what came back, when, and the tokens it took."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypedDict, assert_never

from pydantic import MISSING

from ..engine.contracts import (
    AnswerInfo,
    Detail,
    Failure,
    Finish,
    ProviderEvent,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolInputDelta,
    UsageReport,
    UsageSoFar,
)
from ..engine.draft import json_text
from ..engine.usage import estimate_tokens
from ..store.rows import UsageSource
from ..wire.conversation import Usage

__all__ = ["Request", "UsageColumns", "usage_columns"]


@dataclass
class Request:
    """One try of a step's request; times are microseconds since 1970.

    Parameters
    ----------
    estimate
        What it may have taken, by the characters of its answer.
    """

    requested_us: int
    estimate: Callable[[int], Usage] | None = None
    attempt: int = 0
    first_chunk_us: int | None = None
    completed_us: int | None = None
    delta_count: int = 0
    reason: str | None = None
    report: UsageReport | None = None
    failure: Failure | None = None
    info: AnswerInfo = field(default_factory=AnswerInfo)
    _said: int = 0
    _said_when_counted: int = 0
    _is_final: bool = False

    def take(self, event: ProviderEvent, now_us: int) -> None:
        """Note what the provider says."""
        match event:
            case TextDelta() | ReasoningDelta():
                self._answered(now_us, len(event.delta))
                self.delta_count += 1
            case ToolInputDelta():
                self._answered(now_us, 0)  # its call says all of it
            case ToolCall():
                self._answered(now_us, len(event.tool_name) + len(json_text(event.input)))
            case UsageReport():
                self._count(event)
                self._is_final = True
            case UsageSoFar():
                self._count(event.report)
            case Finish():
                self.reason = event.reason
            case Failure():
                self.failure = event
            case AnswerInfo():
                self.info = event
            case Detail():
                pass  # its event tells of it
            case _:
                assert_never(event)

    def counted(self) -> tuple[Usage | None, UsageSource]:
        """Return the tokens and who counted them: an answer costs, told or not."""
        if self.report is not None:
            usage = self.report.usage
            uncounted = self._said - self._said_when_counted
            is_whole = self.reason is not None or (self._is_final and self.failure is None)
            if is_whole or not uncounted:
                return usage, "reported"
            # It was cut off: what it said after its last counts is estimated.
            output = usage.output_tokens + estimate_tokens(uncounted)
            return usage.model_copy(update={"output_tokens": output}), "estimated"
        if self.estimate is not None and (self._said or self.reason is not None):
            return self.estimate(self._said), "estimated"
        return None, "missing"

    @property
    def raw_usage(self) -> str | None:
        """The provider's own words for the tokens, as JSON."""
        if self.report is None or self.report.raw is None:
            return None
        return json_text(dict(self.report.raw))

    @property
    def reported_output(self) -> int | None:
        """The output tokens that were reported, where more of them are estimated."""
        if self.report is None or self.counted()[1] == "reported":
            return None
        return self.report.usage.output_tokens

    def _count(self, report: UsageReport) -> None:
        # The same counts again do not cover what was said since.
        if self.report is None or report.usage != self.report.usage:
            self._said_when_counted = self._said
        self.report = report

    def _answered(self, now_us: int, characters: int) -> None:
        if self.first_chunk_us is None:
            self.first_chunk_us = now_us
        self._said += characters


class UsageColumns(TypedDict, total=False):
    """A usage as the store's columns."""

    input_tokens: int
    output_tokens: int
    cache_read_tokens: int | None
    cache_write_tokens: int | None


def usage_columns(usage: Usage | None) -> UsageColumns:
    """Return a usage as the store's columns, absent counters as None; none if unknown."""
    if usage is None:
        return {}
    read, write = usage.cache_read_tokens, usage.cache_write_tokens
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read_tokens": None if read is MISSING else read,
        "cache_write_tokens": None if write is MISSING else write,
    }
