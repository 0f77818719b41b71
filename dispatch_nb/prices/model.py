"""Prices of one model and the cost of one request: plain values and the sum between them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from decimal import Decimal

__all__ = ["Cost", "ModelPrices", "Rates", "Tokens", "discounted", "sum_up", "uncovered"]

_MILLION = Decimal(1_000_000)
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request cost, in US dollars, by kind of token; the kinds add up to `usd`.

    `input_usd` is the part of the input that no cache held or took, `request_usd` what a few
    providers ask for the request itself, and `price_ref` the price list behind it all.
    `cache_saved_usd` is what the input would have cost more without a cache; it is below 0
    where more was written into the cache than was got out of it.
    """

    input_usd: Decimal
    cache_read_usd: Decimal
    cache_write_usd: Decimal
    output_usd: Decimal
    reasoning_usd: Decimal
    request_usd: Decimal
    price_ref: str
    cache_saved_usd: Decimal = Decimal(0)

    @property
    def usd(self) -> Decimal:
        """The whole cost in US dollars."""
        said = self.output_usd + self.reasoning_usd
        read = self.input_usd + self.cache_read_usd + self.cache_write_usd
        return read + said + self.request_usd


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars per million tokens of each kind; None where none is listed.

    A kind of cached input without a rate costs what input does, and thinking what output
    does. `request` is in dollars for one request.
    """

    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    reasoning: Decimal | None = None
    request: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ModelPrices:
    """What one model costs, and what else its price list says of it."""

    provider: str
    model: str
    rates: Rates
    price_ref: str
    context_window: int | None = None
    name: str | None = None
    is_deprecated: bool = False


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a request took: `cached` and the like are parts of `input`, as thinking is of `output`.

    `cache_write_1h` is the part of `cache_write` that is to be kept for an hour.
    """

    input: int
    output: int
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0


def sum_up(prices: ModelPrices, tokens: Tokens) -> Cost | None:
    """Return the cost, or None where a kind of token that was used has no price."""
    rates = prices.rates
    if uncovered(rates, tokens.input, tokens.output):
        return None
    read, said = rates.input or _NOTHING, rates.output or _NOTHING
    held = read if rates.cache_read is None else rates.cache_read
    written = read if rates.cache_write is None else rates.cache_write
    hour = written if rates.cache_write_1h is None else rates.cache_write_1h
    thought = said if rates.reasoning is None else rates.reasoning
    # A report that contradicts itself must not earn money.
    plain = max(0, tokens.input - tokens.cache_read - tokens.cache_write)
    short = max(0, tokens.cache_write - tokens.cache_write_1h)
    spoken = max(0, tokens.output - tokens.reasoning)
    dearer = (written - read) * short + (hour - read) * tokens.cache_write_1h
    return Cost(
        input_usd=read * plain / _MILLION,
        cache_read_usd=held * tokens.cache_read / _MILLION,
        cache_write_usd=(written * short + hour * tokens.cache_write_1h) / _MILLION,
        cache_saved_usd=((read - held) * tokens.cache_read - dearer) / _MILLION,
        output_usd=said * spoken / _MILLION,
        reasoning_usd=thought * tokens.reasoning / _MILLION,
        request_usd=rates.request or _NOTHING,
        price_ref=prices.price_ref,
    )


def discounted(prices: ModelPrices, off: Decimal) -> ModelPrices:
    """Return `prices` with the part `off` taken from each, and said in `price_ref`."""
    if not off:
        return prices
    full = {field.name: getattr(prices.rates, field.name) for field in fields(Rates)}
    less = {name: None if rate is None else rate * (1 - off) for name, rate in full.items()}
    return replace(
        prices, rates=Rates(**less), price_ref=f"{prices.price_ref}, {_percent(off)} off"
    )


def uncovered(rates: Rates, input_tokens: int, output_tokens: int) -> str | None:
    """Return which kind of token was used and has no price, or None."""
    if rates.input is None and input_tokens:
        return "input tokens"
    if rates.output is None and output_tokens:
        return "output tokens"
    return None


def _percent(part: Decimal) -> str:
    return f"{(part * 100).normalize():f} %"
