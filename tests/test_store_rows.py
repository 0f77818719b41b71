"""Conversations, turns, steps and tool calls as the store keeps them."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest
import sqlalchemy as sa
from pydantic import MISSING

from dispatch_nb.errors import StoreError, UnknownConversationError
from dispatch_nb.store import (
    ChunkSide,
    ConversationRow,
    EventRow,
    StepRow,
    Store,
    ToolCallRow,
    TurnRow,
    schema,
)
from dispatch_nb.wire.conversation import (
    Usage,
)
from dispatch_nb.wire.events import StatusEvent
from tests.store_parts import (
    Talk,
    call,
    message,
    result,
)


@pytest.fixture(params=["file", "memory"])
def store(request, tmp_path):
    with Store(":memory:" if request.param == "memory" else tmp_path / "lab.db") as opened:
        yield opened


def tool_rows(store):
    with store.connect() as connection:
        query = sa.select(schema.tool_calls).order_by(schema.tool_calls.c.call_seq)
        return [ToolCallRow(**row) for row in connection.execute(query).mappings()]


def test_a_wrong_id_is_answered_with_the_nearest_ones(store):
    with pytest.raises(UnknownConversationError, match=r"no conversation 'lecture'.*none yet"):
        store.conversation("lecture")
    for name in ("lecture-1", "lecture-2", "zoo"):
        Talk(store, name)
    with pytest.raises(UnknownConversationError, match=r"'lecture'.*Nearest: 'lecture-2', 'lectu"):
        store.conversation("lecture")
    for write in (
        store.update_conversation("lecture", title="x"),
        store.append_events(
            "lecture", [EventRow(1, 1, 1, StatusEvent(conversation_id="", status=""))]
        ),
        store.begin_turn(TurnRow("t", "lecture")),
    ):
        with pytest.raises(UnknownConversationError, match="Nearest"):
            write.result()


def test_conversations_are_listed_newest_activity_first(store):
    old, new = Talk(store, "old"), Talk(store, "new")
    new.say(message("user", "hi"))
    old.happen("x", "y")
    assert store.conversation_ids() == ["old", "new"]
    assert [row.updated_us for row in store.list_conversations()] == [1002, 1001]


def test_a_conversation_can_be_changed_but_not_made_twice(store):
    talk = Talk(store)
    store.update_conversation("c", title="Gr\ud800üße\0", tags_json='["a"]').result()
    assert store.conversation("c").title == "Gr\ufffdüße\ufffd"
    talk.say(message("user", "hi"))
    with pytest.raises(StoreError, match="already holds a conversation 'c'"):
        store.create_conversation(ConversationRow("c", created_us=9)).result()
    assert store.conversation("c").last_seq == 1
    with pytest.raises(StoreError, match=r"no column 'last_seq' to set.*title"):
        store.update_conversation("c", last_seq=7)


def test_side_data_and_searchable_columns_stand_beside_the_chunk(store):
    talk = Talk(store)
    sides = [ChunkSide(10, 20, 3), ChunkSide(is_interrupted=True), ChunkSide()]
    talk.say(
        message("assistant", "a\0b", call(1)),
        message("tool", result(1, "no", is_error=True)),
        step_id="t0#0",
        sides=sides,
    )
    with store.connect() as connection:
        rows = connection.execute(sa.select(schema.chunks)).mappings().all()
    assert [row["text"] for row in rows] == ["a\ufffdb", None, None]
    assert [row["tool_call_id"] for row in rows] == [None, "call_1", "call_1"]
    assert [row["is_error"] for row in rows] == [None, None, True]
    assert [row["message_id"] for row in rows] == ["c/0", "c/0", "c/1"]
    assert [row["chunk_index"] for row in rows] == [0, 1, 0]
    assert [row["delta_count"] for row in rows] == [3, None, None]
    assert [row["is_interrupted"] for row in rows] == [False, True, False]
    assert json.loads(rows[1]["chunk_json"])["input"] is None
    with pytest.raises(StoreError, match="1 chunks came with side data for 2"):
        talk.say(message("user", "x"), sides=sides[:2])


def test_every_tool_call_gets_a_row_that_knows_its_result(store):
    talk = Talk(store)
    talk.say(
        message("assistant", call(1), call(2), call(3), call(4)),
        message("tool", result(1, "ü")),
        message("tool", result(2, "broke", is_error=True)),
        message("tool", result(3, "Aborted", is_error=True)),
        step_id="t0#0",
        tool_calls=[ToolCallRow("call_1", approval="auto", duration_ms=1.5)],
    )
    rows = tool_rows(store)
    assert [row.status for row in rows] == ["completed", "error", "aborted", "pending"]
    assert [(row.call_seq, row.result_seq) for row in rows] == [(1, 5), (2, 6), (3, 7), (4, None)]
    assert [row.result_bytes for row in rows] == [2, 5, 7, None]
    assert [row.error_message for row in rows] == [None, "broke", "Aborted", None]
    assert {(row.turn_id, row.step_id, row.tool_name) for row in rows} == {("t0", "t0#0", "add")}
    assert (rows[0].approval, rows[0].duration_ms) == ("auto", 1.5)


def test_repeated_call_ids_meet_their_results_in_order(store):
    talk = Talk(store)
    talk.say(
        message("assistant", call(1), call(1)),
        message("tool", result(1, "a")),
        message("tool", result(1, "b")),
        tool_calls=[ToolCallRow("call_1", duration_ms=1), ToolCallRow("call_1", duration_ms=2)],
        step_id="t0#0",
    )
    rows = tool_rows(store)
    assert [(row.call_seq, row.result_seq, row.duration_ms) for row in rows] == [
        (1, 3, 1),
        (2, 4, 2),
    ]


def test_data_for_a_call_that_is_not_there_is_refused_whole(store):
    talk = Talk(store)
    with pytest.raises(StoreError, match="'call_9' came with data but is not among the chunks"):
        talk.say(message("assistant", call(1)), tool_calls=[ToolCallRow("call_9")])
    assert store.history("c").chunks == []
    assert store.last_n("c") == 0


def test_metrics_tell_of_sealed_turns_only(store):
    Talk(store)
    assert store.begin_turn(TurnRow("t0", "c", "hi")).result().turn_index == 0
    store.save_step(StepRow("t0#0", "t0", "c", 0, input_tokens=1)).result()
    store.save_step(
        StepRow(
            "t0#0", "t0", "c", 0, input_tokens=10, output_tokens=4, cache_read_tokens=8, ttft_ms=2.5
        )
    ).result()
    store.save_step(StepRow("t0#1", "t0", "c", 1, input_tokens=20, output_tokens=1)).result()
    assert store.turn_metrics("c") == []
    store.finish_turn(
        "t0", status="completed", sealed_us=5, duration_ms=7, context_size=21
    ).result()
    assert store.begin_turn(TurnRow("t1", "c")).result().turn_index == 1
    (metrics,) = store.turn_metrics("c")
    assert metrics.usage == Usage(input_tokens=30, output_tokens=5, cache_read_tokens=8)
    assert [step.step_id for step in metrics.steps] == ["t0#0", "t0#1"]
    assert metrics.steps[0].ttft_ms == 2.5
    assert metrics.steps[1].usage == Usage(input_tokens=20, output_tokens=1)
    assert (metrics.duration_ms, metrics.context_size) == (7, 21)
    assert metrics.steps[1].ttft_ms is MISSING
    store.finish_turn("t1", sealed_us=6, input_tokens=3, output_tokens=0).result()
    assert store.turn_metrics("c")[1].usage == Usage(input_tokens=3, output_tokens=0)


def test_a_turn_that_was_never_begun_cannot_be_finished(store):
    with pytest.raises(StoreError, match="no turn 'nope'"):
        store.finish_turn("nope", status="completed").result()
    with pytest.raises(StoreError, match="no column 'colour' to set"):
        store.finish_turn("nope", colour="red")
    with pytest.raises(StoreError, match="given nothing to set"):
        store.finish_turn("nope")


def test_turns_that_nobody_runs_are_marked_interrupted(store):
    Talk(store)
    Talk(store, "other")
    for turn_id, conversation_id in (("a", "c"), ("b", "c"), ("x", "other")):
        store.begin_turn(TurnRow(turn_id, conversation_id))
    store.finish_turn("a", status="completed")
    assert store.mark_interrupted("c").result() == 1
    with store.connect() as connection:
        query = sa.select(
            schema.turns.c.turn_id, schema.turns.c.status, schema.turns.c.is_lower_bound
        )
        found = {row.turn_id: (row.status, row.is_lower_bound) for row in connection.execute(query)}
    assert found == {"a": ("completed", False), "b": ("interrupted", True), "x": ("running", False)}


def test_the_rows_are_the_columns_of_their_tables():
    pairs = [
        (ConversationRow, schema.conversations),
        (TurnRow, schema.turns),
        (StepRow, schema.steps),
        (ToolCallRow, schema.tool_calls),
    ]
    for row, table in pairs:
        assert {field.name for field in fields(row)} == set(table.columns.keys())
