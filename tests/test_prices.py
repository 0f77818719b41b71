"""What tokens cost."""

from __future__ import annotations

import subprocess
import sys
import warnings
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import genai_prices
import pytest
from genai_prices.data_snapshot import get_snapshot

import dispatch_nb as dn
from dispatch_nb import prices
from dispatch_nb.errors import SettingError

MOMENT = datetime(2026, 6, 1, 12, tzinfo=UTC)


def cost_of(provider: str, model: str, **tokens: Any) -> prices.Cost:
    found = prices.cost_of(provider, model, **tokens)
    assert found is not None
    return found


def prices_of(provider: str, model: str, **asked: Any) -> prices.ModelPrices:
    found = prices.prices_of(provider, model, **asked)
    assert found is not None
    return found


def reason(provider: str, model: str, **asked: Any) -> str:
    found = prices.why_unknown(provider, model, **asked)
    assert found is not None
    return found


@pytest.fixture(autouse=True)
def no_prices_of_ones_own():
    yield
    prices.reset()


@pytest.mark.parametrize(
    "tokens",
    [
        {"input_tokens": 1_000, "output_tokens": 200},
        {"input_tokens": 1_000, "output_tokens": 200, "cache_read_tokens": 600},
        {
            "input_tokens": 900_000,
            "output_tokens": 50,
            "cache_read_tokens": 400_000,
            "cache_write_tokens": 300_000,
        },
    ],
    ids=["plain", "cached", "large"],
)
def test_every_model_of_the_table_costs_what_the_tables_own_sum_says(tokens):
    compared = 0
    for provider in get_snapshot().providers:
        for model in provider.models:
            # Two entries of one provider can match one name: the table takes the first.
            first = provider.find_model(model.id, all_providers=get_snapshot().providers)
            cost = prices.cost_of(provider.id, model.id, at=MOMENT, **tokens)
            if cost is None or first is not model:
                continue
            wanted = model.calc_price(
                genai_prices.Usage(**tokens), provider, genai_request_timestamp=MOMENT
            )
            assert cost.usd == wanted.total_price, (provider.id, model.id)
            compared += 1
    assert compared > 1_900


def test_the_kinds_of_tokens_add_up_and_include_each_other_once():
    dn.prices.set("own:m", input=4, output=10, cache_read=1, cache_write=5)
    cost = cost_of(
        "own",
        "m",
        input_tokens=1_000_000,
        output_tokens=500_000,
        cache_read_tokens=600_000,
        cache_write_tokens=100_000,
        reasoning_tokens=200_000,
    )
    assert cost == prices.Cost(
        input_usd=Decimal("1.2"),
        cache_read_usd=Decimal("0.6"),
        cache_write_usd=Decimal("0.5"),
        output_usd=Decimal(3),
        reasoning_usd=Decimal(2),
        request_usd=Decimal(0),
        price_ref="own: input 4, output 10, cache_read 1, cache_write 5",
        cache_saved_usd=Decimal("1.7"),
    )
    assert cost.usd == Decimal("7.3")


def test_input_kept_for_an_hour_has_its_own_price():
    plain = {"input_tokens": 100_000, "output_tokens": 0, "cache_write_tokens": 100_000}
    short = cost_of("anthropic", "claude-sonnet-4-5", **plain)
    hour = cost_of("anthropic", "claude-sonnet-4-5", cache_write_1h_tokens=100_000, **plain)
    assert (short.cache_write_usd, hour.cache_write_usd) == (Decimal("0.375"), Decimal("0.6"))


@pytest.mark.parametrize(
    ("provider", "model", "words"),
    [
        ("openai", "no-such-model", "lists no model 'no-such-model' for 'openai'"),
        ("ollama", "llama3", "has no prices for 'ollama'"),
        ("scripted", "demo", "has no prices for 'scripted'"),
        ("litellm", "house-model", "has no prices for 'litellm'"),
        ("cloudflare", "@cf/baai/bge-m3", "no price for the output tokens"),
    ],
)
def test_an_unknown_cost_is_none_with_a_reason_and_never_nothing(provider, model, words):
    assert prices.cost_of(provider, model, input_tokens=1_000, output_tokens=10) is None
    why = reason(provider, model)
    assert words in why
    assert f"dn.prices.set('{provider}:{model}', input=…, output=…)" in why


def test_what_is_listed_as_free_costs_nothing_and_has_no_reason():
    free = next(
        each
        for each in prices.known_models("openrouter")
        if each.model.endswith(":free") and each.rates.input == each.rates.output == 0
    )
    cost = cost_of("openrouter", free.model, input_tokens=1_000, output_tokens=10)
    assert cost.usd == 0
    assert prices.why_unknown("openrouter", free.model) is None


