"""Commits, steering, retries and side data: our own vectors, and what any log must keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dispatch_nb.transcript.coalesce import join_deltas
from dispatch_nb.transcript.history import apply_history
from dispatch_nb.transcript.live import (
    LiveState,
    fold_live,
    initial_live,
    live_from_history,
    to_snapshot,
)
from dispatch_nb.transcript.reducer import fold_event
from dispatch_nb.transcript.selectors import select_chunks, select_messages
from dispatch_nb.transcript.state import TranscriptState, initial_state
from dispatch_nb.transcript.sync import sync_history
from dispatch_nb.wire import conversation as c
from dispatch_nb.wire import events as e
from dispatch_nb.wire import extensions as x
from dispatch_nb.wire.parse import parse_live_event, parse_stored_chunk
from tests.transcript_parts import canonical, live_as_json, read_vectors, short_hash

CASES = read_vectors("live.jsonl")


def apply(live: LiveState, op: dict[str, Any]) -> LiveState:
    if "history" in op:
        chunks = [parse_stored_chunk(chunk) for chunk in op["history"]]
        transcript = sync_history(live.transcript, chunks)
        return live if transcript is live.transcript else live._replace(transcript=transcript)
    return fold_live(live, parse_live_event(op))


def fold_all(events: Sequence[x.LiveEvent], live: LiveState | None = None) -> LiveState:
    live = initial_live() if live is None else live
    for event in events:
        live = fold_live(live, event)
    return live


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_live_vector(case):
    states = [initial_live()]
    for index, op in enumerate(case["ops"]):
        after = apply(states[-1], op)
        assert (after is states[-1]) == (index in case["noop"])
        states.append(after)
    shown = [live_as_json(live, next=number) for number, live in enumerate(states, 1)]
    assert [short_hash(state) for state in shown[1:]] == case["hashes"]
    assert canonical(shown[-1]) == canonical(case["final"])
    messages = [message.to_wire() for message in select_messages(states[-1].transcript)]
    assert canonical(messages) == canonical(case["messages"])
    streaming = [rendered.streaming for rendered in select_chunks(states[-1].transcript)]
    assert any(streaming) == case["streaming"]
    assert not any(streaming[:-1])


IDS: dict[str, Any] = {"conversation_id": "c"}
WRITTEN = {**IDS, "turn_id": "t1", "tool_call_id": "a", "tool_name": "f", "step_id": "s"}
texts = st.text(alphabet="ab \n\u0301😀", max_size=4)


@st.composite
def any_event(draw: st.DrawFn) -> x.LiveEvent:
    turn = {**IDS, "turn_id": draw(st.sampled_from(["t1", "t2"]))}
    call: dict[str, Any] = {"tool_call_id": draw(st.sampled_from(["a", "b"])), "tool_name": "f"}
    number = draw(st.integers(1, 4))
    makers: list[Callable[[], x.LiveEvent]] = [
        lambda: e.TextDeltaEvent(**turn, delta=draw(texts)),
        lambda: e.TextDeltaEvent(**turn, delta=draw(texts)),
        lambda: e.ReasoningDeltaEvent(**turn, delta=draw(texts)),
        lambda: e.ToolOutputEvent(
            **turn, tool_call_id="a", data="x", stream=draw(st.sampled_from(["stdout", "stderr"]))
        ),
        lambda: e.ToolCallEvent(**turn, **call, input=None),
        lambda: e.ToolResultEvent(**turn, **call, content="", is_error=False),
        lambda: e.UserMessageEvent(**turn, text=draw(texts)),
        lambda: e.SteeringEvent(**turn, text="more"),
        lambda: e.ErrorEvent(**turn, message="broke"),
        lambda: e.ProviderRetryEvent(**turn, attempt=0, delay_ms=1, message="busy"),
        lambda: e.DoneEvent(**turn, reason="stop"),
        lambda: e.TurnSealedEvent(**turn),
        lambda: x.ChunksCommittedEvent(**turn, first_seq=draw(st.integers(1, 9)), count=number),
        lambda: x.ToolSettledEvent(**turn, step_id="s", tool_call_id="a", is_error=False),
        lambda: x.ToolInputDeltaEvent(**turn, **call, step_id="s", delta=draw(texts)),
        lambda: x.PromptImagesEvent(**turn, images=[c.ImageChunk(url="images/a")] * (number - 1)),
        lambda: x.ChunkDetailEvent(
            **turn,
            kind=draw(st.sampled_from(["text", "thinking"])),
            alone=draw(st.booleans()),
            provider="p",
        ),
    ]
    return draw(st.sampled_from(makers))()


@st.composite
def conversation(draw: st.DrawFn) -> list[x.LiveEvent]:
    """The event log of a whole conversation, with a commit wherever the store makes one."""
    events: list[x.LiveEvent] = []
    next_seq = 1

    def commit(turn: dict[str, Any], count: int) -> None:
        nonlocal next_seq
        if count:
            events.append(x.ChunksCommittedEvent(**turn, first_seq=next_seq, count=count))
            next_seq += count

    for number in range(draw(st.integers(1, 3))):
        turn: dict[str, Any] = {**IDS, "turn_id": f"t{number}"}
        events.append(e.UserMessageEvent(**turn, text="hi"))
        images = [c.ImageChunk(url="images/a")] * draw(st.integers(0, 2))
        if images:
            events.append(x.PromptImagesEvent(**turn, images=images))
        commit(turn, 1 + len(images))
        events.append(e.TurnStartEvent(**turn))
        for step in range(draw(st.integers(1, 3))):
            step_id: dict[str, Any] = {"step_id": f"t{number}#{step}"}
            kinds = draw(st.lists(st.sampled_from([e.TextDeltaEvent, e.ReasoningDeltaEvent])))
            events += [kind(**turn, delta=draw(texts)) for kind in kinds]
            count = sum(1 for _ in groupby(kinds))
            ids = [f"call{index}" for index in range(draw(st.integers(0, 2)))]
            calls: list[dict[str, Any]] = [
                {"tool_call_id": name, "tool_name": "f", **step_id} for name in ids
            ]
            events += [e.ToolCallEvent(**turn, **call, input={}) for call in calls]
            events.append(e.StepCompleteEvent(**turn, **step_id))
            events += [
                e.ToolResultEvent(**turn, **call, content="", is_error=False) for call in calls
            ]
            commit(turn, count + 2 * len(calls))
            if draw(st.booleans()) and calls:
                events.append(e.SteeringEvent(**turn, text="hi"))
                commit(turn, 1)
        events += [e.DoneEvent(**turn, reason="stop"), e.TurnSealedEvent(**turn)]
    return events


@example([x.ToolInputDeltaEvent(**WRITTEN, delta=delta) for delta in "ab"])
@given(st.lists(any_event(), max_size=25))
def test_folding_joined_deltas_equals_folding_all(events):
    joined = join_deltas(events)
    one, other = fold_all(joined), fold_all(events)
    assert one == other
    written = [live.extensions.working_tools for live in (one, other)]
    assert not any(written[0][id] != written[1][id] for id in written[0])
    assert all(join_deltas([a, b]) == [a, b] for a, b in pairwise(joined))


@given(st.lists(any_event(), max_size=25))
def test_no_fold_changes_an_older_state_or_its_event(events):
    states, shown = [initial_live()], [live_as_json(initial_live())]
    written = [event.to_json() for event in events]
    for event in events:
        states.append(fold_live(states[-1], event))
        shown.append(live_as_json(states[-1]))
    assert [live_as_json(live) for live in states] == shown
    assert [event.to_json() for event in events] == written


@given(st.lists(any_event(), max_size=12), any_event(), any_event())
def test_two_futures_of_one_state_do_not_meet(events, one, other):
    past = fold_all(events)
    alone = live_as_json(fold_all([other], fold_all(events)))
    first, second = fold_live(past, one), fold_live(past, other)
    assert live_as_json(second) == alone
    assert live_as_json(first) == live_as_json(fold_all([*events, one]))


@given(st.lists(any_event(), max_size=25))
def test_commits_never_double_or_reorder_chunks(events):
    states = [initial_live()]
    for event in events:
        states.append(fold_live(states[-1], event))
        seqs = [stored.seq for stored in states[-1].transcript.committed]
        assert seqs == sorted(set(seqs))


def loaded(state: TranscriptState) -> int:
    return len(select_chunks(state))


@given(conversation())
def test_a_commit_moves_chunks_and_shows_the_same(events):
    live = initial_live()
    for event in events:
        before, live = live, fold_live(live, event)
        if isinstance(event, x.ChunksCommittedEvent):
            was, now = select_chunks(before.transcript), select_chunks(live.transcript)
            assert [(r.role, r.chunk) for r in was] == [(r.role, r.chunk) for r in now]
    seqs = [stored.seq for stored in live.transcript.committed]
    assert seqs == list(range(1, loaded(live.transcript) + 1))


@given(conversation(), st.data())
def test_a_late_joiner_who_loads_history_ends_with_the_same_chunks(events, data):
    states = [initial_live()]
    for event in events:
        states.append(fold_live(states[-1], event))
    settled = [
        n for n, live in enumerate(states) if loaded(live.transcript) == len(live[0].committed)
    ]
    joined_at = data.draw(st.sampled_from(settled))
    read_at = data.draw(st.integers(joined_at, len(events)))
    late = live_from_history(states[read_at].transcript.committed)
    late = fold_all(events[joined_at:], late)
    assert select_chunks(late.transcript) == select_chunks(states[-1].transcript)


@given(conversation(), st.data())
def test_a_joiner_inside_a_step_never_gets_a_wrong_chunk(events, data):
    states = [initial_live()]
    for event in events:
        states.append(fold_live(states[-1], event))
    truth = {stored.seq: stored for stored in states[-1].transcript.committed}
    joined_at = data.draw(st.integers(0, len(events)))
    late = live_from_history(states[joined_at].transcript.committed)
    late = fold_all(events[joined_at:], late)
    for stored in late.transcript.committed:
        real = truth[stored.seq]
        assert stored.role == real.role
        if isinstance(stored.chunk, c.TextChunk | c.ThinkingChunk):
            assert isinstance(real.chunk, type(stored.chunk))
            assert real.chunk.text.endswith(stored.chunk.text)
        else:
            assert stored.chunk == real.chunk


def stored(seq: int, text: str = "x") -> c.StoredChunk:
    return c.StoredChunk(seq=seq, role="user", chunk=c.TextChunk(text=text))


@given(
    st.lists(st.tuples(st.integers(1, 9), texts), max_size=9),
    st.lists(st.tuples(st.integers(1, 9), texts), max_size=9),
)
def test_applying_a_history_twice_equals_applying_it_once(first, second):
    state = apply_history(initial_state(), [stored(*each) for each in first])
    chunks = [stored(*each) for each in second]
    once = apply_history(state, chunks)
    assert apply_history(once, chunks) == once
    assert {s.seq: s for s in once.committed} == {s.seq: s for s in [*state.committed, *chunks]}


def test_an_event_of_a_kind_nobody_knows_returns_the_same_state():
    class NewerEvent(e.TurnEvent):
        type: str = "nb.from-a-newer-version"

    live = fold_all([e.TextDeltaEvent(**IDS, turn_id="t", delta="x")])
    unknown: Any = NewerEvent(**IDS, turn_id="t")
    assert fold_live(live, unknown) is live
    assert fold_event(live.transcript, unknown) is live.transcript


def test_deltas_are_joined_within_a_turn_a_call_and_a_stream_only():
    text = e.TextDeltaEvent(**IDS, turn_id="t1", delta="a")
    other_turn = text.model_copy(update={"turn_id": "t2"})
    thinking = e.ReasoningDeltaEvent(**IDS, turn_id="t1", delta="b")
    out = e.ToolOutputEvent(**IDS, turn_id="t1", tool_call_id="1", data="c", stream="stdout")
    err = out.model_copy(update={"stream": "stderr"})
    other_call = err.model_copy(update={"tool_call_id": "2"})
    assert join_deltas([text, text, thinking, text, other_turn, out, out, err, other_call]) == [
        text.model_copy(update={"delta": "aa"}),
        thinking,
        text,
        other_turn,
        out.model_copy(update={"data": "cc"}),
        err,
        other_call,
    ]


def settled(name: str) -> x.ToolSettledEvent:
    return x.ToolSettledEvent(
        **IDS, turn_id="t", step_id="s", tool_call_id=name, is_error=name == "b"
    )


def test_an_older_state_does_not_know_calls_that_ended_later():
    past = fold_all([settled("a")])
    one, other = fold_live(past, settled("b")), fold_live(past, settled("c"))
    tools = [list(live.extensions.settled_tools) for live in (past, one, other)]
    assert tools == [[("s", "a")], [("s", "a"), ("s", "b")], [("s", "a"), ("s", "c")]]
    assert ("s", "b") not in past.extensions.settled_tools
    assert one.extensions.settled_tools["s", "b"].is_error
    with pytest.raises(KeyError):
        other.extensions.settled_tools["s", "b"]


def test_a_snapshot_holds_the_newest_chunks_only():
    live = live_from_history([stored(seq) for seq in range(1, 11)])
    snapshot = to_snapshot(live, next=8, window=3)
    assert [s.seq for s in snapshot.transcript.committed] == [8, 9, 10]
    assert snapshot.next == 8
    assert to_snapshot(live, next=8, window=0).transcript.committed == []
