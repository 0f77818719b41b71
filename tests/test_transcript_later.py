"""Grouping, retries, trimming, metrics, placement, surfaces: our own vectors."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch_nb.transcript import metrics as m
from dispatch_nb.transcript import placement as pl
from dispatch_nb.transcript import surfaces as s
from dispatch_nb.transcript import trimming as t
from dispatch_nb.transcript.grouping import SingleGroup, group_rendered_chunks
from dispatch_nb.transcript.history import apply_history
from dispatch_nb.transcript.reducer import fold_event
from dispatch_nb.transcript.retry_banner import select_retry_banner
from dispatch_nb.transcript.selectors import RenderedChunk
from dispatch_nb.transcript.state import TranscriptState, initial_state
from dispatch_nb.transcript.sync import sync_history, told_state
from dispatch_nb.wire import conversation as c
from dispatch_nb.wire import events as e
from dispatch_nb.wire.base import WireModel
from dispatch_nb.wire.parse import parse_chunk, parse_live_event, parse_ws_server_message
from tests.transcript_parts import canonical, read_vectors

TURN: dict[str, Any] = {"conversation_id": "c", "turn_id": "t"}


def vectors(name: str) -> Any:
    cases = read_vectors(name)
    return pytest.mark.parametrize("case", cases, ids=[case["name"] for case in cases])


def rendered(chunks: list[dict[str, Any]]) -> list[RenderedChunk]:
    return [
        RenderedChunk(each["seq"], each["role"], parse_chunk(each["chunk"]), each["provisional"])
        for each in chunks
    ]


@vectors("grouping.jsonl")
def test_grouping_vector(case):
    chunks = rendered(case["chunks"])
    place = {id(chunk): index for index, chunk in enumerate(chunks)}
    shown = [
        {"kind": "single", "chunk": place[id(group.chunk)]}
        if isinstance(group, SingleGroup)
        else {
            "kind": "tool-batch",
            "stepId": group.step_id,
            "entries": [
                [place[id(entry.call)], entry.result and place[id(entry.result)]]
                for entry in group.entries
            ],
            "provisional": group.provisional,
        }
        for group in group_rendered_chunks(chunks)
    ]
    assert shown == case["groups"]


@vectors("retry-banner.jsonl")
def test_retry_banner_vector(case):
    retry = parse_live_event(
        {"type": "provider-retry", "conversationId": "c", "turnId": "t", **case["retry"]}
    )
    banner = select_retry_banner(fold_event(initial_state(), retry))
    assert banner is not None
    shown = {name: getattr(banner, name) for name in ("label", "delay", "message", "code")}
    assert shown == case["banner"]


def test_without_a_retry_there_is_no_banner():
    assert select_retry_banner(initial_state()) is None


def stored(first: int, last: int, thinking: list[int]) -> list[c.StoredChunk]:
    return [
        c.StoredChunk(
            seq=seq,
            role="assistant",
            chunk=c.ThinkingChunk(text="") if seq in thinking else c.TextChunk(text=""),
        )
        for seq in range(first, last + 1)
    ]


def step(state: TranscriptState, op: dict[str, Any]) -> TranscriptState:
    match op["op"]:
        case "trim":
            return t.trim_transcript(state, op["limit"])
        case "window":
            return t.window_transcript(state, op["newest"])
        case "restore":
            return t.restore_earlier(state, reversed(stored(*op["chunks"])), op["count"])
        case "load":
            told = sync_history(state._replace(sync=told_state().sync), stored(*op["chunks"]))
            loaded = apply_history(state, stored(*op["chunks"]))
            assert told._replace(sync=None) == loaded
            return loaded
        case _:
            for _ in range(op["chunks"]):
                state = fold_event(state, e.SteeringEvent(**TURN, text="x"))
            return (
                fold_event(state, e.TextDeltaEvent(**TURN, delta="x")) if op["growing"] else state
            )


@vectors("trimming.jsonl")
def test_trimming_vector(case):
    state = initial_state()
    for op in case["steps"]:
        before, state = state, step(state, op)
        seqs = [chunk.seq for chunk in state.committed]
        assert {
            "committed": [seqs[0], seqs[-1]] if seqs else None,
            "watermark": state.hidden_before_seq,
            "thinking": state.hidden_thinking_count,
            "earlier": t.select_has_earlier(state),
            "same": state is before,
        } == op["after"]
        assert seqs == ([] if not seqs else list(range(seqs[0], seqs[-1] + 1)))


@pytest.mark.parametrize("limit", [float("nan"), float("inf"), float("-inf")])
def test_a_limit_that_is_not_finite_means_none_or_the_default(limit):
    state = apply_history(initial_state(), stored(1, 300, []))
    assert t.trim_transcript(state, limit) is state
    assert t.chunk_limit(limit) == 256


@pytest.mark.parametrize("case", read_vectors("limits.jsonl"), ids=str)
def test_limits_vector(case):
    if "limit" in case:
        assert t.chunk_limit(case["value"]) == case["limit"]
    else:
        assert t.unload_unit(case["for"]) == case["unit"]
        assert t.fresh_window(case["for"]) == case["window"]


def ordered_as_json(turn: m.OrderedTurnMetrics) -> dict[str, Any]:
    total = turn.total and {
        "usage": turn.total.usage.to_wire(),
        "durationMs": turn.total.duration_ms,
        "contextSize": turn.total.context_size,
    }
    return {
        "turnId": turn.turn_id,
        "steps": [each.to_wire() for each in turn.steps],
        "total": total,
    }


@vectors("metrics.jsonl")
def test_metrics_vector(case):
    states, shown = [m.initial_metrics()], []
    for index, op in enumerate(case["ops"]):
        if "event" in op:
            after = m.fold_metrics(states[-1], parse_live_event(op["event"]))
        else:
            turns = [
                c.TurnMetrics.model_validate(turn, by_name=False, by_alias=True)
                for turn in op["durable"]
            ]
            after = m.apply_durable_metrics(states[-1], turns)
        assert (after is states[-1]) == (index in case["noop"])
        states.append(after)
        shown.append(m.select_ordered_turn_metrics(after))
    ordered = m.select_ordered_turn_metrics(states[-1])
    assert canonical([ordered_as_json(turn) for turn in ordered]) == canonical(case["ordered"])
    assert m.select_current_context_size(states[-1]) == case["contextSize"]
    assert [m.select_ordered_turn_metrics(state) for state in states[1:]] == shown


def row_as_json(row: pl.TranscriptRow, groups: list[Any]) -> list[Any]:
    if isinstance(row, pl.GroupRow):
        return ["group", groups.index(row.group)]
    if isinstance(row, pl.StepRow):
        return ["step", row.turn_id, row.step.step_id]
    previous = row.previous and row.previous.input_tokens
    return ["turn", row.turn_id, row.number, row.running.input_tokens, previous]


@vectors("placement.jsonl")
def test_placement_vector(case):
    # Chunks that are alike get a `seq` of their own, so that groups can be told apart.
    chunks = [each._replace(seq=n) for n, each in enumerate(rendered(case["chunks"]), 1)]
    groups = group_rendered_chunks(chunks)
    turns = [
        m.OrderedTurnMetrics(
            turn["turnId"],
            [c.StepMetrics.model_validate(each, by_alias=True) for each in turn["steps"]],
            turn["total"]
            and m.TurnTotal(
                c.Usage.model_validate(turn["total"]["usage"], by_alias=True),
                turn["total"]["durationMs"],
                turn["total"]["contextSize"],
            ),
        )
        for turn in case["turns"]
    ]
    rows = pl.interleave_turn_metrics(groups, turns)
    assert [row_as_json(row, groups) for row in rows] == case["rows"]
    assert [row.group for row in rows if isinstance(row, pl.GroupRow)] == groups


def act(state: s.SurfacesState, op: dict[str, Any]) -> tuple[s.SurfacesState, list[Any]]:
    match op["op"]:
        case "subscribe":
            after, subscribed = s.subscribe_surface(state, op["surfaceId"], op["conversationId"])
            return after, list(subscribed)
        case "unsubscribe":
            after, stopped = s.unsubscribe_surface(state, op["surfaceId"], op["conversationId"])
            return after, list(stopped)
        case "invoke":
            payload: Any = {"payload": op["payload"]} if "payload" in op else {}
            conversation = op["conversationId"]
            after, invoked = s.invoke_surface(
                state, op["surfaceId"], op["actionId"], conversation_id=conversation, **payload
            )
            return after, list(invoked)
        case "resubscribe":
            after, again = s.resubscribe_surfaces(state)
            return after, list(again)
        case _:
            message = parse_ws_server_message(op["message"])
            return s.fold_surface_message(state, message), []


def wire(value: WireModel | None) -> Any:
    return value and value.to_wire()


@vectors("surfaces.jsonl")
def test_surfaces_vector(case):
    state = s.initial_surfaces()
    for op in case["ops"]:
        before = state
        state, sent = act(state, op)
        assert [message.to_wire() for message in sent] == op["sends"]
        assert (state is before) == op["same"]
    assert {
        "catalog": [entry.to_wire() for entry in state.catalog],
        "subscriptions": [
            {
                "surfaceId": each.surface_id,
                "conversationId": each.conversation_id,
                "spec": wire(each.spec),
            }
            for each in state.subscriptions
        ],
        "lastError": wire(state.last_error),
    } == case["final"]
    for each in state.subscriptions:
        assert s.select_surface(state, each.surface_id, each.conversation_id) is each.spec
    assert s.select_surface(state, "nobody asked for this one") is None
