"""The log of a conversation: chunks, messages, events and windows of history."""

from __future__ import annotations

import sqlite3

import pytest
from pydantic import MISSING

from dispatch_nb.errors import StoreError
from dispatch_nb.store import (
    CommitStamp,
    EventRow,
    Store,
    reads,
    schema,
)
from dispatch_nb.wire.conversation import (
    ErrorChunk,
    ImageChunk,
    SystemChunk,
    TextChunk,
    ThinkingChunk,
    ToolCallChunk,
    ToolResultChunk,
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


EVERY_CHUNK = [
    TextChunk(text='Grüße 東京 🚀\u2028\u2029\x00\x1f"\\</script>\r\n'),
    TextChunk(text=""),
    ThinkingChunk(text="hm"),
    SystemChunk(text="note"),
    ErrorChunk(message="broke"),
    ErrorChunk(message="broke", code="500"),
    ImageChunk(url="data:image/png;base64,AA==", mime_type="image/png"),
    ToolCallChunk(tool_call_id="a", tool_name="f", input=None),
    ToolCallChunk(tool_call_id="b", tool_name="f", input="not { json", step_id="t0#0"),
    ToolCallChunk(tool_call_id="c", tool_name="f", input={"z": [1, 0.1, 10**30, None], "a": {}}),
    ToolResultChunk(tool_call_id="a", tool_name="f", content="\u2028", is_error=True),
]


def test_every_chunk_comes_back_exactly_as_it_was_stored(store):
    talk = Talk(store)
    stored, _ = talk.say(message("assistant", *EVERY_CHUNK))
    read = store.history("c").chunks
    assert read == stored
    assert [item.chunk for item in read] == EVERY_CHUNK
    assert [item.chunk.to_json() for item in read] == [chunk.to_json() for chunk in EVERY_CHUNK]
    assert [item.seq for item in read] == list(range(1, len(EVERY_CHUNK) + 1))
    assert store.messages("c") == [message("assistant", *EVERY_CHUNK)]


def test_everything_is_there_after_reopening(tmp_path):
    with Store(tmp_path / "lab.db") as first:
        talk = Talk(first)
        talk.say(message("user", "hello"))
        talk.happen("a", "b")
        before = (
            first.history("c"),
            first.messages("c"),
            first.events("c"),
            first.conversation("c"),
        )
    with Store(tmp_path / "lab.db") as second:
        after = (
            second.history("c"),
            second.messages("c"),
            second.events("c"),
            second.conversation("c"),
        )
    assert after == before
    assert after[3].last_seq == 1
    assert after[3].last_n == 3


def test_the_commit_event_stands_in_the_log_with_the_seqs_it_tells_of(store):
    talk = Talk(store)
    talk.happen("x")
    stored, row = talk.say(message("user", "one", "two"))
    assert [item.seq for item in stored] == [1, 2]
    assert (row.n, row.event.first_seq, row.event.count, row.event.step_id) == (2, 1, 2, MISSING)
    _, row = talk.say(message("assistant", "three"), step_id="t0#0")
    assert (row.event.first_seq, row.event.count, row.event.step_id) == (3, 1, "t0#0")
    assert [event.n for event in store.events("c")] == [1, 2, 3]
    assert store.events("c", since_n=2) == [row]
    assert store.last_n("c") == 3


def test_events_can_be_read_for_one_turn(store):
    talk = Talk(store)
    first = talk.happen("a", turn_id="t0")
    second = talk.happen("b", turn_id="t1")
    outside = EventRow(3, 5, 6, StatusEvent(conversation_id="c", status="active"))
    store.append_events("c", [outside]).result()
    assert store.events("c") == [*first, *second, outside]
    assert store.events("c", turn_id="t1") == second
    assert store.events("c", since_n=2, turn_id="t1") == []


def test_steps_appended_separately_are_separate_messages(store):
    """Defect 1 of the turn contract: borders by an index that each append restarts."""
    talk = Talk(store)
    said = [
        message("user", "weather in München please"),
        message("assistant", "Let me look. ", call(1), call(2)),
        message("tool", result(1, "12")),
        message("tool", result(2, "09:00")),
        message("assistant", ThinkingChunk(text="fine"), "12 degrees."),
        message("user", "hello"),
        message("user", "hello"),
        message("assistant", "Hello."),
    ]
    talk.say(said[0])
    talk.say(*said[1:4], step_id="t0#0")
    talk.say(said[4], step_id="t0#1")
    talk.say(said[5], turn_id="t1")
    talk.say(said[6], turn_id="t2")
    talk.say(said[7], turn_id="t2", step_id="t2#0")
    assert store.messages("c") == said


def test_steering_right_after_steering_is_its_own_message(store):
    talk = Talk(store)
    talk.say(message("user", "in French"))
    talk.say(message("user", "and short"))
    assert store.messages("c") == [message("user", "in French"), message("user", "and short")]


def test_results_in_one_tool_message_become_one_message_each(store):
    talk = Talk(store)
    talk.say(
        message("assistant", call(1), call(2)),
        message("tool", result(1, "a"), result(2, "b")),
        step_id="t0#0",
    )
    assert store.messages("c")[1:] == [
        message("tool", result(1, "a")),
        message("tool", result(2, "b")),
    ]


def test_an_empty_message_takes_no_place(store):
    talk = Talk(store)
    talk.say(message("assistant"), message("tool", result(1, "x")), step_id="t0#0")
    assert store.messages("c") == [message("tool", result(1, "x"))]
    assert store.conversation("c").message_count == 1


def test_nothing_to_store_is_refused_and_takes_no_number(store):
    talk = Talk(store)
    with pytest.raises(StoreError, match="nothing to store"):
        talk.say(message("assistant"))
    assert store.last_n("c") == 0


@pytest.mark.parametrize(
    ("window", "seqs", "latest"),
    [
        ({}, [1, 2, 3, 4, 5], 5),
        ({"since_seq": 3}, [4, 5], 5),
        ({"before_seq": 3}, [1, 2], 2),
        ({"limit": 2}, [4, 5], 5),
        ({"since_seq": 1, "before_seq": 5, "limit": 2}, [3, 4], 4),
        ({"since_seq": 5}, [], 5),
        ({"since_seq": 9}, [], 9),
        ({"since_seq": 2, "before_seq": 3}, [], 2),
        ({"before_seq": 1}, [], 0),
        ({"limit": 99}, [1, 2, 3, 4, 5], 5),
        ({"since_seq": -1, "before_seq": 0, "limit": 0}, [1, 2, 3, 4, 5], 5),
    ],
)
def test_history_gives_the_newest_of_a_window_in_order(store, window, seqs, latest):
    talk = Talk(store)
    talk.say(message("user", *"abcde"))
    read = store.history("c", **window)
    assert [item.seq for item in read.chunks] == seqs
    assert [item.chunk.text for item in read.chunks] == ["_abcde"[seq] for seq in seqs]
    assert read.latest_seq == latest


def test_an_unknown_conversation_reads_as_empty(store):
    assert store.history("nobody", since_seq=4).latest_seq == 4
    assert store.history("nobody").chunks == []
    assert store.messages("nobody") == store.events("nobody") == store.turn_metrics("nobody") == []


def test_history_costs_what_it_returns(store):
    steps = {}
    for size in (100, 5000):
        talk = Talk(store, f"c{size}")
        talk.say(*[message("user", f"{number}") for number in range(size)])
        windows = ((size - 10, None, None), (0, None, 10), (0, size, 10))
        with store.connect() as connection:
            driver = connection.connection.dbapi_connection
            for window in windows:
                ticks: list[int] = []
                driver.set_progress_handler(lambda ticks=ticks: ticks.append(1), 1)
                read = reads.history(connection, talk.id, *window)
                driver.set_progress_handler(None, 0)
                assert len(read.chunks) == 10
                steps[size, windows.index(window)] = len(ticks)
    for number in range(3):
        assert steps[5000, number] <= steps[100, number] * 1.1


def test_events_must_continue_the_log(store):
    talk = Talk(store)
    row = talk.happen("a")[0]
    with pytest.raises(StoreError, match=r"Another process is writing conversation 'c'.*event 1,"):
        store.append_events("c", [row]).result()
    with pytest.raises(StoreError, match="Event 3 cannot follow event 1"):
        store.append_events("c", [EventRow(3, 1, 1, row.event)]).result()
    with pytest.raises(StoreError, match="without gaps; these are 2, 4"):
        store.append_events(
            "c", [EventRow(2, 1, 1, row.event), EventRow(4, 1, 1, row.event)]
        ).result()
    with pytest.raises(StoreError, match="Another process"):
        store.append_chunks(
            "c", [message("user", "x")], turn_id="t", step_id=None, event=CommitStamp(1, 1, 1)
        ).result()
    assert store.events("c") == [row]
    assert store.history("c").chunks == []
    store.append_events("c", []).result()


def test_a_reader_of_a_file_cannot_write_it(tmp_path):
    with (
        Store(tmp_path / "lab.db") as store,
        pytest.raises(StoreError, match="cannot be written"),
        store.connect() as connection,
    ):
        connection.execute(schema.conversations.delete())


def test_one_connection_shows_one_moment(tmp_path):
    with Store(tmp_path / "lab.db") as store:
        talk = Talk(store)
        with store.connect() as connection:
            assert reads.history(connection, "c", 0, None, None).chunks == []
            talk.say(message("user", "hi"))
            assert reads.history(connection, "c", 0, None, None).chunks == []
        assert len(store.history("c").chunks) == 1


def test_a_read_inside_a_read_works(store):
    Talk(store).say(message("user", "hi"))
    with store.connect() as connection:
        assert len(store.history("c").chunks) == 1
        assert len(reads.history(connection, "c", 0, None, None).chunks) == 1
    assert len(store.history("c").chunks) == 1


def test_the_file_can_be_read_with_sqlite_alone(tmp_path):
    with Store(tmp_path / "lab.db") as store:
        Talk(store).say(message("user", "Grüße"))
    plain = sqlite3.connect(tmp_path / "lab.db")
    assert plain.execute("select seq, role, text from chunks").fetchall() == [(1, "user", "Grüße")]
    plain.close()