def test_a_list_price_holds_at_the_listers_address_only():
    asked: dict[str, Any] = {"input_tokens": 1_000_000, "output_tokens": 0}
    listed = cost_of("openai", "gpt-4o", **asked)
    assert listed.usd == Decimal("2.5")
    same = cost_of("openai", "gpt-4o", base_url="https://api.openai.com/v1", **asked)
    assert same == listed
    local = "http://127.0.0.1:8000/v1"
    assert prices.cost_of("openai", "gpt-4o", base_url=local, **asked) is None
    assert f"the server at {local}" in reason("openai", "gpt-4o", base_url=local)


@pytest.mark.parametrize(
    ("prefix", "table", "model"),
    [
        ("openai-responses", "openai", "gpt-4o"),
        ("xai", "x-ai", "grok-3"),
        ("litellm", "anthropic", "anthropic/claude-sonnet-4-5"),
    ],
)
def test_a_prefix_is_found_under_the_tables_own_name(prefix, table, model):
    name = model.rpartition("/")[2]
    asked = {"input_tokens": 1_000, "output_tokens": 1_000}
    cost = cost_of(prefix, model, **asked)
    assert cost == cost_of(table, name, **asked)


def test_prices_of_ones_own_go_before_the_tables_and_can_be_forgotten():
    listed = prices_of("openai", "gpt-4o")
    assert listed.price_ref == prices.table_version() == f"genai-prices {genai_prices.__version__}"
    assert listed.context_window == 128_000
    dn.prices.set("openai:gpt-4o", input=1, output=2, context_window=5)
    mine = prices_of("openai", "gpt-4o", base_url="http://127.0.0.1:1/v1")
    assert (mine.rates, mine.context_window) == (prices.Rates(Decimal(1), Decimal(2)), 5)
    assert mine.price_ref == "own: input 1, output 2"
    prices.reset()
    assert prices_of("openai", "gpt-4o") == listed


def test_a_discount_is_taken_off_every_price_and_said_in_the_reference():
    listed = prices_of("openai", "gpt-4o").rates
    dn.prices.discount("openai", 0.2)
    less = prices_of("openai", "gpt-4o")
    assert listed.input
    assert listed.cache_read
    assert less.rates.input == listed.input * Decimal("0.8")
    assert less.rates.cache_read == listed.cache_read * Decimal("0.8")
    assert less.price_ref == f"{prices.table_version()}, 20 % off"
    dn.prices.discount("openai:gpt-4o", 0)
    assert prices_of("openai", "gpt-4o").rates == listed
    assert prices_of("openai", "gpt-4").price_ref.endswith("20 % off")


def test_a_price_that_changed_is_that_of_the_requests_day():
    before = prices_of("openai", "o3", at=datetime(2025, 6, 1, tzinfo=UTC))
    after = prices_of("openai", "o3", at=datetime(2025, 7, 1, tzinfo=UTC))
    assert (before.rates.input, after.rates.input) == (Decimal(10), Decimal(2))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: prices.set("llama3", input=1, output=1), "a model's full name"),
        (lambda: prices.set(cast(Any, 5), input=1, output=1), "a model's full name"),
        (lambda: prices.set("a:b", input=-1, output=1), "input must be a number, 0 or more"),
        (lambda: prices.set("a:b", input=1, output=cast(Any, "2")), "output must be a number"),
        (lambda: prices.set("a:b", input=1, output=True), "output must be a number"),
        (lambda: prices.set("a:b", input=float("nan"), output=1), "input must be a number"),
        (lambda: prices.discount("openai", 20), "part must be from 0 to 1"),
    ],
)
def test_a_price_that_cannot_be_is_refused(call, sentence):
    with pytest.raises(SettingError, match=sentence):
        call()
    assert prices.prices_of("a", "b") is None


def test_a_report_that_contradicts_itself_never_earns_money():
    dn.prices.set("own:m", input=4, output=10, cache_read=1)
    cost = cost_of(
        "own", "m", input_tokens=1, output_tokens=1, cache_read_tokens=9, reasoning_tokens=9
    )
    assert min(cost.input_usd, cost.output_usd) == 0


def test_every_known_model_is_named_once_and_priced_as_it_is_asked_for():
    dn.prices.set("openai:gpt-4o", input=1, output=2)
    dn.prices.set("ollama:llama3", input=0, output=0)
    everyone = list(prices.known_models())
    names = [(each.provider, each.model) for each in everyone]
    assert len(names) == len({*names})
    assert ("ollama", "llama3") in names
    assert {each.provider for each in prices.known_models("xai")} == {"xai"}
    assert len(everyone) > 2_000


def test_the_table_is_loaded_only_when_a_price_is_asked_for():
    code = (
        "import sys, dispatch_nb as dn\n"
        "assert 'genai_prices' not in sys.modules\n"
        "dn.prices.set('own:m', input=1, output=1)\n"
        "assert dn.prices.cost_of('own', 'm', input_tokens=1, output_tokens=1).usd > 0\n"
        "assert 'genai_prices' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_table_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert prices_of("openai", "gpt-4o").rates.input
