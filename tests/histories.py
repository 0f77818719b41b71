"""Histories of our chunks for Hypothesis: anything a conversation may have gone through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from pydantic import MISSING

from dispatch_nb.wire.conversation import (
    ChatMessage,
    Chunk,
    ErrorChunk,
    ImageChunk,
    SystemChunk,
    TextChunk,
    ThinkingChunk,
    ToolCallChunk,
    ToolResultChunk,
)
from dispatch_nb.wire.extensions import ChunkDetail, PromptMessage

PROMPT = ChatMessage(role="user", chunks=[TextChunk(text="and now?")])

usual_ids = st.sampled_from(["", "a", "b"])
odd_ids = st.sampled_from([" ", "call00000", "call00001", "f.add:0", "x" * 41, "é"])
call_ids = st.one_of(usual_ids, usual_ids, odd_ids)
usual_names = st.sampled_from(["add", "fail", "hush"])
names = st.one_of(usual_names, st.sampled_from(["gone", "", "f.add", "é", "n" * 70]))
inputs = st.sampled_from(
    [None, {}, {"a": 1}, [1], 5, "", '{"a": 1}', '{"a": ', "[1]", "NaN", True, {"a": 10**300}]
)
texts = st.sampled_from(["", " ", "\n\n", "hello", "a\x00b", "1+2?", "é😀"])
spoken = st.sampled_from(["hello", "  indented", "1+2?", "é😀"])
steps = st.sampled_from([MISSING, MISSING, "s0", "s1"])
urls = st.sampled_from(
    [
        "",
        "/images/1.png",
        "https://example.org/a.png",
        "data:image/png;base64,iVBORw0KGgo=",
        "data:image/bmp;base64,Qk0=",
        "data:image/jpeg;base64,R0lGODlhAQABAAAAACw=",
        "data:text/plain,hello",
    ]
)


def build(kind: type[Chunk], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(kind, **fields)


images = build(ImageChunk, url=urls)
calls = build(ToolCallChunk, tool_call_id=call_ids, tool_name=names, input=inputs, step_id=steps)
results = build(
    ToolResultChunk,
    tool_call_id=call_ids,
    tool_name=names,
    content=texts,
    is_error=st.booleans(),
    step_id=steps,
)
said = st.one_of(
    build(TextChunk, text=texts),
    build(ThinkingChunk, text=texts),
    build(ErrorChunk, message=texts),
    calls,
    calls,
    images,
)


def messages_of(role: str, chunks: st.SearchStrategy[list[Any]]) -> st.SearchStrategy[ChatMessage]:
    return st.builds(ChatMessage, role=st.just(role), chunks=chunks)


# A prompt is never blank; it may be an image alone, or have one in front.
prompts = messages_of(
    "user",
    st.one_of(
        build(TextChunk, text=spoken).map(lambda chunk: [chunk]),
        images.map(lambda chunk: [chunk]),
        st.tuples(images, build(TextChunk, text=texts)).map(list),
    ),
)
later = st.one_of(
    prompts,
    messages_of("user", st.lists(build(TextChunk, text=texts), max_size=2)),
    messages_of("assistant", st.lists(said, max_size=4)),
    messages_of("assistant", st.lists(said, max_size=4)),
    messages_of("tool", st.lists(results, min_size=1, max_size=3)),
    messages_of("tool", st.lists(results, min_size=1, max_size=1)),
    messages_of("system", st.lists(build(SystemChunk, text=texts), max_size=2)),
)


@st.composite
def conversations(draw: st.DrawFn) -> list[ChatMessage]:
    """Return anything a store takes that a person began."""
    return [draw(prompts), *draw(st.lists(later, max_size=12))]


API_DETAILS: Sequence[Any] = (
    {"signature": "c2ln", "model": "m"},
    {"signature": "c2lnMg==", "model": "m"},
    {"signature": "c2ln", "model": "another"},
    {"signature": ""},
    {"redacted_thinking": "eA==", "model": "m"},
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "eA=="},
    {"type": "reasoning", "id": "rs_2", "summary": []},
    {"field": "reasoning_content"},
    {"reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
    {},
    "opaque",
    None,
)
thoughts = build(ThinkingChunk, text=st.sampled_from(["", "hm", "so\n"]))
details = st.builds(
    ChunkDetail,
    provider=st.sampled_from(["anthropic", "anthropic", "openai-responses", "openai"]),
    data=st.sampled_from(API_DETAILS),
)


@st.composite
def detailed(draw: st.DrawFn, *, ends_with_call: bool = False) -> ChatMessage:
    """Return what an assistant said, with details of some of its thinking and text."""
    chunks = draw(st.lists(st.one_of(said, thoughts, thoughts), max_size=6))
    if ends_with_call:
        chunks.append(draw(calls))
    places = [i for i, c in enumerate(chunks) if isinstance(c, ThinkingChunk | TextChunk)]
    kept = {place: draw(details) for place in places if draw(st.integers(0, 3))}
    return PromptMessage(role="assistant", chunks=chunks, details=kept)


def requests() -> st.SearchStrategy[list[ChatMessage]]:
    """Return any mix of roles as a provider is asked to go on with: not repaired yet.

    It ends as requests do: with a prompt, or with calls, whose results come with the repair.
    """
    mixed = st.lists(st.one_of(later, detailed(), detailed()), max_size=10)
    end = st.one_of(st.just(PROMPT), detailed(ends_with_call=True))
    return st.tuples(mixed, end).map(lambda both: [*both[0], both[1]])


def assert_in_order(wanted: Sequence[str], text: str) -> None:
    """Fail if not every text is found, one behind the other."""
    place = 0
    for each in wanted:
        place = text.find(each, place)
        assert place >= 0, f"{each!r} is not where it was said in {text!r}"
        place += len(each)
