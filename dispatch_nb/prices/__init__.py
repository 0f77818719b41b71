"""What tokens cost: the offline table of genai-prices, and prices of one's own.

Costs are in US dollars, prices in US dollars per million tokens. A model that nobody has a
price for costs *unknown* (None, and `why_unknown` says why), never 0; 0 is the price of a
model that is listed as free. `input_tokens` includes what a cache held or took, as everywhere
in this package. Prices of one's own hold for the process.

>>> import dispatch_nb as dn
>>> dn.prices.set("openai:our-tuned-model", input=3, cache_read=0.75, output=12)
>>> dn.prices.discount("openai", 0.2)  # 20 % off its list
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

from ..errors import SettingError
from .model import Cost, ModelPrices, Rates, Tokens, discounted, sum_up, uncovered
from .table import Listed, find, listed_models, table_version

__all__ = [
    "Cost",
    "ModelPrices",
    "Rates",
    "cost_of",
    "discount",
    "is_own",
    "known_models",
    "prices_of",
    "reset",
    "set",
    "table_version",
    "why_unknown",
]

_own: dict[tuple[str, str], ModelPrices] = {}
_discounts: dict[tuple[str, str], Decimal] = {}


def set(  # the word a person writes: dn.prices.set(…)
    model: str,
    *,
    input: float | Decimal,
    output: float | Decimal,
    cache_read: float | Decimal | None = None,
    cache_write: float | Decimal | None = None,
    context_window: int | None = None,
) -> None:
    """Give a model a price of your own, for this process; it goes before the table's.

    Parameters
    ----------
    model
        The full name, such as ``"ollama:llama3"``.
    input, output, cache_read, cache_write
        US dollars per million tokens. A cache price that is left out is that of `input`.
    context_window
        Tokens, if known.

    Raises
    ------
    SettingError
        If the name has no provider, or a price is not a number of dollars.
    """
    provider, _, name = model.partition(":") if isinstance(model, str) else ("", "", "")
    if not provider or not name:
        raise SettingError(
            f"A price is for a model's full name, such as 'ollama:llama3', not {model!r}."
        )
    given = {"input": input, "output": output, "cache_read": cache_read, "cache_write": cache_write}
    prices = {kind: _number(kind, value) for kind, value in given.items() if value is not None}
    words = ", ".join(f"{kind} {price:f}" for kind, price in prices.items())
    _own[provider, name] = ModelPrices(
        provider, name, Rates(**prices), f"own: {words}", context_window
    )


def discount(model: str, part: float | Decimal) -> None:
    """Take a part off the prices of a provider or of one model, for this process.

    Parameters
    ----------
    model
        A provider such as ``"openai"``, or a model's full name, which goes before it.
    part
        From 0 to 1: 0.2 is 20 % off, and 0 ends a discount.

    Raises
    ------
    SettingError
        If `part` is no such number.
    """
    off = _number("part", part)
    if off > 1:
        raise SettingError(f"part must be from 0 to 1 (20 % off is 0.2), not {part!r}.")
    provider, _, name = model.partition(":")
    _discounts[provider, name] = off


def reset() -> None:
    """Forget every price and discount of one's own."""
    _own.clear()
    _discounts.clear()


def prices_of(
    provider: str,
    model: str,
    *,
    at: datetime | None = None,
    input_tokens: int = 0,
    base_url: str | None = None,
) -> ModelPrices | None:
    """Return a model's prices, or None if nobody lists it.

    Parameters
    ----------
    provider, model
        The two halves of a model's full name.
    at
        When the request was made, since prices change; now by default.
    input_tokens
        The size of the request, for models whose price depends on it.
    base_url
        Where the request went, if not to the provider's own address: a list price holds at
        the address of the one who lists it.
    """
    found = _own.get((provider, model)) or find(provider, model, base_url)
    if isinstance(found, str):
        return None
    if isinstance(found, Listed):
        found = found.prices(at or datetime.now(UTC), input_tokens)
    return discounted(found, _off(provider, model))


def cost_of(
    provider: str,
    model: str,
    *,
    input_tokens: int,
    output_tokens: int,
    cache_read_tokens: int = 0,
    cache_write_tokens: int = 0,
    cache_write_1h_tokens: int = 0,
    reasoning_tokens: int = 0,
    at: datetime | None = None,
    base_url: str | None = None,
) -> Cost | None:
    """Return what a request cost, or None where that is not known (see `why_unknown`).

    Parameters
    ----------
    provider, model, at, base_url
        As for `prices_of`.
    input_tokens, output_tokens
        All of them: cached input and thinking are parts of these.
    cache_read_tokens, cache_write_tokens, reasoning_tokens
        Those parts.
    cache_write_1h_tokens
        The part of `cache_write_tokens` that is to be kept for an hour.
    """
    prices = prices_of(provider, model, at=at, input_tokens=input_tokens, base_url=base_url)
    tokens = Tokens(
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_write_tokens,
        cache_write_1h_tokens,
        reasoning_tokens,
    )
    return None if prices is None else sum_up(prices, tokens)


def is_own(provider: str, model: str) -> bool:
    """Return whether a model has a price of one's own."""
    return (provider, model) in _own


def why_unknown(provider: str, model: str, *, base_url: str | None = None) -> str | None:
    """Return why a model's cost is not known, as a sentence, or None if it is known."""
    prices = prices_of(provider, model, base_url=base_url)
    found = find(provider, model, base_url)
    if prices is None and isinstance(found, str):
        what = found
    elif prices is not None and (lacking := uncovered(prices.rates, 1, 1)):
        what = f"{prices.price_ref} has no price for the {lacking} of {provider}:{model}"
    else:
        return None
    return f"{what}. Give it one: dn.prices.set('{provider}:{model}', input=…, output=…)."


def known_models(provider: str | None = None) -> Iterator[ModelPrices]:
    """Yield every model with a price, one's own first, of one provider or of all."""
    for (owner, name), prices in _own.items():
        if provider in (None, owner):
            yield discounted(prices, _off(owner, name))
    now = datetime.now(UTC)
    for listed in listed_models(provider):
        if (listed.prefix, listed.model.id) not in _own:
            yield discounted(listed.prices(now, 0), _off(listed.prefix, listed.model.id))


def _off(provider: str, model: str) -> Decimal:
    return _discounts.get((provider, model), _discounts.get((provider, ""), Decimal(0)))


def _number(name: str, value: object) -> Decimal:
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        number = Decimal(str(value))
        if number.is_finite() and number >= 0:
            return number
    raise SettingError(f"{name} must be a number, 0 or more, not {value!r}.")
