"""The calls that a step made together, shown together.

Source: the Dispatch transcript contract, B.5.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import MISSING

from ..wire.conversation import Chunk, ToolCallChunk, ToolResultChunk
from .selectors import RenderedChunk

__all__ = [
    "RenderedGroup",
    "SingleGroup",
    "ToolBatchEntry",
    "ToolBatchGroup",
    "group_rendered_chunks",
    "step_of",
]


@dataclass(frozen=True, slots=True)
class SingleGroup:
    """A chunk that stands alone."""

    chunk: RenderedChunk


@dataclass(frozen=True, slots=True)
class ToolBatchEntry:
    """A call with its result; without one it still runs, or was cut off."""

    call: RenderedChunk
    result: RenderedChunk | None


@dataclass(frozen=True, slots=True)
class ToolBatchGroup:
    """Two or more calls of one step; `provisional` if any of the calls is."""

    step_id: str
    entries: list[ToolBatchEntry]
    provisional: bool


RenderedGroup = SingleGroup | ToolBatchGroup


def group_rendered_chunks(rendered: Iterable[RenderedChunk]) -> list[RenderedGroup]:
    """Return the chunks as groups, in stream order.

    A step with two or more calls is one batch, at the place of its first call; the results
    of its calls stand in it and nowhere else. A result belongs to the call with its id in
    its step (in any batch, if it names no step). Where a step repeats an id, the first
    result belongs to the first of those calls, and so on; of several results for one call
    the first is shown.
    """
    chunks = list(rendered)
    batches = _batches(chunks)
    in_batch = _pair(chunks, batches)
    groups: list[RenderedGroup] = []
    for index, each in enumerate(chunks):
        step_id = step_of(each.chunk)
        if each.chunk.type == "tool-call" and step_id is not None and step_id in batches:
            entries = batches[step_id]
            if entries[0].call is each:
                groups.append(_batch_group(step_id, entries))
        elif index not in in_batch:
            groups.append(SingleGroup(each))
    return groups


def step_of(chunk: Chunk) -> str | None:
    """Return the step that a tool chunk names; None for any other chunk."""
    if isinstance(chunk, ToolCallChunk | ToolResultChunk) and chunk.step_id is not MISSING:
        return chunk.step_id
    return None


@dataclass(slots=True)
class _Call:
    call: RenderedChunk
    result: RenderedChunk | None = None


def _batches(chunks: list[RenderedChunk]) -> dict[str, list[_Call]]:
    calls: defaultdict[str, list[_Call]] = defaultdict(list)
    for each in chunks:
        step_id = step_of(each.chunk)
        if each.chunk.type == "tool-call" and step_id is not None:
            calls[step_id].append(_Call(each))
    return {step_id: made for step_id, made in calls.items() if len(made) > 1}


def _pair(chunks: list[RenderedChunk], batches: dict[str, list[_Call]]) -> set[int]:
    """Give the batched calls their results; return the places of what stands in a batch."""
    waiting: defaultdict[tuple[str | None, str], deque[_Call]] = defaultdict(deque)
    for step_id, calls in batches.items():
        for made in calls:
            if isinstance(made.call.chunk, ToolCallChunk):
                for step in (step_id, None):
                    waiting[step, made.call.chunk.tool_call_id].append(made)
    paired: set[int] = set()
    for index, each in enumerate(chunks):
        if not isinstance(each.chunk, ToolResultChunk):
            continue
        key = (step_of(each.chunk), each.chunk.tool_call_id)
        if key not in waiting:
            continue
        paired.add(index)
        queue = waiting[key]
        while queue and queue[0].result is not None:
            queue.popleft()
        if queue:
            queue[0].result = each
    return paired


def _batch_group(step_id: str, calls: list[_Call]) -> ToolBatchGroup:
    return ToolBatchGroup(
        step_id=step_id,
        entries=[ToolBatchEntry(made.call, made.result) for made in calls],
        provisional=any(made.call.provisional for made in calls),
    )
