"""Which models there are, how much they take and what they cost."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

import dispatch_nb as dn
from dispatch_nb.errors import ModelError, ProviderUnreachableError
from dispatch_nb.frames.model_columns import MODELS
from dispatch_nb.providers.endpoints import ENDPOINTS
from dispatch_nb.providers.model_list import ServedModel, read_models
from tests.raw_server import serving


@pytest.fixture(autouse=True)
def no_prices_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for row in ENDPOINTS.values():
        monkeypatch.delenv(row.variable, raising=False)
    yield
    dn.prices.reset()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("something was asked of the network")

    monkeypatch.setattr(socket.socket, "connect", refused)


def row_of(frame: pd.DataFrame, model: str) -> dict[str, Any]:
    (row,) = frame[frame.model == model].to_dict("records")
    return {str(name): value for name, value in row.items()}


def typed(frame: pd.DataFrame) -> list[tuple[str, str]]:
    return [(str(name), str(dtype)) for name, dtype in frame.dtypes.items()]


@pytest.mark.usefixtures("no_network")
def test_the_table_answers_without_network_for_every_provider_it_knows():
    frame = dn.models()
    assert len(frame) > 1_000
    assert {"openai", "anthropic", "openrouter", "xai", "groq"} <= {*frame.provider}
    assert {*frame.provider} <= {*ENDPOINTS}
    assert not frame.duplicated(["provider", "model"]).any()
    assert frame.is_listed.isna().all()
    known = row_of(frame[frame.provider == "openai"], "gpt-4o")
    assert (known["input_usd_per_mtok"], known["output_usd_per_mtok"]) == (2.5, 10.0)
    assert (known["context_window"], known["price_ref"]) == (128_000, dn.prices.table_version())
    assert list(frame.columns) == [column.name for column in MODELS.columns]
    assert frame.attrs["schema"] == "dispatch_nb.models"


@pytest.mark.usefixtures("no_network")
def test_one_provider_or_one_model_can_be_asked_for():
    assert {*dn.models("xai:").provider} == {"xai"}
    assert list(dn.models("openai:gpt-4o").model) == ["gpt-4o"]
    assert typed(dn.models("openai:no-such-model")) == typed(dn.models())


@pytest.mark.usefixtures("no_network")
def test_prices_of_ones_own_are_among_them():
    dn.prices.set("ollama:llama3", input=0.1, output=0.4, context_window=8_192)
    row = row_of(dn.models(), "llama3")
    assert (row["provider"], row["input_usd_per_mtok"], row["context_window"]) == (
        "ollama",
        0.1,
        8_192,
    )
    assert row["price_ref"] == "own: input 0.1, output 0.4"


def test_a_server_lists_its_own_models_with_what_it_says_of_them():
    rows = [
        {"id": "vllm/m", "max_model_len": 4_096},
        {"id": "router/m", "context_length": 9, "pricing": {"prompt": "0.000001"}},
    ]
    dn.prices.set("vllm:vllm/m", input=1, output=2)
    with serving([], listed=json.dumps({"data": rows}).encode()) as server:
        frame = dn.models("vllm", base_url=server.base_url, api_key="sk-mine")
    assert server.paths == ["/v1/models"]
    assert server.headers[0]["authorization"] == "Bearer sk-mine"
    assert list(frame.model) == ["vllm/m", "router/m"]
    assert frame.is_listed.all()
    own, listed = row_of(frame, "vllm/m"), row_of(frame, "router/m")
    assert (own["context_window"], own["input_usd_per_mtok"]) == (4_096, 1.0)
    assert (listed["input_usd_per_mtok"], listed["price_ref"]) == (1.0, "the server's list")
    assert typed(frame) == typed(dn.models())


def test_a_provider_that_is_asked_shows_which_of_the_table_it_still_has():
    listed = json.dumps({"data": [{"id": "gpt-4o"}, {"id": "gpt-new"}]}).encode()
    with serving([], listed=listed) as server:
        frame = dn.models("openai", base_url=server.base_url)
    assert list(frame.model[:2]) == ["gpt-4o", "gpt-new"]
    assert frame.is_listed.sum() == 2
    assert row_of(frame, "gpt-4o")["input_usd_per_mtok"] == 2.5
    assert pd.isna(row_of(frame, "gpt-new")["input_usd_per_mtok"])
    assert row_of(frame, "gpt-4")["is_listed"] is False


def test_the_messages_api_is_asked_in_its_own_way():
    with serving([], listed=b'{"data": [{"type": "model", "id": "claude-x"}]}') as server:
        frame = dn.models("anthropic", base_url=server.base_url, api_key="sk-mine")
    assert server.paths == ["/v1/models?limit=1000"]
    assert server.headers[0]["x-api-key"] == "sk-mine"
    assert server.headers[0]["anthropic-version"]
    assert row_of(frame, "claude-x")["is_listed"] is True


def test_a_server_of_ones_own_that_does_not_run_is_told(dead_port):
    with pytest.raises(ProviderUnreachableError, match="Check that the server runs"):
        dn.models("ollama:", base_url=f"http://127.0.0.1:{dead_port}/v1")


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: dn.models("olama"), r"Did you mean 'ollama'\? Known are"),
        (lambda: dn.models("google", ask=True), "known for its prices only"),
        (lambda: dn.models("openai", ask=True), "OpenAI needs an API key"),
        (lambda: dn.models(base_url="nonsense"), "is not an http address"),
    ],
)
def test_a_question_that_cannot_be_asked_is_told_why(call, sentence):
    with pytest.raises(ModelError, match=sentence):
        call()


def test_what_is_no_list_is_shown():
    with (
        serving([], listed=b"<h1>Hello</h1>") as server,
        pytest.raises(ModelError, match="not a list of models: <h1>Hello</h1>"),
    ):
        dn.models(base_url=server.base_url)
    with (
        serving([]) as server,
        pytest.raises(ModelError, match=r"HTTP 404 .* try base_url='http://127.0.0.1:\d+/v1'"),
    ):
        dn.models(base_url=server.base_url.removesuffix("/v1"))


@pytest.mark.parametrize(
    ("row", "served"),
    [
        ({"id": "a"}, ServedModel("a")),
        ({"id": "a", "context_window": 5, "max_completion_tokens": 2}, ServedModel("a", 5, 2)),
        ({"id": "a", "max_context_length": 5}, ServedModel("a", 5)),
        ({"id": "a", "meta": {"n_ctx": 7, "n_ctx_train": 9}}, ServedModel("a", 7)),
        (
            {"id": "a", "top_provider": {"context_length": 3, "max_completion_tokens": 2}},
            ServedModel("a", 3, 2),
        ),
        ({"id": "a", "pricing": {"prompt": "-1", "completion": "x"}}, ServedModel("a")),
        ({"id": "a", "context_window": "many", "max_model_len": True}, ServedModel("a")),
    ],
)
def test_lists_are_read_in_every_servers_words(row, served):
    for whole in ([row], {"data": [row, {"no": "id"}, 5]}):
        assert read_models(json.dumps(whole)) == [served]


@pytest.mark.parametrize("text", ["", "5", '{"data": 5}', "[" * 9_000, '{"error": "x"}'])
def test_other_texts_are_no_list(text):
    assert read_models(text) is None
