"""One request to a model: what came back, when, and the tokens it took."""

from __future__ import annotations

import json
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
)
from ..engine.draft import json_text
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
                self.report = event
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
            return self.report.usage, "reported"
        if self.estimate is not None and (self._said or self.reason is not None):
            return self.estimate(self._said), "estimated"
        return None, "missing"

    @property
    def raw_usage(self) -> str | None:
        """The provider's own words for the tokens, as JSON."""
        if self.report is None or self.report.raw is None:
            return None
        return json.dumps(dict(self.report.raw))

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
