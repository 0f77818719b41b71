"""Screens as lists of short texts, and how two of them compare."""

from __future__ import annotations

from dispatch_nb.transcript.selectors import select_chunks
from dispatch_nb.transcript.state import TranscriptState
from dispatch_nb.wire import conversation as c
from tests.sync_backend import Identity

Shown = tuple[int | None, str, str]


def key_of(chunk: c.Chunk) -> str:
    """A chunk as a short text that tells it from others."""
    match chunk:
        case c.TextChunk() | c.ThinkingChunk():
            return f"{chunk.type}:{chunk.text}"
        case c.ToolCallChunk():
            return f"call:{chunk.tool_call_id}:{chunk.step_id}"
        case c.ToolResultChunk():
            return f"result:{chunk.tool_call_id}:{chunk.step_id}:{chunk.content}"
        case c.ErrorChunk():
            return f"error:{chunk.message}"
        case _:
            return chunk.type


def order_of(identity: Identity) -> tuple[int, int]:
    """When a chunk was said: turns are numbered, and so are the chunks of each."""
    turn_id, number = identity
    return int(turn_id[1:]), number


def without_one(shown: list[Shown], chunks: list[Shown]) -> list[Shown] | None:
    """Return the screen without these chunks in their order, looked for from its end.

    None if they are not all there.
    """
    rest = list(shown)
    at = len(rest)
    for chunk in reversed(chunks):
        at = next((place for place in reversed(range(at)) if rest[place] == chunk), -1)
        if at < 0:
            return None
        del rest[at]
    return rest


def may_be_stored_as(chunks: list[tuple[str, str]], rows: list[tuple[str, str]]) -> bool:
    """Tell whether these chunks may have become these rows, the first of them the first."""
    if not rows or chunks[0] != rows[0]:
        return False
    rest = iter(chunks)
    for row in rows:
        for chunk in rest:
            if chunk == row:
                break
            is_said = chunk[1].startswith(("text:", "thinking:")) and chunk[0] == "assistant"
            if is_said and not row[1].startswith(chunk[1]):
                return False
    return True


def screen_of(state: TranscriptState) -> list[Shown]:
    return [(shown.seq, shown.role, key_of(shown.chunk)) for shown in select_chunks(state)]


def is_within(wanted: list[Shown], shown: list[Shown]) -> bool:
    """Tell whether `wanted` is on screen in this order; text that streams may be a beginning."""
    rest = iter(shown)
    return all(any(_shows(other, each, each is wanted[-1]) for other in rest) for each in wanted)


def _shows(other: Shown, wanted: Shown, is_last: bool) -> bool:
    (_, role, text), (seq, wanted_role, wanted_text) = other, wanted
    is_text = wanted_role == "assistant" and wanted_text.startswith(("text:", "thinking:"))
    may_grow = is_last and is_text and seq is None
    return role == wanted_role and (
        text == wanted_text or (may_grow and text.startswith(wanted_text))
    )
