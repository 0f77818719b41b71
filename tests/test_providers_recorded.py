"""Recorded answers of real servers, where they are at hand.

The recordings are not part of this repository. The folder that holds them (`openai/`,
`compatible/`, each body with a `.json` beside it that tells what it says) is named by the
environment variable DISPATCH_NB_STREAMS, or stands beside the checkout as `*/streams`.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import MISSING

from dispatch_nb.engine.contracts import Failure, Finish, UsageReport
from dispatch_nb.providers import OpenAIProvider
from tests.providers_parts import ask, calls_of, text_of, thinking_of
from tests.raw_server import serving

ROOT = Path(__file__).resolve().parent.parent


def _folder() -> Path | None:
    named = os.environ.get("DISPATCH_NB_STREAMS")
    if named:
        return Path(named)
    return next((path.parent for path in ROOT.parent.glob("*/streams/compatible")), None)


def _samples() -> list[Any]:
    folder = _folder()
    if folder is None:
        reason = "no recorded streams at hand (DISPATCH_NB_STREAMS)"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason), id="none")]
    found = []
    for path in sorted([*folder.glob("openai/*.json"), *folder.glob("compatible/*.json")]):
        note = json.loads(path.read_text(encoding="utf-8"))
        if note["wire"] == "openai-chat":
            found.append(pytest.param((folder / note["file"], note), id=path.stem))
    return found


@pytest.mark.parametrize("size", [1, 37, 1 << 20])
@pytest.mark.parametrize("sample", _samples())
def test_a_recorded_answer_is_read_as_it_was_meant(sample: tuple[Path, Any], size: int) -> None:
    path, note = sample
    body, expected = path.read_bytes(), note["expected"]
    if size == 1 and len(body) > 30_000:
        size = 7  # the longest body byte by byte says nothing more, slowly
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    with serving(pieces) as server:
        events = asyncio.run(ask(OpenAIProvider("m", base_url=server.base_url), "hi"))

    result = expected["results"][0]
    # A refusal is shown as the answer that it is.
    assert text_of(events) == result["text"] + (result["refusal"] or "")
    assert thinking_of(events) == result["thinking"]
    failed = any(isinstance(event, Failure) for event in events)
    is_broken = result["finish_reason"] is None and expected["terminator"] is None
    assert failed is bool(expected["errors"] or is_broken)
    if not failed:
        assert [(call.tool_call_id, call.tool_name, call.input) for call in calls_of(events)] == [
            (call["id"], call["name"], call["input"]) for call in result["tool_calls"]
        ]
    finishes = [event.reason for event in events if isinstance(event, Finish)]
    assert finishes == ([] if failed or not result["finish_reason"] else [result["finish_reason"]])
    _check_usage([e for e in events if isinstance(e, UsageReport)], expected)
    for error in expected["errors"]:
        assert error["message"] in str(events[-1])


def _check_usage(reports: list[UsageReport], expected: dict[str, Any]) -> None:
    if expected["usage"] is None:
        assert reports == []
        return
    (report,) = reports
    usage, wanted = report.usage, expected["usage"]
    assert (usage.input_tokens, usage.output_tokens) == (wanted["input"], wanted["output"])
    cached = None if usage.cache_read_tokens is MISSING else usage.cache_read_tokens
    assert cached == wanted.get("cache_read")
    assert report.raw == expected["usage_raw"]
