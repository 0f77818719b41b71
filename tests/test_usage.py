"""Tokens in the frames: reported, estimated or missing; whole or a lower bound."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import dispatch_nb as dn
from dispatch_nb.engine.contracts import (
    Failure,
    Finish,
    ProviderEvent,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    UsageReport,
    UsageSoFar,
)
from dispatch_nb.engine.retry import BackoffRetry
from dispatch_nb.engine.usage import TOKENS_PER_IMAGE
from dispatch_nb.store import Store
from dispatch_nb.wire.conversation import Usage
from dispatch_nb.wire.events import UsageEvent
from tests.waiting import wait_until

RAW = {"prompt_tokens": 100, "details": {"cached": 40, "reasoning": 7}}
REPORT = UsageReport(
    Usage(input_tokens=100, output_tokens=20, cache_read_tokens=40, cache_write_tokens=5),
    reasoning_tokens=7,
    raw=RAW,
)
MORE = UsageReport(
    Usage(input_tokens=100, output_tokens=21, cache_read_tokens=40, cache_write_tokens=5),
    reasoning_tokens=7,
    raw=RAW,
)
Step = list[ProviderEvent | Callable[[], Awaitable[object]]]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


CALL: Step = [ToolCall("c", "add", {"a": 1, "b": 2})]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "lab.db") as opened:
        yield opened


def chat_with(store: Store, *steps: Step, **more: Any) -> dn.Chat:
    return dn.Chat(dn.ScriptedProvider(steps=steps, pace=0), tools=[add], store=store, **more)


def rows(frame: Any) -> list[dict[str, Any]]:
    names = [
        *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"),
        *("reasoning_tokens", "usage_source", "is_lower_bound"),
    ]
    return [
        {name: None if value != value else value for name, value in row.items()}
        for row in frame[names].astype(object).where(frame[names].notna(), None).to_dict("records")
    ]


def raw_usages(store: Store) -> list[Any]:
    """What providers said themselves, request by request."""
    with store.connect() as connection:
        kept = connection.exec_driver_sql("SELECT usage_json FROM steps ORDER BY requested_us")
        return [None if raw is None else json.loads(raw) for raw in kept.scalars()]


WHOLE = {
    "input_tokens": 100,
    "output_tokens": 20,
    "cache_read_tokens": 40,
    "cache_write_tokens": 5,
    "reasoning_tokens": 7,
    "usage_source": "reported",
    "is_lower_bound": False,
}


def test_what_was_reported_is_kept_with_the_provider_s_own_words(store: Store) -> None:
    chat = chat_with(store, [*CALL, REPORT, Finish("x")], [TextDelta("3"), REPORT, Finish("x")])
    turn = chat.send("1+2?").result(20)
    assert rows(chat.steps) == [WHOLE, WHOLE]
    doubled = {k: 2 * v if type(v) is int else v for k, v in WHOLE.items()}
    assert rows(chat.turns) == [doubled]
    assert raw_usages(store) == [RAW, RAW]
    reports = [row.event for row in chat.events(turn) if isinstance(row.event, UsageEvent)]
    assert len(reports) == 2
    assert turn.usage == store.turn_metrics(chat.conversation_id)[0].usage
    chat.close()


def test_without_a_report_four_characters_are_a_token_and_it_says_estimated(store: Store) -> None:
    answer: Step = [ReasoningDelta("t" * 10), TextDelta("a" * 30), Finish("stop")]
    chat = dn.Chat(dn.ScriptedProvider(steps=[answer]), store=store, system="s" * 12)
    turn = chat.send("p" * 28).result(20)
    estimated = dict.fromkeys(WHOLE) | {
        "input_tokens": 10,
        "output_tokens": 10,
        "usage_source": "estimated",
        "is_lower_bound": False,
    }
    assert rows(chat.steps) == [estimated]
    assert rows(chat.turns) == [estimated]
    assert raw_usages(store) == [None]
    # What a provider did not say is in no event, no handle and no total.
    assert turn.usage is None
    assert chat.totals == {"inputTokens": 0, "outputTokens": 0}
    assert store.turn_metrics(chat.conversation_id)[0].usage == Usage(
        input_tokens=0, output_tokens=0
    )
    chat.close()


def test_calls_and_results_count_in_an_estimate(store: Store) -> None:
    chat = chat_with(store, [*CALL, Finish("x")], [TextDelta("three"), Finish("x")])
    chat.send("1+2?").result(20)
    first, second = rows(chat.steps)
    assert first["output_tokens"] == -(-len('add{"a": 1, "b": 2}') // 4)
    assert second["input_tokens"] > first["input_tokens"] > 4
    assert (second["output_tokens"], second["usage_source"]) == (2, "estimated")
    chat.close()


def test_a_turn_of_a_reported_and_an_estimated_step_says_estimated(store: Store) -> None:
    chat = chat_with(store, [*CALL, REPORT, Finish("x")], [TextDelta("a" * 40), Finish("x")])
    turn = chat.send("1+2?").result(20)
    (whole,) = rows(chat.turns)
    first, second = rows(chat.steps)
    assert [first["usage_source"], second["usage_source"]] == ["reported", "estimated"]
    assert whole["usage_source"] == "estimated"
    assert whole["output_tokens"] == first["output_tokens"] + second["output_tokens"] == 30
    assert turn.usage == REPORT.usage
    assert store.turn_metrics(chat.conversation_id)[0].usage == REPORT.usage
    chat.close()


def test_a_stopped_request_is_a_lower_bound(store: Store) -> None:
    async def hang() -> None:
        await asyncio.sleep(60)

    chat = chat_with(store, [TextDelta("b" * 8), hang, REPORT, Finish("stop")])
    turn = chat.send("p" * 8)
    wait_until(lambda: turn.text != "")
    turn.stop()
    turn.result(20)
    (step,) = rows(chat.steps)
    assert (step["output_tokens"], step["usage_source"], step["is_lower_bound"]) == (
        2,
        "estimated",
        True,
    )
    assert rows(chat.turns)[0]["is_lower_bound"] is True
    chat.close()


def test_a_report_before_a_break_is_a_lower_bound_and_is_not_asked_for_again(store: Store) -> None:
    broken: Step = [TextDelta("x"), REPORT, Failure("broke off", retryable=True)]
    chat = chat_with(store, broken, retry=BackoffRetry())
    with pytest.raises(dn.DispatchError, match="broke off"):
        chat.send("?").result(20)
    assert rows(chat.steps) == [{**WHOLE, "is_lower_bound": True}]
    assert rows(chat.turns) == [{**WHOLE, "is_lower_bound": True}]
    chat.close()


class AtOnce(BackoffRetry):
    """Tries again without a pause."""

    def delay_for(self, attempt: int, failure: Failure, waited_ms: float) -> float | None:
        return 0 if attempt < 3 else None


def test_a_retried_request_has_a_row_of_its_own_and_what_it_had_told_counts(store: Store) -> None:
    refused: Step = [Failure("busy", "503", retryable=True, status=503)]
    broken: Step = [UsageSoFar(REPORT), Failure("gone", retryable=True)]
    chat = chat_with(store, refused, broken, [TextDelta("x"), REPORT, Finish("x")], retry=AtOnce())
    turn = chat.send("?").result(20)
    missing = dict.fromkeys(WHOLE) | {"usage_source": "missing", "is_lower_bound": True}
    assert rows(chat.steps) == [missing, {**WHOLE, "is_lower_bound": True}, WHOLE]
    assert chat.steps["attempt"].tolist() == [0, 1, 2]
    assert chat.steps["finish_reason"].tolist()[:2] == ["error"] * 2
    assert chat.steps["error_message"].tolist()[:2] == ["busy", "gone"]
    doubled = {k: 2 * v if type(v) is int else v for k, v in WHOLE.items()}
    assert rows(chat.turns) == [{**doubled, "is_lower_bound": True}]
    # The turn's own report is that of the request which answered.
    assert sum(isinstance(row.event, UsageEvent) for row in chat.events(turn)) == 1
    assert turn.usage == REPORT.usage == store.turn_metrics(chat.conversation_id)[0].usage
    assert len(store.turn_metrics(chat.conversation_id)[0].steps) == 1
    chat.close()


async def hang() -> None:
    await asyncio.sleep(60)


def test_a_request_stopped_midway_keeps_its_counts_and_the_rest_is_estimated(store: Store) -> None:
    chat = chat_with(store, [UsageSoFar(REPORT), TextDelta("b" * 9), hang, Finish("stop")])
    turn = chat.send("p" * 8)
    wait_until(lambda: turn.text != "")
    turn.stop()
    turn.result(20)
    cut = {**WHOLE, "output_tokens": 23, "usage_source": "estimated", "is_lower_bound": True}
    assert rows(chat.steps) == [cut]
    assert rows(chat.turns) == [cut]
    assert raw_usages(store) == [RAW]
    (metrics,) = store.turn_metrics(chat.conversation_id)
    assert turn.usage == metrics.usage == metrics.steps[0].usage == REPORT.usage
    chat.close()


def test_counts_that_cover_all_that_was_said_need_no_estimate(store: Store) -> None:
    broken: Step = [UsageSoFar(REPORT), TextDelta("x"), UsageSoFar(MORE), Failure("gone")]
    chat = chat_with(store, broken)
    with pytest.raises(dn.DispatchError, match="gone"):
        chat.send("?").result(20)
    assert rows(chat.steps) == [{**WHOLE, "output_tokens": 21, "is_lower_bound": True}]
    chat.close()


def test_a_request_stopped_before_its_first_word_is_there_with_its_counts(store: Store) -> None:
    asked = threading.Event()

    async def reached() -> None:
        asked.set()
        await hang()

    chat = chat_with(store, [UsageSoFar(REPORT), reached])
    turn = chat.send("?")
    assert asked.wait(20)
    turn.stop()
    turn.result(20)
    assert rows(chat.steps) == [{**WHOLE, "is_lower_bound": True}]
    assert chat.steps["finish_reason"].tolist() == ["aborted"]
    assert rows(chat.turns) == [{**WHOLE, "is_lower_bound": True}]
    chat.close()


def test_an_image_counts_by_a_stated_rule(store: Store) -> None:
    said: Step = [TextDelta("a"), Finish("stop")]
    chat = chat_with(store, said, said)
    image = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
    chat.send("p" * 8, images=[image, image]).result(20)
    chat.send("p" * 8).result(20)
    first, second = chat.steps["input_tokens"].tolist()
    assert 2 * TOKENS_PER_IMAGE < first < 2 * TOKENS_PER_IMAGE + 100
    assert second > first
    chat.close()


def test_a_call_too_deep_for_json_is_estimated_all_the_same(store: Store) -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    chat = chat_with(store, [ToolCall("c", "add", deep), Finish("x")], [Finish("stop")])
    chat.send("?").result(20)
    assert rows(chat.steps)[0]["usage_source"] == "estimated"
    chat.close()


def test_a_request_that_got_no_answer_counts_nothing(store: Store) -> None:
    chat = chat_with(store, [Failure("no such model")])
    with pytest.raises(dn.DispatchError):
        chat.send("?").result(20)
    missing = dict.fromkeys(WHOLE) | {"usage_source": "missing", "is_lower_bound": True}
    assert rows(chat.steps) == [missing]
    assert rows(chat.turns) == [missing]
    chat.close()
