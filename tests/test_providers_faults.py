"""What goes wrong with a request, as a sentence: what, where, and what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dispatch_nb.engine.contracts import Failure
from tests.providers_parts import failure_at
from tests.raw_server import serving

pytestmark = pytest.mark.anyio


async def answered(status: int, body: Any, *, path: str = "/v1", **asked: Any) -> Failure:
    """Return the failure of a request that is answered so."""
    text = body if isinstance(body, str) else json.dumps(body)
    listed = asked.pop("listed", b"")
    headers = asked.pop("headers", None)
    with serving(
        [text.encode()],
        status=status,
        content_type="application/json",
        listed=listed,
        headers=headers,
    ) as server:
        return await failure_at(server.base_url.replace("/v1", path), **asked)


@pytest.mark.parametrize(
    ("status", "said", "advice", "retryable"),
    [
        (401, "Bad key", "No API key was sent, since one of the environment goes to its", False),
        (402, "Pay first", "has no credit left", False),
        (403, "Not yours", "Check that the API key may use this model", False),
        (413, "Too big", "leave out images or shorten what tools return", False),
        (429, "Slow down", "it may work after a wait", True),
        (500, "Oh", "The fault is on the server's side", True),
        (503, "Away", "The fault is on the server's side", True),
        (529, "Overloaded", "The fault is on the server's side", True),
    ],
)
async def test_a_status_comes_with_the_providers_words_and_what_to_do(
    status: int, said: str, advice: str, retryable: bool
) -> None:
    failure = await answered(status, {"error": {"message": said, "type": "a_type"}})
    assert f"HTTP {status}" in failure.message
    assert f": {said}. " in failure.message
    assert advice in failure.message
    assert (failure.code, failure.status, failure.reason) == (str(status), status, "a_type")
    assert failure.retryable is retryable


async def test_a_refused_key_is_told_apart_from_a_missing_one() -> None:
    body = {"error": {"message": "Incorrect API key provided: sk-mine-123456."}}
    failure = await answered(401, body, api_key="sk-mine-123456")
    assert "Incorrect API key provided: [api key]. The API key was refused" in failure.message
    failure = await answered(401, body, endpoint="vllm")
    assert "No API key was sent: set the environment variable VLLM_API_KEY" in failure.message


async def test_a_key_at_the_cut_of_a_long_error_is_not_shown_in_part() -> None:
    key = "sk-0123456789abcdefghij"
    for before in range(470, 500):
        failure = await answered(400, {"error": {"message": "x" * before + key}}, api_key=key)
        assert "sk-0" not in failure.message


async def test_no_credit_is_not_tried_again_though_it_comes_as_429() -> None:
    body = {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}
    failure = await answered(429, body)
    assert failure.retryable is False
    assert "has no credit left" in failure.message


async def test_a_web_page_is_called_one() -> None:
    page = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>…</body></html>"
    failure = await answered(404, page)
    assert "a web page titled 'Sign in', not an API's answer" in failure.message
    assert "There is no such API at this address: check base_url" in failure.message


async def test_a_base_url_without_its_end_is_told_the_likely_one() -> None:
    failure = await answered(404, "404 page not found", path="")
    assert "HTTP 404 (Not Found): 404 page not found." in failure.message
    assert "base_url usually ends in /v1, so try base_url='http://127.0.0.1:" in failure.message
    assert failure.message.endswith("/v1'.")


async def test_a_redirect_names_where_to() -> None:
    headers = {"Location": "https://new.example/v1/chat/completions?key=secret"}
    failure = await answered(308, "", headers=headers)
    assert "It sends to https://new.example/v1/chat/completions: give" in failure.message


LISTED = json.dumps(
    {"data": [{"id": name} for name in ("gpt-5.2-pro", "gpt-5.2", "llama3:8b", "Mistral-7B", "x")]}
).encode()


@pytest.mark.parametrize(
    ("status", "error", "asked", "names"),
    [
        (
            404,
            {
                "code": "model_not_found",
                "message": "The model `gpt-5.2-proo` does not exist or you do not have access.",
            },
            "gpt-5.2-proo",
            "The nearest it has: gpt-5.2-pro, gpt-5.2.",
        ),
        (
            404,
            {"message": 'model "llama3" not found, try pulling it first', "type": "api_error"},
            "llama3",
            "The nearest it has: llama3:8b.",
        ),
        (
            400,
            {"message": "mistral-7b is not a valid model ID", "code": 400},
            "mistral-7b",
            "The nearest it has: Mistral-7B.",
        ),
        (
            404,
            {"message": "model: claude-sonet-4-5", "type": "not_found_error"},
            "claude-sonet-4-5",
            "It has 5, such as: Mistral-7B, gpt-5.2, gpt-5.2-pro, llama3:8b, x.",
        ),
    ],
)
async def test_a_wrong_model_name_comes_with_the_nearest_of_the_servers_list(
    status: int, error: dict[str, Any], asked: str, names: str
) -> None:
    failure = await answered(status, {"error": error}, model=asked, listed=LISTED)
    assert failure.message.endswith(names)
    assert failure.retryable is False


async def test_a_wrong_model_name_is_told_also_where_nothing_is_listed() -> None:
    error = {"code": "model_not_found", "message": "The model `m` does not exist"}
    failure = await answered(404, {"error": error})
    assert failure.message.endswith("does not exist. Check the model's name, 'some-model'.")


async def test_the_list_is_asked_for_with_the_key() -> None:
    body = json.dumps({"error": {"code": "model_not_found", "message": "no"}}).encode()
    with serving([body], status=404, listed=LISTED) as server:
        await failure_at(server.base_url, api_key="sk-mine-123456")
    assert server.paths == ["/v1/chat/completions", "/v1/models"]
    assert server.headers[1]["authorization"] == "Bearer sk-mine-123456"


@pytest.mark.parametrize(
    ("status", "error", "sent", "fit"),
    [
        (
            400,
            {
                "code": "context_length_exceeded",
                "message": "This model's maximum context length is 128000 tokens. However, your "
                "messages resulted in 130011 tokens.",
            },
            "130,011",
            "128,000",
        ),
        (
            400,
            {
                "message": "the request exceeds the available context size",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 5012,
                "n_ctx": 4096,
            },
            "5,012",
            "4,096",
        ),
        (
            400,
            {
                "type": "invalid_request_error",
                "message": "prompt is too long: 213,462 tokens > 200,000 maximum",
            },
            "213,462",
            "200,000",
        ),
        (
            400,
            {
                "message": "This endpoint's maximum context length is 32768 tokens. However, you "
                "requested about 60000 tokens (59000 of text input, 1000 in the output)."
            },
            "60,000",
            "32,768",
        ),
    ],
)
async def test_a_conversation_that_is_too_long_is_told_with_its_numbers(
    status: int, error: dict[str, Any], sent: str, fit: str
) -> None:
    failure = await answered(status, {"error": error})
    wanted = f"too long for some-model: it takes {sent} tokens and {fit} fit. Begin a new chat"
    assert wanted in failure.message
    assert failure.retryable is False


async def test_a_conversation_that_is_too_long_is_told_also_without_numbers() -> None:
    error = {"message": "litellm.ContextWindowExceededError: mock", "code": "400"}
    failure = await answered(400, {"error": error})
    assert "The conversation is too long for some-model. Begin" in failure.message


async def test_a_content_filter_is_called_one() -> None:
    error = {
        "message": "The response was filtered",
        "code": "content_filter",
        "innererror": {"code": "ResponsibleAIPolicyViolation"},
    }
    failure = await answered(400, {"error": error})
    assert "Its content filter refused the request" in failure.message
    assert failure.reason == "ResponsibleAIPolicyViolation"
