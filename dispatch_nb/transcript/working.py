"""Tool calls at work: being written by the model, or running; immutable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..wire.extensions import LiveEvent
from ..wire.view import WorkingTool
from .log import Log

__all__ = ["NO_TOOLS", "Working", "WorkingTools", "fold_working"]

# Of what a tool writes while it runs the newest is kept: a terminal's worth.
OUTPUT_CHARACTERS = 16_384


class Working(NamedTuple):
    """One call; `input` are the pieces of its arguments, until the call is complete."""

    tool_name: str
    step_id: str
    input: Log[str]
    output: str

    def __eq__(self, other: object) -> bool:
        """Compare what was written, in whatever pieces it came."""
        if not isinstance(other, Working):
            return NotImplemented
        mine, theirs = self._replace(input=Log()), other._replace(input=Log())
        same = "".join(self.input) == "".join(other.input)
        return same and tuple(mine) == tuple(theirs)

    def __ne__(self, other: object) -> bool:
        """Say the opposite of `==`: a tuple's own would compare the pieces."""
        return not self == other

    def to_wire(self, tool_call_id: str) -> WorkingTool:
        """Return it as a snapshot has it."""
        return WorkingTool(
            tool_call_id=tool_call_id,
            tool_name=self.tool_name,
            step_id=self.step_id,
            input="".join(self.input),
            output=self.output,
        )

    @classmethod
    def from_wire(cls, tool: WorkingTool) -> Working:
        """Return what a snapshot has."""
        input = Log((tool.input,) if tool.input else ())
        return cls(tool.tool_name, tool.step_id, input, tool.output)


WorkingTools = Mapping[str, Working]
NO_TOOLS: WorkingTools = {}


def fold_working(tools: WorkingTools, event: LiveEvent) -> WorkingTools:
    """Return the calls at work after `event`, by id; the very same object if it changes none."""
    match event.type:
        case "nb.tool-input-delta":
            known = tools.get(event.tool_call_id)
            if known is None:
                known = Working(event.tool_name, event.step_id, Log(), "")
            grown = known._replace(input=known.input.append(event.delta))
            return {**tools, event.tool_call_id: grown}
        case "tool-output":
            known = tools.get(event.tool_call_id) or Working("", "", Log(), "")
            output = (known.output + event.data)[-OUTPUT_CHARACTERS:]
            return {**tools, event.tool_call_id: known._replace(output=output)}
        case "tool-call" | "tool-result" | "nb.tool-settled":
            if event.tool_call_id not in tools:
                return tools
            return {id: tool for id, tool in tools.items() if id != event.tool_call_id}
        case "provider-retry" | "turn-start" | "done" | "turn-sealed":
            return NO_TOOLS if tools else tools
        case _:
            return tools
