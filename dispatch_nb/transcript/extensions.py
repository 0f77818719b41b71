"""What events tell beside the transcript: tool calls that are at work, and that have ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ..wire.extensions import LiveEvent
from ..wire.view import SettledTool
from .working import NO_TOOLS, WorkingTools, fold_working

__all__ = ["ExtensionState", "SettledTools", "fold_extension", "initial_extensions"]

SettledKey = tuple[str, str]


class SettledTools(Mapping[SettledKey, SettledTool]):
    """Ended tool calls by ``(step_id, tool_call_id)``, oldest first; immutable.

    Adding to the newest value is O(1) amortised. Some providers repeat a call id within a
    step: the first one to end keeps the key.
    """

    __slots__ = ("_entries", "_length", "_positions")

    def __init__(self, tools: Iterable[SettledTool] = ()) -> None:
        self._entries: list[SettledTool] = []
        self._positions: dict[SettledKey, int] = {}
        for tool in tools:
            self._add(tool)
        self._length = len(self._entries)

    def _add(self, tool: SettledTool) -> None:
        key = (tool.step_id, tool.tool_call_id)
        if key not in self._positions:
            self._positions[key] = len(self._entries)
            self._entries.append(tool)

    def with_tool(self, tool: SettledTool) -> SettledTools:
        """Return the calls with one more; the same object if its key is taken."""
        if (tool.step_id, tool.tool_call_id) in self:
            return self
        if len(self._entries) > self._length:
            # A newer value already grew the shared part: this one goes its own way.
            return SettledTools([*self.values(), tool])
        self._add(tool)
        grown = SettledTools.__new__(SettledTools)
        grown._entries, grown._positions = self._entries, self._positions
        grown._length = self._length + 1
        return grown

    def __getitem__(self, key: SettledKey) -> SettledTool:
        position = self._positions[key]
        if position >= self._length:
            raise KeyError(key)
        return self._entries[position]

    def __iter__(self) -> Iterator[SettledKey]:
        for tool in self._entries[: self._length]:
            yield (tool.step_id, tool.tool_call_id)

    def __len__(self) -> int:
        return self._length


class ExtensionState(NamedTuple):
    """Side data of a conversation, apart from the contract's transcript."""

    settled_tools: SettledTools
    working_tools: WorkingTools = NO_TOOLS


def initial_extensions() -> ExtensionState:
    """Return the side data before any event."""
    return ExtensionState(SettledTools())


def fold_extension(state: ExtensionState, event: LiveEvent) -> ExtensionState:
    """Return the side data after `event`; the very same object for events without any."""
    working = fold_working(state.working_tools, event)
    if working is not state.working_tools:
        state = state._replace(working_tools=working)
    if event.type != "nb.tool-settled":
        return state
    tool = SettledTool(
        tool_call_id=event.tool_call_id,
        step_id=event.step_id,
        is_error=event.is_error,
        duration_ms=event.duration_ms,
    )
    settled = state.settled_tools.with_tool(tool)
    return state if settled is state.settled_tools else state._replace(settled_tools=settled)
