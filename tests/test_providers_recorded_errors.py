"""Recorded error answers, of providers and of servers run offline, told as they were meant."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dispatch_nb.engine.contracts import Failure
from dispatch_nb.providers import AnthropicProvider, OpenAIProvider
from tests.providers_parts import ask
from tests.raw_server import serving
from tests.recorded import RecordedError, folder, recorded_errors

pytestmark = pytest.mark.anyio
HOSTS = (
    "api.openai.com",
    "api.anthropic.com",
    "api.groq.com",
    "openrouter.ai",
    "test-resource.openai.azure.com",
)
# The notes of the servers' bodies do not hold their status: it is that of the error named.
STATUSES = {"ratelimit": 429, "429": 429, "overload": 529, "boom": 500, "500": 500, "ctx": 400}


def _servers_errors() -> list[Any]:
    place = folder()
    found = []
    for path in sorted(place.glob("servers/*/*.body.json")) if place is not None else ():
        text = path.read_text(encoding="utf-8")
        name = path.name.removesuffix(".body.json")
        error = json.loads(text).get("error")
        if error is None:
            continue  # a whole answer in one piece
        status = STATUSES[name.rpartition("-")[2]]
        meant = {**error, "code": error.get("code"), "retryable": status == 429 or status >= 500}
        recorded = RecordedError(status, {}, text, meant)
        found.append(pytest.param(recorded, name, id=f"{path.parent.name}-{name}"))
    return found


def _providers_errors() -> list[Any]:
    return [
        pytest.param(*case.values, host, id=f"{host}-{case.id}", marks=case.marks)
        for host in HOSTS
        for case in recorded_errors(host)
    ]


@pytest.mark.parametrize(("recorded", "name"), [*_providers_errors(), *_servers_errors()])
async def test_a_recorded_error_keeps_its_words_its_code_and_whether_to_try_again(
    recorded: RecordedError, name: str
) -> None:
    kind = AnthropicProvider if "anthropic" in name else OpenAIProvider
    with serving(
        [recorded.body.encode()],
        status=recorded.status,
        content_type=recorded.headers.get("content-type", "application/octet-stream"),
    ) as server:
        (failure,) = await ask(kind("some-model", base_url=server.base_url), "hi")
    assert isinstance(failure, Failure)
    meant = recorded.expected
    said = " ".join(meant["message"].split())
    assert said[:499] in failure.message
    assert failure.message.startswith(f"{server.base_url}/")
    assert f" answered HTTP {recorded.status}" in failure.message
    code = meant["type"] if meant["code"] is None else str(meant["code"])
    assert failure.reason == code
    assert (failure.code, failure.status) == (str(recorded.status), recorded.status)
    assert failure.retryable is meant["retryable"]


def test_no_recorded_error_is_left_out() -> None:
    place = folder()
    if place is None:
        pytest.skip("no recorded streams at hand (DISPATCH_NB_STREAMS)")
    lines = (place / "errors" / "errors.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(_providers_errors()) == len(lines)
    assert len(_servers_errors()) == 10
