"""Anything a server may send as a Messages stream is read without a fault of ours."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from dispatch_nb.engine.contracts import (
    AnswerInfo,
    Failure,
    Finish,
    ProviderEvent,
    ToolCall,
    UsageReport,
)
from dispatch_nb.providers.answer import Answer
from dispatch_nb.providers.messages_reader import MessageReader
from dispatch_nb.providers.sse import SseDecoder

anything: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)


def rarely_odd(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 9).flatmap(lambda odd: anything if odd == 0 else usual)


def an_object(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return an object with any of the fields, which are rarely something else."""
    return st.fixed_dictionaries(
        {}, optional={name: rarely_odd(value) for name, value in fields.items()}
    )


words = st.sampled_from(["", "a", "hm ", '{"a"', ": 1}", "{}", "[", "é\u2028", "c2ln"])
indexes = st.sampled_from([0, 0, 1, 1, 2])
counts = st.sampled_from([0, 1, 30, None])
usage = an_object(
    input_tokens=counts,
    output_tokens=counts,
    cache_read_input_tokens=counts,
    cache_creation_input_tokens=counts,
    output_tokens_details=an_object(thinking_tokens=counts),
)
kinds = st.sampled_from(
    ["text", "thinking", "tool_use", "tool_use", "redacted_thinking", "server_tool_use", "new"]
)
blocks = an_object(
    type=kinds,
    text=words,
    thinking=words,
    signature=words,
    data=words,
    id=words,
    name=words,
    input=st.just({}),
)
deltas = an_object(
    type=st.sampled_from(
        ["text_delta", "thinking_delta", "signature_delta", "input_json_delta", "citations_delta"]
    ),
    text=words,
    thinking=words,
    signature=words,
    partial_json=words,
)
messages = an_object(id=st.sampled_from(["msg_1", "msg_1", "msg_2"]), model=words, usage=usage)
reasons = an_object(stop_reason=st.sampled_from(["end_turn", "tool_use", "max_tokens", None]))
frames = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("content_block_start"), "index": indexes, "content_block": blocks}
    ),
    st.fixed_dictionaries(
        {"type": st.just("content_block_delta"), "index": indexes, "delta": deltas}
    ),
    st.fixed_dictionaries({"type": st.just("content_block_stop"), "index": rarely_odd(indexes)}),
    st.fixed_dictionaries(
        {"type": st.just("message_delta"), "delta": rarely_odd(reasons), "usage": usage}
    ),
    st.sampled_from([{"type": "ping"}, {"type": "new"}, {}]),
)
starts = st.fixed_dictionaries({"type": st.just("message_start"), "message": rarely_odd(messages)})
ends = st.sampled_from(
    [
        [{"type": "message_stop"}],
        [{"type": "message_delta", "delta": {"stop_reason": "tool_use"}}, {"type": "message_stop"}],
        [{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}],
        [],
    ]
)
streams = st.tuples(
    st.lists(starts, min_size=1, max_size=1), st.lists(st.one_of(frames, starts), max_size=12), ends
).map(lambda parts: [*parts[0], *parts[1], *parts[2]])


def read(body: bytes, size: int) -> list[ProviderEvent]:
    answer = Answer("the server", MessageReader("m"), SseDecoder())
    events: list[ProviderEvent] = []
    for start in range(0, len(body), size):
        events += answer.feed(body[start : start + size])
    return events + answer.flush()


@given(streams, st.integers(1, 40))
def test_an_answer_of_any_frames_ends_once_and_calls_nothing_unless_it_is_whole(
    sent: list[Any], size: int
):
    body = "".join(f"data: {json.dumps(frame)}\n\n" for frame in sent).encode()
    events = read(body, len(body))
    assert without_made_ids(events) == without_made_ids(read(body, size))
    ended = [type(each) for each in events if isinstance(each, Failure | Finish)]
    assert len(ended) <= 1
    assert not ended or isinstance(events[-1], Failure | Finish)
    assert sum(isinstance(each, UsageReport) for each in events) <= 1
    assert sum(isinstance(each, AnswerInfo) for each in events) == 1
    if ended == [Failure]:
        assert not any(isinstance(each, ToolCall) for each in events)
    event(f"ended with {ended}")


def without_made_ids(events: list[ProviderEvent]) -> list[Any]:
    """Return events without the ids that were made up for calls that had none."""
    return [
        (each.tool_name, each.input)
        if isinstance(each, ToolCall) and each.tool_call_id.startswith("toolu_")
        else each
        for each in events
    ]
