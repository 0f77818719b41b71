"""The cost of one step, or why nobody knows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypedDict

from .. import prices
from ..prices import Cost
from ..store.rows import StepRow

__all__ = ["UNKNOWN", "Money", "context_window", "money", "priced", "pricing"]

UNKNOWN = "unknown: "
"""How a `price_ref` begins that is no price list but the reason why there is no cost."""

_SCRIPTED = "scripted"


class Money(TypedDict):
    """The columns of a step about its cost."""

    cost_usd: float | None
    input_usd: float | None
    cache_read_usd: float | None
    cache_write_usd: float | None
    output_usd: float | None
    reasoning_usd: float | None
    cache_saved_usd: float | None
    price_ref: str | None


def pricing(server_address: str | None, model: str | None) -> Callable[[StepRow], StepRow]:
    """Return what fills in the cost of the steps of one provider.

    Parameters
    ----------
    server_address
        The origin of the server that is asked, if it is not the provider's own.
    model
        The model's name as that server knows it, if it is known.
    """

    def price(row: StepRow) -> StepRow:
        asked = row.request_model if model is None else model
        return priced(replace(row, request_model=asked, server_address=server_address))

    return price


def context_window(provider: str, model: str, server_address: str | None) -> int | None:
    """Return how many tokens fit into a model's context; None where no list says it."""
    if provider == _SCRIPTED and not prices.is_own(provider, model):
        return None  # no model, and no reason to load the table
    found = prices.prices_of(provider, model, base_url=server_address)
    return None if found is None else found.context_window


def priced(row: StepRow) -> StepRow:
    """Return `row` with its cost and the price list behind it, or the reason for none.

    The model that was asked for has the price; where nobody lists it, the one that says it
    answered.
    """
    found = _cost(row)
    if isinstance(found, str):
        return _without(row, found)
    return _with(row, found, found.price_ref)


def _cost(row: StepRow) -> Cost | str:
    provider = row.provider_name
    names = [each for each in (row.request_model, row.response_model) if each]
    if not provider or not names:
        return "which model was asked is not known"
    if row.input_tokens is None or row.output_tokens is None:
        return "nobody counted the tokens"
    for name in dict.fromkeys(names):
        if provider == _SCRIPTED and not prices.is_own(provider, name):
            continue  # without the table, which takes half a second to load
        cost = prices.cost_of(
            provider,
            name,
            input_tokens=row.input_tokens,
            output_tokens=row.output_tokens,
            cache_read_tokens=row.cache_read_tokens or 0,
            cache_write_tokens=row.cache_write_tokens or 0,
            cache_write_1h_tokens=_kept_for_an_hour(row.usage_json),
            reasoning_tokens=row.reasoning_tokens or 0,
            at=None
            if row.requested_us is None
            else datetime.fromtimestamp(row.requested_us / 1e6, UTC),
            base_url=row.server_address,
        )
        if cost is not None:
            return cost
    if provider == _SCRIPTED:
        return "the scripted provider is no model"
    why = prices.why_unknown(provider, names[0], base_url=row.server_address)
    return why or "the price list does not cover what was used"


def money(row: StepRow) -> Money:
    """Return what a row says of its cost."""
    return Money(
        cost_usd=row.cost_usd,
        input_usd=row.input_usd,
        cache_read_usd=row.cache_read_usd,
        cache_write_usd=row.cache_write_usd,
        output_usd=row.output_usd,
        reasoning_usd=row.reasoning_usd,
        cache_saved_usd=row.cache_saved_usd,
        price_ref=row.price_ref,
    )


def _with(row: StepRow, cost: Cost, price_ref: str) -> StepRow:
    return replace(
        row,
        cost_usd=float(cost.usd),
        input_usd=float(cost.input_usd + cost.cache_read_usd + cost.cache_write_usd),
        cache_read_usd=float(cost.cache_read_usd),
        cache_write_usd=float(cost.cache_write_usd),
        output_usd=float(cost.output_usd + cost.reasoning_usd),
        reasoning_usd=float(cost.reasoning_usd),
        cache_saved_usd=float(cost.cache_saved_usd),
        price_ref=price_ref,
    )


def _without(row: StepRow, why: str) -> StepRow:
    return replace(
        row,
        cost_usd=None,
        input_usd=None,
        cache_read_usd=None,
        cache_write_usd=None,
        output_usd=None,
        reasoning_usd=None,
        cache_saved_usd=None,
        price_ref=UNKNOWN + why,
    )


def _kept_for_an_hour(usage_json: str | None) -> int:
    """Return how much of the input was written to be kept for an hour, which costs more.

    Source: Anthropic's Messages API, ``usage.cache_creation.ephemeral_1h_input_tokens``.
    """
    raw: Any = json.loads(usage_json) if usage_json else {}
    made = raw.get("cache_creation") if isinstance(raw, dict) else None
    kept = made.get("ephemeral_1h_input_tokens") if isinstance(made, dict) else None
    return kept if isinstance(kept, int) and not isinstance(kept, bool) else 0
