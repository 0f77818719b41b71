"""`models`: which models there are, how much they take and what they cost, as a DataFrame."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from . import prices
from .errors import ModelError
from .keys import as_key
from .loop import turn_loop
from .prices import ModelPrices, Rates
from .providers.connection import connect
from .providers.endpoints import ENDPOINTS, Endpoint
from .providers.listing import fetch_models
from .providers.model_list import ServedModel

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CatalogRow", "find_models", "models"]


@dataclass(frozen=True, slots=True)
class CatalogRow:
    """One model: what its list says, `None` where it says nothing.

    `is_listed` tells whether its server has it; None where no server was asked.
    """

    prices: ModelPrices
    max_output: int | None = None
    is_listed: bool | None = None

    def values(self) -> dict[str, Any]:
        """Return the row of the frame."""
        known, rates = self.prices, self.prices.rates
        has_prices = rates != Rates()
        return {
            "provider": known.provider,
            "model": known.model,
            "name": known.name,
            "context_window": known.context_window,
            "max_output": self.max_output,
            "input_usd_per_mtok": _float(rates.input),
            "cache_read_usd_per_mtok": _float(rates.cache_read),
            "cache_write_usd_per_mtok": _float(rates.cache_write),
            "output_usd_per_mtok": _float(rates.output),
            "is_listed": self.is_listed,
            "is_deprecated": known.is_deprecated,
            "price_ref": known.price_ref if has_prices else None,
        }


def models(
    provider: str | None = None,
    *,
    ask: bool | None = None,
    base_url: str | SecretStr | None = None,
    api_key: str | SecretStr | None = None,
) -> pd.DataFrame:
    """Return the models that can be named, with context windows and prices.

    Parameters
    ----------
    provider
        One provider, such as ``"openai"`` or ``"ollama:"``, a model's full name, or None for
        all that the price table knows.
    ask
        Whether the server is asked for its own list. Without it, the table, which works
        offline, answers alone for providers on the network, and servers of one's own, about
        which no table knows anything, are asked.
    base_url, api_key
        Where the server is, and the key for it, as for `Chat`; `base_url` means asking it.

    Returns
    -------
    DataFrame
        One row a model, those the server lists first; `is_listed` tells which. Prices are in
        US dollars per million tokens, for the smallest requests where they depend on size.

    Raises
    ------
    ModelError
        If nobody knows the provider, a key is missing, or the server's answer is no list.
    ProviderConnectionError
        If the server cannot be reached.
    """
    api_key, base_url = as_key(api_key), as_key(base_url)
    from .frames.build import build_frame
    from .frames.model_columns import MODELS

    rows = find_models(provider, ask=ask, base_url=base_url, api_key=api_key)
    values = [row.values() for row in rows]
    columns = {column.name: [each[column.name] for each in values] for column in MODELS.columns}
    return build_frame(MODELS, columns)


def find_models(
    provider: str | None = None,
    *,
    ask: bool | None = None,
    base_url: str | SecretStr | None = None,
    api_key: str | SecretStr | None = None,
) -> list[CatalogRow]:
    """Return what `models` puts into a frame; see there. Imports no pandas."""
    api_key, base_url = as_key(api_key), as_key(base_url)
    if provider is None and base_url is None:
        rows = [row for name in ENDPOINTS for row in _priced(name) if name != "openai-responses"]
    else:
        prefix, _, wanted = (provider or "openai").partition(":")
        endpoint = ENDPOINTS.get(prefix)
        priced = list(_priced(prefix))
        if endpoint is None and not priced:
            raise ModelError(_unknown(prefix))
        if ask is None:
            ask = base_url is not None or (endpoint is not None and endpoint.is_local)
        rows = priced
        if ask:
            if endpoint is None:
                raise ModelError(f"{prefix!r} is known for its prices only: it cannot be asked.")
            rows = _merged(prefix, _asked(endpoint, base_url, api_key), priced)
        rows = [row for row in rows if wanted in ("", row.prices.model)]
    return rows


def _priced(provider: str) -> Iterator[CatalogRow]:
    yield from (CatalogRow(known) for known in prices.known_models(provider))


def _asked(
    endpoint: Endpoint, base_url: SecretStr | None, api_key: SecretStr | None
) -> list[ServedModel]:
    connection = connect(endpoint, base_url=base_url, api_key=api_key)
    return turn_loop().submit(fetch_models(connection.listing())).result()


def _merged(
    prefix: str, served: list[ServedModel], priced: Iterable[CatalogRow]
) -> list[CatalogRow]:
    """Return what the server lists, with what the table knows of it, and then the rest."""
    left = {row.prices.model: row for row in priced}
    rows = []
    for one in served:
        row = left.pop(one.name, None)
        found = row.prices if row is not None else prices.prices_of(prefix, one.name)
        rows.append(CatalogRow(_with(prefix, one, found), one.max_output, True))
    return rows + [replace(row, is_listed=False) for row in left.values()]


def _with(prefix: str, one: ServedModel, known: ModelPrices | None) -> ModelPrices:
    """Return a listed model's prices: those of its list, else those of the table."""
    if known is None:
        known = ModelPrices(prefix, one.name, Rates(), "")
    window = one.context_window or known.context_window
    known = replace(known, model=one.name, context_window=window)
    if one.input_usd is None or known.price_ref.startswith("own"):
        return known
    rates = Rates(one.input_usd, one.output_usd, one.cache_read_usd, one.cache_write_usd)
    return replace(known, rates=rates, price_ref="the server's list")


def _unknown(prefix: str) -> str:
    near = difflib.get_close_matches(prefix.lower(), ENDPOINTS, n=1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    return f"{prefix!r} is not a known provider.{meant} Known are {', '.join(ENDPOINTS)}."


def _float(price: Decimal | None) -> float | None:
    return None if price is None else float(price)
