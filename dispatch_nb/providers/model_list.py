"""The models that a server says it has: its own list, in whichever of its shapes it comes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

__all__ = ["ServedModel", "read_models"]

_MILLION = 1_000_000
# Tokens that fit, by the servers' names for them, the surest first.
_WINDOWS = ("context_window", "max_model_len", "max_context_length", "context_length")
_MOST = ("max_completion_tokens", "max_output_tokens", "max_tokens")


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One model of a server's list; None where the list does not say it.

    Prices are in US dollars per million tokens.
    """

    name: str
    context_window: int | None = None
    max_output: int | None = None
    input_usd: Decimal | None = None
    output_usd: Decimal | None = None
    cache_read_usd: Decimal | None = None
    cache_write_usd: Decimal | None = None


def read_models(text: str) -> list[ServedModel] | None:
    """Return the models of a list's JSON, or None if it is no list of models."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    rows = data.get("data") if isinstance(data, Mapping) else data
    if not isinstance(rows, list):
        return None
    return [_served(row) for row in rows if isinstance(row, Mapping) and _name(row)]


def _name(row: Mapping[str, Any]) -> str:
    name = row.get("id")
    return name if isinstance(name, str) else ""


def _served(row: Mapping[str, Any]) -> ServedModel:
    meta, top = _mapping(row.get("meta")), _mapping(row.get("top_provider"))
    prices = _mapping(row.get("pricing"))
    # OpenRouter's prices are for one token, as text; Together's for a million, as numbers.
    each = ("prompt", "completion", "input_cache_read", "input_cache_write")
    many = ("input", "output", "cached_input", "cache_write")
    if "prompt" in prices:
        found = [_dollars(prices.get(name), _MILLION) for name in each]
    else:
        found = [_dollars(prices.get(name), 1) for name in many]
    return ServedModel(
        _name(row),
        _first_count(row, _WINDOWS)
        or _count(top.get("context_length"))
        or _count(meta.get("n_ctx")),
        _first_count(row, _MOST) or _first_count(top, _MOST),
        *found,
    )


def _first_count(row: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    return next((found for name in names if (found := _count(row.get(name)))), None)


def _dollars(value: Any, factor: int) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        price = Decimal(str(value)) * factor
    except InvalidOperation:
        return None
    # A router's own models have -1: their price is that of the model they choose.
    return price if price.is_finite() and price >= 0 else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return value if is_count else None
