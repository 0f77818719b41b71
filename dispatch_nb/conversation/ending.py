"""How a turn ended, as the columns of its row."""

from __future__ import annotations

from typing import TypedDict

from pydantic import MISSING

from ..store.rows import TurnStatus, UsageSource
from ..wire.events import DoneEvent
from .model_request import UsageColumns, usage_columns

__all__ = ["turn_ending"]

_STATUSES: dict[str, TurnStatus] = {
    "aborted": "aborted",
    "error": "error",
    "interrupted": "interrupted",
}


class TurnEnding(UsageColumns, TypedDict, total=False):
    """The columns that the last event of a turn's loop decides."""

    status: TurnStatus
    finish_reason: str
    abort_reason: str | None
    duration_ms: float | None
    context_size: int | None
    usage_source: UsageSource
    is_lower_bound: bool


def turn_ending(done: DoneEvent, source: UsageSource | None = None) -> TurnEnding:
    """Return what `done` says of its turn; usage is whole only of a turn that completed.

    Parameters
    ----------
    source
        Who counted the tokens, where more is known than that they were reported or not.
    """
    status = _STATUSES.get(done.reason, "completed")
    usage = None if done.usage is MISSING else done.usage
    source = source or ("missing" if usage is None else "reported")
    return TurnEnding(
        status=status,
        finish_reason=done.reason,
        abort_reason="stopped" if status == "aborted" else None,
        duration_ms=None if done.duration_ms is MISSING else float(done.duration_ms),
        context_size=None if done.context_size is MISSING else done.context_size,
        usage_source=source,
        is_lower_bound=source == "missing" or status != "completed",
        **usage_columns(usage),
    )
