"""The wire contract: what is taken, what is refused and in which words, what is written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import MISSING, ValidationError

from dispatch_nb.errors import UnknownVariantError, WireError
from dispatch_nb.wire import conformance as guard
from dispatch_nb.wire import conversation as c
from dispatch_nb.wire import events as e
from dispatch_nb.wire import extensions as x
from dispatch_nb.wire import parse as p
from dispatch_nb.wire import view as v
from dispatch_nb.wire.base import MAX_JSON_DEPTH
from tests.transcript_parts import canonical, read_vectors

SAMPLES = read_vectors("wire.jsonl")
VALID = [sample for sample in SAMPLES if sample.get("valid", True)]
INVALID = [sample for sample in SAMPLES if not sample.get("valid", True)]

PARSERS: dict[str, Any] = {
    "AgentEvent": p.parse_agent_event,
    "Chunk": p.parse_chunk,
    "StoredChunk": p.parse_stored_chunk,
    "WsServerMessage": p.parse_ws_server_message,
    "WsClientMessage": p.parse_ws_client_message,
    "ChatSendMessage": p.parse_chat_send_message,
    "ConversationHistoryResponse": p.parse_history_response,
}
LABELS: dict[str, Any] = {
    "AgentEvent": guard.assert_agent_event_exhaustive,
    "Chunk": guard.assert_chunk_exhaustive,
    "StoredChunk": lambda stored: guard.assert_chunk_exhaustive(stored.chunk),
    "WsServerMessage": guard.assert_ws_server_message_exhaustive,
    "WsClientMessage": guard.assert_ws_client_message_exhaustive,
    "ChatSendMessage": guard.assert_ws_client_message_exhaustive,
}
TURN = {"conversationId": "c", "turnId": "t"}
CALL = {"type": "tool-call", "toolCallId": "a", "toolName": "f"}


def nested(levels: int, *, as_object: bool = False) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value} if as_object else [value]
    return value


def test_all_samples_are_here():
    assert (len(VALID), len(INVALID)) == (116, 356)


@pytest.mark.parametrize("sample", VALID, ids=[f"{s['kind']}-{n}" for n, s in enumerate(VALID)])
@pytest.mark.parametrize("written", [False, True], ids=["data", "text"])
def test_a_valid_sample_survives_unchanged_under_its_label(sample, written):
    source = json.dumps(sample["value"]) if written else sample["value"]
    parsed = PARSERS[sample["kind"]](source)
    assert canonical(parsed.to_wire()) == canonical(sample["value"])
    assert canonical(json.loads(parsed.to_json())) == canonical(sample["value"])
    if "label" in sample:
        assert LABELS[sample["kind"]](parsed) == sample["label"]


@pytest.mark.parametrize("sample", INVALID, ids=[f"{s['kind']}: {s['why']}" for s in INVALID])
@pytest.mark.parametrize("written", [False, True], ids=["data", "text"])
def test_an_invalid_sample_is_refused(sample, written):
    source = json.dumps(sample["value"]) if written else sample["value"]
    with pytest.raises(WireError):
        PARSERS[sample["kind"]](source)


@pytest.mark.parametrize(
    ("parse", "value", "sentence"),
    [
        (p.parse_chunk, {"type": "text"}, "Chunk: field 'text' is missing."),
        (p.parse_chunk, {"type": "text", "text": 5}, "Chunk: field 'text' must be text, not 5."),
        (p.parse_chunk, {"text": "x"}, "Chunk has no type."),
        (p.parse_chunk, 5, "Chunk must be an object, not 5."),
        (p.parse_chunk, {"type": "blob"}, "Chunk has an unknown type, 'blob'."),
        (
            p.parse_agent_event,
            {"type": "usage", **TURN, "usage": {"inputTokens": "7", "outputTokens": 1}},
            "AgentEvent: field 'usage.inputTokens' must be a whole number, not '7'.",
        ),
        (
            p.parse_agent_event,
            {"type": "done", **TURN, "reason": "stop", "durationMs": True},
            "AgentEvent: field 'durationMs' must be a finite number, not a boolean.",
        ),
        (
            p.parse_history_response,
            {"latestSeq": 1, "chunks": [{"seq": 1, "role": "user", "chunk": {"type": "text"}}]},
            "ConversationHistoryResponse: field 'chunks.0.chunk.text' is missing.",
        ),
        (
            p.parse_ws_server_message,
            {"type": "chat.delta", "event": {"type": "bogus"}},
            "server message: field 'event' has an unknown type, 'bogus'.",
        ),
        (
            p.parse_view_message,
            {"type": "events", "from": 1, "upto": 1, "events": [{"type": "text-delta", **TURN}]},
            "view message: field 'events.0.delta' is missing.",
        ),
        (
            p.parse_live_event,
            {"type": "nb.chunks-committed", **TURN, "firstSeq": 1.5, "count": 1},
            "event: field 'firstSeq' must be a whole number, not 1.5.",
        ),
        (
            p.parse_chunk,
            {**CALL, "input": {"a": [float("nan")]}},
            "Chunk: field 'input' must not contain NaN or Infinity.",
        ),
        (
            p.parse_chunk,
            {**CALL, "input": [-(10**400)]},
            "Chunk: field 'input' must not contain a number beyond 1.79e308.",
        ),
        (
            p.parse_chunk,
            {**CALL, "input": {"a": {1, 2}}},
            "Chunk: field 'input' must be JSON, not a Python set.",
        ),
        (
            p.parse_chunk,
            {**CALL, "input": nested(201)},
            "Chunk: field 'input' must not be nested deeper than 200 levels.",
        ),
        (p.parse_chunk, "{", "This is not JSON: "),
        (p.parse_chunk, b"\xff", "This is not JSON: "),
    ],
)
def test_an_error_names_the_field_and_what_to_change(parse, value, sentence):
    with pytest.raises(WireError) as caught:
        parse(value)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("as_object", [False, True])
def test_what_a_model_takes_it_can_write_wherever_it_stands(as_object):
    given = nested(MAX_JSON_DEPTH, as_object=as_object)
    event = e.ToolCallEvent.model_validate({**TURN, **CALL, "input": given})
    message = v.EventsMessage.model_validate({"from": 1, "upto": 1, "events": [event]})
    assert p.parse_view_message(message.to_json()) == message


@pytest.mark.parametrize("levels", [MAX_JSON_DEPTH + 1, 100_000])
def test_a_model_that_could_not_be_written_is_not_built(levels):
    with pytest.raises(ValidationError, match="nested deeper than 200 levels"):
        c.ToolCallChunk(tool_call_id="t", tool_name="f", input=nested(levels))


def test_an_error_does_not_repeat_a_long_text():
    with pytest.raises(WireError, match=r"must be a whole number, not text\.$"):
        p.parse_stored_chunk({"seq": "x" * 41, "role": "user", "chunk": {"type": "text"}})


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_have_are_refused(number):
    for field in (f'"input": {number}', f'"input": {{"a": [{number}]}}'):
        text = json.dumps(CALL)[:-1] + f", {field}}}"
        with pytest.raises(WireError, match=r"NaN|Infinity"):
            p.parse_chunk(text)
        with pytest.raises(WireError, match="NaN or Infinity"):
            p.parse_chunk(json.loads(text))
    done = {"type": "done", **TURN, "reason": "stop", "durationMs": float(number)}
    for source in (done, json.dumps(done)):
        with pytest.raises(WireError, match=r"durationMs|JSON"):
            p.parse_agent_event(source)
    with pytest.raises(ValidationError):
        c.ToolCallChunk(tool_call_id="a", tool_name="f", input=float(number))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a\ud800b", "a\ufffdb"),
        ("\udc00", "\ufffd"),
        ("\ud83d\ude00", "😀"),
        ("\ude00\ud83d", "\ufffd" * 2),
    ],
)
def test_a_lone_surrogate_becomes_a_replacement_character(given, kept):
    value = {**CALL, "toolName": given, "input": {given: [given, {"x": given}]}}
    for source in (value, json.dumps(value)):
        call = p.parse_chunk(source)
        assert isinstance(call, c.ToolCallChunk)
        assert call.tool_name == kept
        assert call.input == {kept: [kept, {"x": kept}]}
        assert p.parse_chunk(call.to_json().encode()) == call
    assert c.TextChunk(text=given).text == kept


def test_a_null_input_survives_and_a_null_option_is_refused():
    call = p.parse_chunk({**CALL, "input": None})
    assert call.to_wire() == {**CALL, "input": None}
    assert json.loads(call.to_json()) == {**CALL, "input": None}
    with pytest.raises(WireError, match="stepId"):
        p.parse_chunk({**CALL, "input": None, "stepId": None})


def test_an_absent_option_is_missing_in_python_and_stays_absent():
    call = p.parse_chunk({**CALL, "input": {}})
    assert isinstance(call, c.ToolCallChunk)
    assert call.step_id is MISSING
    assert "stepId" not in call.to_wire()
    assert "stepId" not in call.to_json()


def test_unknown_extra_fields_are_dropped():
    chunk = p.parse_chunk({"type": "text", "text": "x", "color": "red", "__proto__": {}})
    assert chunk.to_wire() == {"type": "text", "text": "x"}


def test_snake_case_names_are_refused_on_the_wire():
    snake = {"type": "tool-call", "tool_call_id": "a", "tool_name": "f", "input": {}}
    for source in (snake, json.dumps(snake)):
        with pytest.raises(WireError, match="'toolCallId' is missing"):
            p.parse_chunk(source)


def test_a_value_cannot_be_changed():
    chunk = c.TextChunk(text="x")
    with pytest.raises(ValidationError):
        chunk.text = "y"


@pytest.mark.parametrize("depth", [2_000, 100_000])
def test_json_nested_without_end_is_refused(depth):
    text = json.dumps(CALL)[:-1] + ', "input": ' + "[" * depth + "]" * depth + "}"
    for source in ({**CALL, "input": nested(depth)}, text):
        with pytest.raises(WireError):
            p.parse_chunk(source)
    with pytest.raises(WireError, match="must be text, not a list"):
        p.parse_chunk({"type": "text", "text": nested(depth)})


def test_an_unknown_type_is_its_own_kind_of_error():
    for parse, value in (
        (p.parse_agent_event, {"type": "nb.tool-settled", **TURN}),
        (p.parse_live_event, {"type": "nb.unheard-of", **TURN}),
        (p.parse_kernel_message, {"type": "snapshot"}),
    ):
        with pytest.raises(UnknownVariantError, match="unknown type"):
            parse(value)


@pytest.mark.parametrize(
    "event",
    [
        x.ChunksCommittedEvent(conversation_id="c", turn_id="t", first_seq=3, count=2),
        x.ToolSettledEvent(
            conversation_id="c", turn_id="t", step_id="t#0", tool_call_id="a", is_error=False
        ),
        x.TurnRefusedEvent(conversation_id="c", turn_id="t", message="busy"),
        e.ProviderRetryEvent(
            conversation_id="c", turn_id="t", attempt=0, delay_ms=1.5, message="x", code="429"
        ),
        e.StepCompleteEvent(conversation_id="c", turn_id="t", step_id="t#0", ttft_ms=2),
    ],
)
def test_a_live_event_survives_the_wire(event):
    assert p.parse_live_event(event.to_json()) == event
    assert p.parse_live_event(event.to_wire()) == event


@pytest.mark.parametrize("case", read_vectors("live.jsonl"), ids=lambda case: case["name"])
def test_a_snapshot_survives_the_wire(case):
    snapshot = p.parse_view_message(case["final"])
    assert isinstance(snapshot, v.SnapshotMessage)
    assert canonical(snapshot.to_wire()) == canonical(case["final"])
    assert p.parse_view_message(snapshot.to_json()) == snapshot


def test_widget_messages_use_the_word_from_on_the_wire():
    resync = p.parse_kernel_message('{"type": "resync", "from": 4}')
    assert isinstance(resync, v.ResyncMessage)
    assert resync.from_ == 4
    assert resync.to_wire() == {"type": "resync", "from": 4}
    with pytest.raises(WireError, match="'from' is missing"):
        p.parse_kernel_message({"type": "resync", "from_": 4})
