"""The key never comes back out of the openai provider."""

from __future__ import annotations

import json

import pytest

from dispatch_nb.engine.contracts import Failure
from dispatch_nb.providers import OpenAIProvider
from tests.providers_parts import ask
from tests.raw_server import serving

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("key", "said", "shown"),
    [
        ("k", "Check k, ok?", "Check [api key], ok?"),
        ("sk-0123456789", "Bearersk-0123456789abc", "Bearer[api key]abc"),
    ],
)
async def test_a_key_is_taken_out_of_words_but_a_placeholder_leaves_them_whole(
    key: str, said: str, shown: str
) -> None:
    with serving([json.dumps({"error": {"message": said}}).encode()], status=500) as server:
        provider = OpenAIProvider("m", base_url=server.base_url, api_key=key)
        (failure,) = await ask(provider, "hi")
    assert isinstance(failure, Failure)
    assert shown in failure.message
