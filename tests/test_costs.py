"""What steps cost: filled in as they end, known or named unknown, and worked out anew."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd
import pytest

import dispatch_nb as dn
from dispatch_nb.costs.step import money, priced, pricing
from dispatch_nb.engine.contracts import AnswerInfo, Finish, TextDelta, UsageReport
from dispatch_nb.providers.openai import OpenAIProvider
from dispatch_nb.store import Store
from dispatch_nb.store.rows import StepRow
from dispatch_nb.wire.conversation import Usage
from tests.conversation_parts import Scripted, tool_loop

CACHED = UsageReport(
    Usage(
        input_tokens=1_000_000,
        output_tokens=100_000,
        cache_read_tokens=600_000,
        cache_write_tokens=100_000,
    ),
    reasoning_tokens=40_000,
)
STEP = StepRow(
    "t#0", "t", "c", 0, provider_name="anthropic", request_model="claude-sonnet-4-5",
    input_tokens=1000, output_tokens=100, cache_write_tokens=1000,
)  # fmt: skip


@pytest.fixture(autouse=True)
def own_prices():
    yield
    dn.prices.reset()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lab.db"


def answered(path, *script, name="c", model=None):
    said = [AnswerInfo(None, model)] if model else []
    provider = Scripted([*said, TextDelta("hi"), *script, Finish("stop")])
    chat = dn.Chat(provider, store=path, conversation=name)
    chat.send("hello").result(timeout=20)
    return chat


def test_a_step_has_its_cost_by_kind_of_token_and_the_price_list_behind_it(path):
    dn.prices.set("test:custom", input=4, output=10, cache_read=1, cache_write=5)
    chat = answered(path, CACHED)
    step = chat.steps.iloc[0]
    assert step[["cost_usd", "input_usd", "cache_read_usd", "cache_write_usd"]].tolist() == [
        pytest.approx(3.3), pytest.approx(2.3), pytest.approx(0.6), pytest.approx(0.5),
    ]  # fmt: skip
    assert step[["output_usd", "reasoning_usd", "cache_saved_usd"]].tolist() == [
        pytest.approx(1.0), pytest.approx(0.4), pytest.approx(1.7),
    ]  # fmt: skip
    assert step["price_ref"] == "own: input 4, output 10, cache_read 1, cache_write 5"
    by_kind = chat.frame("usage").set_index("token_type")["cost_usd"]
    assert by_kind["input"] + by_kind["output"] == pytest.approx(step["cost_usd"])
    assert by_kind[["cache_read", "cache_write", "reasoning"]].tolist() == pytest.approx(
        [0.6, 0.5, 0.4]
    )


def test_the_sums_of_turns_and_conversations_are_those_of_the_steps(path):
    dn.prices.set("test:custom", input=4, output=10)
    chat = dn.Chat(tool_loop(), tools=[add], store=path, conversation="c")
    chat.send("1 + 2?").result(timeout=20)
    steps = chat.steps
    assert len(steps) == 2
    assert math.isclose(steps["cost_usd"].sum(), 2 * (10 * 4 + 4 * 10) / 1e6)
    for frame in (chat.turns, chat.conversations):
        row = frame.iloc[0]
        assert row["cost_usd"] == pytest.approx(steps["cost_usd"].sum())
        assert row["cache_saved_usd"] == 0
        assert row["unpriced_step_count"] == 0


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def test_an_unknown_price_is_missing_and_named_and_counted(path):
    chat = answered(path, CACHED)
    step = chat.steps.iloc[0]
    assert pd.isna(step["cost_usd"])
    assert step["price_ref"].startswith("unknown: genai-prices ")
    assert "no prices for 'test'" in step["price_ref"]
    assert pd.isna(chat.turns["cost_usd"].iloc[0])
    assert chat.turns["unpriced_step_count"].iloc[0] == 1
    assert chat.frame("usage")["cost_usd"].isna().all()


def test_the_scripted_provider_costs_nothing_that_could_be_named(path):
    chat = dn.Chat(store=path)
    chat.send("hello").result(timeout=20)
    step = chat.steps.iloc[0]
    assert pd.isna(step["cost_usd"])
    assert step["price_ref"] == "unknown: the scripted provider is no model"


def test_a_model_that_nobody_lists_has_the_price_of_the_one_that_answered():
    row = replace(STEP, request_model="our-alias", response_model="claude-sonnet-4-5-20250929")
    assert priced(row).cost_usd == priced(STEP).cost_usd
    assert str(priced(STEP).price_ref).startswith("genai-prices ")


def test_input_that_is_kept_for_an_hour_costs_more():
    kept = '{"cache_creation": {"ephemeral_1h_input_tokens": 1000}}'
    hour, short = money(priced(replace(STEP, usage_json=kept))), money(priced(STEP))
    assert short["cache_write_usd"] == pytest.approx(0.00375)
    assert hour["cache_write_usd"] == pytest.approx(0.006)
    assert short["cache_saved_usd"] == pytest.approx(-0.00075)
    assert hour["cache_saved_usd"] == pytest.approx(-0.003)


def test_a_step_without_counted_tokens_has_no_cost_and_says_so():
    row = priced(replace(STEP, input_tokens=None))
    assert (row.cost_usd, row.price_ref) == (None, "unknown: nobody counted the tokens")
    row = priced(replace(STEP, provider_name=None))
    assert row.price_ref == "unknown: which model was asked is not known"


def test_another_server_does_not_take_the_makers_prices():
    provider = OpenAIProvider("gpt-4o", base_url="http://u:pw@localhost:9/secret/v1")
    assert provider.server_address == "http://localhost:9"
    assert OpenAIProvider("gpt-4o", api_key="k").server_address is None
    row = replace(STEP, provider_name="openai", request_model="custom")
    there = pricing(provider.server_address, provider.model)(row)
    assert there.cost_usd is None
    assert "no prices for the server at http://localhost:9" in str(there.price_ref)
    assert (there.request_model, there.server_address) == ("gpt-4o", "http://localhost:9")


def test_old_steps_are_priced_anew_and_kept_only_when_asked(path):
    chat = answered(path, CACHED)
    answered(path, CACHED, name="d")
    store = dn.Store(path)
    dn.prices.set("test:custom", input=1, output=2)
    new = dn.reprice(store)
    assert new["cost_usd"].tolist() == pytest.approx([1.2, 1.2])
    assert new["stored_cost_usd"].isna().all()
    assert store.steps["cost_usd"].isna().all()
    only = dn.reprice(store, conversation_id="c", keep=True)
    assert only["conversation_id"].tolist() == ["c"]
    assert chat.steps["cost_usd"].tolist() == pytest.approx([1.2])
    assert chat.turns["cost_usd"].tolist() == pytest.approx([1.2])
    assert store.frame("steps", conversation_id="d")["cost_usd"].isna().all()
    dn.prices.reset()
    back = dn.reprice(chat, keep=True)
    assert back["stored_cost_usd"].tolist() == pytest.approx([1.2])
    assert chat.steps["cost_usd"].isna().all()
    assert chat.steps.dtypes.equals(back[chat.steps.columns].dtypes)


def test_a_store_without_steps_is_priced_anew_as_well(path):
    with Store(path):
        pass
    assert len(dn.reprice(dn.Store(path))) == 0
