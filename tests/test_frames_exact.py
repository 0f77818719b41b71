"""The frames say to the token what providers reported, however their turns went."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from pydantic import MISSING

import dispatch_nb as dn
from dispatch_nb.compose import open_conversation
from dispatch_nb.conversation.local import LocalConversation
from dispatch_nb.engine.contracts import (
    Failure,
    Finish,
    TextDelta,
    UsageReport,
)
from dispatch_nb.engine.retry import BackoffRetry
from dispatch_nb.framed import Part
from dispatch_nb.providers import (
    AnthropicProvider,
    OllamaProvider,
    OpenAIProvider,
    OpenAIResponsesProvider,
)
from dispatch_nb.store import Store
from dispatch_nb.transcript.selectors import select_chunks
from dispatch_nb.wire.conversation import Usage
from tests.fuzzed import CONVERSATIONS, Fuzzed, finished, opened
from tests.raw_server import serving
from tests.recorded import Recording, recordings

FULL = os.environ.get("DISPATCH_NB_PROOF") == "full"
KINDS = ("input", "output", "cache_read", "cache_write", "reasoning")


class Source(dn.Frames):
    def __init__(self, *parts: Part) -> None:
        self._parts = list(parts)


def total(reports: Sequence[UsageReport], kind: str) -> int:
    def count(report: UsageReport) -> int:
        if kind == "reasoning":
            return report.reasoning_tokens or 0
        found: Any = getattr(report.usage, f"{kind}_tokens")
        return 0 if found is MISSING else found

    return sum(count(report) for report in reports)


def assert_exact(source: dn.Frames, reported: Sequence[UsageReport], requested: int) -> None:
    """Check every invariant of the frames of one store."""
    steps, turns, conversations = source.steps, source.turns, source.conversations
    by_source = steps["usage_source"]
    usage = source.usage
    for kind in KINDS:
        name = f"{kind}_tokens"
        assert steps.loc[by_source == "reported", name].sum() == total(reported, kind), name
        for frame in (turns, conversations):
            assert frame[name].sum() == steps[name].sum(), (name, frame.attrs["schema"])
        of_kind = usage.loc[usage["token_type"] == kind, "tokens"]
        assert of_kind.sum() == steps[name].sum()
    of_turns = steps.groupby("turn_id")["input_tokens"].sum()
    assert turns.set_index("turn_id")["input_tokens"].fillna(0).loc[of_turns.index].equals(of_turns)
    cached = steps["cache_read_tokens"].fillna(0) + steps["cache_write_tokens"].fillna(0)
    known = steps["input_tokens"].notna()
    assert (cached[known] <= steps["input_tokens"][known]).all()
    assert (steps["uncached_input_tokens"] == steps["input_tokens"] - cached)[known].all()
    assert (steps["reasoning_tokens"].fillna(0)[known] <= steps["output_tokens"][known]).all()
    # What was not counted is missing and says so; it is never 0.
    assert len(steps) == requested
    missing = by_source == "missing"
    assert (missing == steps["input_tokens"].isna()).all()
    assert (by_source == "reported").sum() == len(reported)
    assert steps["is_lower_bound"][missing].all()
    broken = steps["finish_reason"].isin(["error", "aborted"])
    assert steps["is_lower_bound"][broken].all()
    tries = steps.groupby(["turn_id", "step_index"])["attempt"].agg(list)
    assert all(sorted(each) == list(range(len(each))) for each in tries)
    marked = turns["status"].isin(["aborted", "error", "interrupted"])
    unsure = turns["turn_id"].isin(steps.loc[steps["is_lower_bound"], "turn_id"])
    assert (turns["is_lower_bound"] >= unsure).all()
    assert turns["abort_reason"].notna()[turns["status"] == "aborted"].all() or not marked.any()
    assert_log(source)


def assert_log(source: dn.Frames) -> None:
    chunks = source.chunks
    for _, part in chunks.groupby("conversation_id"):
        seqs = part["seq"].dropna().tolist()
        assert seqs == list(range(1, len(seqs) + 1))
    by_kind = {
        kind: sorted(chunks.loc[chunks["chunk_type"] == kind, "tool_call_id"])
        for kind in ("tool-call", "tool-result")
    }
    assert by_kind["tool-call"] == by_kind["tool-result"]
    calls = source.tool_calls
    assert sorted(calls["tool_call_id"]) == by_kind["tool-call"]
    assert calls["result_seq"].notna().all()
    assert source.conversations["chunk_count"].sum() == len(chunks)
    assert source.turns["tool_call_count"].sum() == len(calls)


def assert_text(conversation: LocalConversation) -> None:
    """Check that the frame says what the reducer shows."""
    live = conversation.live
    source = Source(Part(conversation.store, conversation.id, live=live))
    chunks = source.chunks
    said = chunks["text"].fillna(chunks["content"])
    shown = [each.chunk for each in select_chunks(live.transcript)]
    for chunk, text, sent, kind in zip(
        shown, said, chunks["input_json"], chunks["chunk_type"], strict=True
    ):
        assert chunk.type == kind
        match chunk.type:
            case "tool-call":
                assert json.loads(sent) == chunk.input
            case "tool-result":
                assert text == chunk.content
            case "error":
                assert text == chunk.message
            case "image":
                assert text == chunk.url
            case _:
                assert text == chunk.text


@settings(max_examples=500 if FULL else 20)
@given(CONVERSATIONS)
def test_sums_are_what_was_reported_however_requests_end(turns: list[list[list[Any]]]) -> None:
    with Store(":memory:") as store:
        provider = Fuzzed()
        conversation = opened(provider, store)
        for number, scripts in enumerate(turns):
            provider.scripts, provider.turn = [list(each) for each in scripts], None
            provider.turn = conversation.send(f"prompt {number}")
            finished(provider.turn)
        source = Source(Part(store))
        assert_exact(source, provider.reported, provider.requests)
        assert_text(conversation)


def test_a_call_that_was_made_again_is_a_row_of_its_own(tmp_path: Path) -> None:
    with Store(tmp_path / "again.db") as store:
        provider = Fuzzed()
        report = UsageReport(Usage(input_tokens=9, output_tokens=2), reasoning_tokens=1)
        provider.scripts = [
            [Failure("overloaded", code="529", retryable=True, status=529)],
            [Failure("overloaded", code="529", retryable=True, status=529)],
            [TextDelta("Hi"), report, Finish("stop")],
        ]
        conversation = opened(provider, store)
        finished(conversation.send("hello"))
        steps = Source(Part(store)).steps
        assert steps["attempt"].tolist() == [0, 1, 2]
        assert steps["input_tokens"].fillna(-1).tolist() == [-1, -1, 9]
        assert steps["usage_source"].tolist() == ["missing", "missing", "reported"]
        assert steps["is_lower_bound"].tolist() == [True, True, False]
        assert steps["http_status"].fillna(0).tolist() == [529, 529, 0]
        assert steps["reasoning_tokens"].fillna(-1).tolist() == [-1, -1, 1]
        (metrics,) = conversation.metrics()
        assert len(metrics.steps) == 1


PROVIDERS: dict[str, Any] = {
    "openai-chat": OpenAIProvider,
    "openai-responses": OpenAIResponsesProvider,
    "anthropic-messages": AnthropicProvider,
    "ollama-chat": OllamaProvider,
}
RECORDINGS = [
    pytest.param(wire, *param.values, marks=param.marks, id=f"{wire}-{param.id}")
    for wire in PROVIDERS
    for param in recordings(wire)
]


def counted(wire: str, recording: Recording) -> dict[str, int]:
    """Return what a server reported, its input with all that a cache held or took."""
    given = {kind: count or 0 for kind, count in (recording.counts or {}).items() if kind in KINDS}
    if wire == "anthropic-messages" and given:
        given["input"] += given.get("cache_read", 0) + given.get("cache_write", 0)
    return given


@pytest.fixture(scope="module")
def shared() -> Iterator[Store]:
    with Store(":memory:") as opened:
        yield opened


@pytest.mark.parametrize(("wire", "recording"), RECORDINGS)
def test_a_recorded_answer_is_counted_as_it_was_reported(
    wire: str, recording: Recording, shared: Store
) -> None:
    with serving([recording.body]) as server:
        provider = PROVIDERS[wire]("m", base_url=server.base_url, api_key="k")
        conversation = open_conversation(
            provider, store=shared, max_steps=1, retry=BackoffRetry(delays_ms=())
        )
        finished(conversation.send("hi"))
        source = Source(Part(shared, conversation.id))
        steps = source.steps
        assert len(steps) == 1
        if recording.usage is None and recording.counts is None:
            # An answer costs, told or not: it is estimated and says so, or it is missing.
            assert steps["usage_source"].isin(["estimated", "missing"]).all()
            missing = steps["usage_source"] == "missing"
            assert steps["input_tokens"].isna().equals(missing)
            assert steps["is_lower_bound"][missing].all()
        # A server that broke off had not counted all that it said: the rest is estimated.
        is_cut = recording.counts is not None and steps["usage_source"].eq("estimated").all()
        assert not is_cut or steps["is_lower_bound"].all()
        for kind, count in counted(wire, recording).items():
            for frame in (steps, source.turns, source.conversations):
                (shown,) = frame[f"{kind}_tokens"].fillna(0)
                assert shown >= count if is_cut and kind == "output" else shown == count, kind
        said = source.chunks
        text = said.loc[said["chunk_type"].eq("text") & said["role"].eq("assistant"), "text"]
        result = recording.result
        assert "".join(text) == result.get("text", "") + (result.get("refusal") or "")
        assert_log(source)
        assert_text(conversation)
