"""The price table that comes with genai-prices: offline, 35,000 lines, loaded when first asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from .model import ModelPrices, Rates

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, Provider, TieredPrices

__all__ = ["Listed", "find", "listed_models", "table_version"]

# Where the table calls a provider by another name than a model name's prefix does.
_TABLE_NAMES = {"openai-responses": "openai", "xai": "x-ai"}
_PREFIXES = {"x-ai": "xai"}


@dataclass(frozen=True, slots=True)
class Listed:
    """One model of the table, under the prefix that a person writes before its name."""

    prefix: str
    model: ModelInfo

    def prices(self, at: datetime, input_tokens: int) -> ModelPrices:
        """Return its prices at a moment, for a request of so many input tokens."""
        aware = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        prices = self.model.get_prices(aware)
        request = _at_size(prices.requests_kcount, input_tokens)
        if self.model.id.endswith(":free") and not any(prices.__dict__.values()):
            # The table leaves such a model's prices empty, as those of one it has no prices for.
            free = Rates(input=Decimal(0), output=Decimal(0))
            return self._with(free)
        return self._with(
            Rates(
                input=_at_size(prices.input_mtok, input_tokens),
                output=_at_size(prices.output_mtok, input_tokens),
                cache_read=_at_size(prices.cache_read_mtok, input_tokens),
                cache_write=_at_size(prices.cache_write_mtok, input_tokens),
                cache_write_1h=_at_size(prices.cache_write_1h_mtok, input_tokens),
                reasoning=_at_size(prices.output_reasoning_mtok, input_tokens),
                request=None if request is None else request / 1000,
            ),
        )

    def _with(self, rates: Rates) -> ModelPrices:
        return ModelPrices(
            self.prefix,
            self.model.id,
            rates,
            table_version(),
            context_window=self.model.context_window,
            name=self.model.name,
            is_deprecated=bool(self.model.deprecated),
        )


def table_version() -> str:
    """Return the table's name and version, such as ``genai-prices 0.2.3``."""
    from genai_prices import __version__

    return f"genai-prices {__version__}"


def find(provider: str, model: str, base_url: str | None) -> Listed | str:
    """Return the table's entry, or the words to say where there is none."""
    name, looked_for = _TABLE_NAMES.get(provider, provider), model
    if base_url is None and provider == "litellm" and "/" in model:
        # A proxy's model is often named by its own provider first: "openai/gpt-…".
        name, _, looked_for = model.partition("/")
    everyone = _providers()
    if base_url is None:
        owner = next((each for each in everyone if each.id == name), None)
    else:
        owner = _provider_at(base_url)
    if owner is None:
        where = repr(provider) if base_url is None else f"the server at {base_url}"
        return f"{table_version()} has no prices for {where}"
    found = owner.find_model(looked_for, all_providers=everyone)
    if found is None:
        return f"{table_version()} lists no model {model!r} for {provider!r}"
    return Listed(provider, found)


def listed_models(provider: str | None) -> Iterator[Listed]:
    """Yield the models of one provider, or of all."""
    name = None if provider is None else _TABLE_NAMES.get(provider, provider)
    for owner in _providers():
        if name in (None, owner.id):
            prefix = provider or _PREFIXES.get(owner.id, owner.id)
            yield from (Listed(prefix, model) for model in owner.models)


def _providers() -> list[Provider]:
    from genai_prices.data_snapshot import get_snapshot

    return get_snapshot().providers


def _provider_at(base_url: str) -> Provider | None:
    from genai_prices.data_snapshot import get_snapshot

    try:
        return get_snapshot().find_provider(None, None, base_url)
    except LookupError:
        return None


def _at_size(value: Decimal | TieredPrices | None, input_tokens: int) -> Decimal | None:
    """Return a price for a request of this size: past a limit all its tokens cost more."""
    if value is None or isinstance(value, Decimal):
        return value
    passed = [tier.price for tier in value.tiers if input_tokens > tier.start]
    return passed[-1] if passed else value.base
