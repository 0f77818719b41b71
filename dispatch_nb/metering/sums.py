"""Sums over steps, and what several ways of telling steps apart need of them. Pure."""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import floor
from typing import Any, TypeAlias, TypeVar

from ..wire.usage_view import UnpricedModel, UsageSpread, UsageSums

__all__ = ["ADDED", "NOTHING", "Sums", "Tally", "quantile", "spread", "told_sums"]

ADDED = (
    *("steps", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"),
    *("reasoning_tokens", "cost_usd", "input_usd", "output_usd", "cache_read_usd"),
    *("cache_write_usd", "reasoning_usd", "saved_usd", "priced", "unpriced", "uncounted"),
    *("estimated", "partial", "failed", "stopped", "retried"),
)
"""What is added up, in the order of the numbers of a `Sums`."""

Sums: TypeAlias = tuple[float, ...]
Key = TypeVar("Key")
NOTHING: Sums = (0,) * len(ADDED)
_AT = {name: place for place, name in enumerate(ADDED)}
# Of more measurements than these a sorted whole is cheaper than one insertion after another.
_FEW = 64


def told_sums(sums: Sums) -> UsageSums:
    """Return sums as they are told to a view."""
    values: dict[str, Any] = dict(zip(ADDED, sums, strict=True))
    if not values["priced"]:
        values["cost_usd"] = None
    return UsageSums(**values)


@dataclass
class Tally:
    """The sums of a selection of steps, which grows by other selections.

    Adding costs what is added, not what is there.
    """

    total: Sums = NOTHING
    by_model: dict[str, Sums] = field(default_factory=dict)
    by_conversation: dict[str, Sums] = field(default_factory=dict)
    by_hour: dict[int, Sums] = field(default_factory=dict)
    turns: set[str] = field(default_factory=set)
    ttft_s: list[float] = field(default_factory=list)
    tokens_per_s: list[float] = field(default_factory=list)

    def add_group(self, conversation_id: str, model: str, hour: int, sums: Sums) -> None:
        """Add the sums of steps of one conversation, model and hour since 1970."""
        self.total = _plus(self.total, sums)
        _grow(self.by_model, {model: sums})
        _grow(self.by_conversation, {conversation_id: sums})
        _grow(self.by_hour, {hour: sums})

    def add_measured(self, rows: Iterable[tuple[str, float | None, float | None]]) -> None:
        """Add steps by their turn, time to the first token and tokens per second."""
        waits, speeds = [], []
        for turn_id, wait, speed in rows:
            self.turns.add(turn_id)
            if wait is not None:
                waits.append(wait)
            if speed is not None:
                speeds.append(speed)
        _merge(self.ttft_s, waits)
        _merge(self.tokens_per_s, speeds)

    def add(self, other: Tally) -> None:
        """Add the sums of other steps."""
        self.total = _plus(self.total, other.total)
        _grow(self.by_model, other.by_model)
        _grow(self.by_conversation, other.by_conversation)
        _grow(self.by_hour, other.by_hour)
        self.turns |= other.turns
        _merge(self.ttft_s, other.ttft_s)
        _merge(self.tokens_per_s, other.tokens_per_s)

    def count(self, name: str) -> float:
        """Return one number of the total."""
        return self.total[_AT[name]]

    def unpriced(self, most: int) -> list[UnpricedModel]:
        """Return the models with steps whose price is not known, those with most steps first."""
        steps = {model: int(sums[_AT["unpriced"]]) for model, sums in self.by_model.items()}
        found = sorted(((-count, model) for model, count in steps.items() if count))
        return [UnpricedModel(model=model, steps=-count) for count, model in found[:most]]

    def largest(self, groups: dict[str, Sums], measure: str, most: int) -> list[str]:
        """Return the keys of the groups that are largest by a measure, the largest first.

        By ``cost`` groups without a price stand behind, by their tokens.
        """

        def size(key: str) -> tuple[float, float, str]:
            sums = groups[key]
            tokens = sums[_AT["input_tokens"]] + sums[_AT["output_tokens"]]
            return (-sums[_AT["cost_usd"]] if measure == "cost" else 0, -tokens, key)

        return sorted(groups, key=size)[:most]

    def rest(self, groups: dict[str, Sums], shown: Sequence[str]) -> Sums:
        """Return the sums of the groups that are not shown."""
        within = _added(groups[key] for key in shown)
        left = tuple(all_ - some for all_, some in zip(self.total, within, strict=True))
        # What is left of dollars by rounding alone is nothing.
        return left if left[_AT["steps"]] else NOTHING

    def by_period(self, starts: Sequence[int]) -> list[Sums]:
        """Return the sums of periods that begin at these hours, ascending, up to the next one."""
        found: dict[int, Sums] = defaultdict(lambda: NOTHING)
        at = 0
        for hour in sorted(self.by_hour):
            while at + 1 < len(starts) and starts[at + 1] <= hour:
                at += 1
            if starts and hour >= starts[0]:
                found[at] = _plus(found[at], self.by_hour[hour])
        return [found[place] for place in range(len(starts))]


def spread(values: Sequence[float]) -> UsageSpread | None:
    """Return middle and 95th percentile of ascending values; None of none."""
    if not values:
        return None
    return UsageSpread(median=quantile(values, 0.5), p95=quantile(values, 0.95), count=len(values))


def quantile(values: Sequence[float], share: float) -> float:
    """Return a quantile of ascending values, between neighbours in proportion, as pandas does."""
    place = (len(values) - 1) * share
    low = floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def _plus(one: Sums | None, other: Sums) -> Sums:
    return other if one is None else tuple(a + b for a, b in zip(one, other, strict=True))


def _grow(groups: dict[Key, Sums], more: dict[Key, Sums]) -> None:
    for key, sums in more.items():
        groups[key] = _plus(groups.get(key), sums)


def _added(parts: Iterable[Sums]) -> Sums:
    whole = NOTHING
    for part in parts:
        whole = _plus(whole, part)
    return whole


def _merge(values: list[float], more: list[float]) -> None:
    if len(more) > _FEW:
        values.extend(more)
        values.sort()
        return
    for value in more:
        insort(values, value)
