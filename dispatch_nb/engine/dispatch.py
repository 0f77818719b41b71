"""The tool calls of one step: which may run when, and what comes of each.

Source: the Dispatch turn contract, sections 4.1 and 4.2.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import MISSING

from ..wire.events import ToolOutputEvent
from ..wire.extensions import ToolSettledEvent
from .contracts import AbortSignal, RunTurnInput, Tool, ToolCall, ToolContext, ToolOutcome
from .failures import describe
from .tasks import cancelled_from_outside, let_go

__all__ = ["Dispatcher", "Settled"]

_ABORTED = ToolOutcome("Aborted", is_error=True)


@dataclass(frozen=True, slots=True)
class Settled:
    """The outcome of a call and how long its own run took, in milliseconds.

    `duration_ms` is absent without a clock, and for a call that never ran: the tool is
    unknown, or the turn was aborted first.
    """

    outcome: ToolOutcome
    duration_ms: float | MISSING = MISSING


@dataclass(slots=True, eq=False)
class _Run:
    """One run of a tool, for all the calls of the step that ask for the same."""

    call: ToolCall
    tool: Tool | None
    ended: asyncio.Future[Settled]
    call_ids: dict[str, None] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None
    started_ms: float | None = None

    @property
    def exclusive(self) -> bool:
        return self.tool is not None and not self.tool.concurrency_safe


class Dispatcher:
    """A first-in first-out queue of tool runs in which only the head may start."""

    def __init__(
        self, turn: RunTurnInput, step_id: str, tools: Mapping[str, Tool], signal: AbortSignal
    ) -> None:
        self._turn = turn
        self._step_id = step_id
        self._tools = tools
        self._signal = signal
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._runs: dict[Hashable, _Run] = {}
        self._queue: deque[_Run] = deque()
        self._running: set[_Run] = set()
        self._calls: list[tuple[ToolCall, _Run]] = []
        self._by_id: dict[str, _Run] = {}

    def submit(self, call: ToolCall) -> None:
        """Queue a call; a repeated one joins the run of its equal."""
        key = _identity(call)
        run = self._runs.get(key)
        if run is None:
            run = _Run(call, self._tools.get(call.tool_name), self._loop.create_future())
            self._runs[key] = run
            self._queue.append(run)
        self._calls.append((call, run))
        self._by_id[call.tool_call_id] = run
        is_new = call.tool_call_id not in run.call_ids
        run.call_ids[call.tool_call_id] = None
        if is_new and run.ended.done():
            self._announce(call.tool_call_id, run.ended.result())
        self._advance()

    async def result(self, position: int) -> Settled:
        """Wait for the call submitted as number `position` and return what came of it.

        Results belong to call ids: where an id is repeated, the later call's counts.
        """
        call, run = self._calls[position]
        await run.ended
        return await self._by_id[call.tool_call_id].ended

    def abort(self) -> None:
        """End every call that has not ended, now; what still runs is cancelled."""
        for run in self._runs.values():
            if not run.ended.done():
                if run.task is not None:
                    run.task.cancel()
                self._settle(run, _ABORTED)
        self._queue.clear()

    async def close(self) -> None:
        """Cancel what still runs, without a word, and give it a moment to clean up."""
        self._queue.clear()
        for run in self._runs.values():
            run.ended.cancel()
        await let_go([run.task for run in self._runs.values() if run.task is not None])

    def _advance(self) -> None:
        while self._queue:
            run = self._queue[0]
            if self._signal.aborted:
                self._queue.popleft()
                self._settle(run, _ABORTED)
            elif not self._may_start(run):
                return
            else:
                self._queue.popleft()
                self._start(run)

    def _may_start(self, run: _Run) -> bool:
        if run.exclusive or any(other.exclusive for other in self._running):
            return not self._running
        limit = self._turn.dispatch.max_concurrent
        return limit <= 0 or len(self._running) < limit

    def _start(self, run: _Run) -> None:
        if run.tool is None:
            name = run.call.tool_name
            self._settle(run, ToolOutcome(f"Unknown tool: {name}", is_error=True))
        else:
            self._running.add(run)
            run.task = asyncio.create_task(self._execute(run, run.tool))

    async def _execute(self, run: _Run, tool: Tool) -> None:
        if self._turn.now is not None:
            run.started_ms = self._turn.now()
        outcome = await _outcome_of(tool, run.call.input, self._context(run))
        self._running.discard(run)
        self._settle(run, outcome)
        self._advance()

    def _context(self, run: _Run) -> ToolContext:
        def on_output(data: str, stream: Literal["stdout", "stderr"]) -> None:
            event = ToolOutputEvent(
                conversation_id=self._turn.conversation_id,
                turn_id=self._turn.turn_id,
                tool_call_id=run.call.tool_call_id,
                data=data,
                stream=stream,
            )
            if threading.get_ident() == self._thread:
                self._emit_output(run, event)
            else:
                self._loop.call_soon_threadsafe(self._emit_output, run, event)

        return ToolContext(
            tool_call_id=run.call.tool_call_id,
            conversation_id=self._turn.conversation_id,
            turn_id=self._turn.turn_id,
            signal=self._signal,
            on_output=on_output,
        )

    def _emit_output(self, run: _Run, event: ToolOutputEvent) -> None:
        if run.ended.done():
            return
        try:
            self._turn.emit(event)
        except Exception as error:
            run.ended.set_exception(error)

    def _settle(self, run: _Run, outcome: ToolOutcome) -> None:
        """Fix what came of a run; an exception of `emit` goes to whoever awaits the result."""
        if run.ended.done():
            return
        duration_ms: float | MISSING = MISSING
        if self._turn.now is not None and run.started_ms is not None:
            duration_ms = self._turn.now() - run.started_ms
        settled = Settled(outcome, duration_ms)
        try:
            for call_id in run.call_ids:
                if self._by_id[call_id] is run:
                    self._announce(call_id, settled)
        except Exception as error:
            run.ended.set_exception(error)
        else:
            run.ended.set_result(settled)

    def _announce(self, tool_call_id: str, settled: Settled) -> None:
        self._turn.emit(
            ToolSettledEvent(
                conversation_id=self._turn.conversation_id,
                turn_id=self._turn.turn_id,
                step_id=self._step_id,
                tool_call_id=tool_call_id,
                is_error=settled.outcome.is_error,
                duration_ms=settled.duration_ms,
            )
        )


def _identity(call: ToolCall) -> Hashable:
    """Return what makes two calls the same: name and serialized input, key order included."""
    try:
        return call.tool_name, json.dumps(call.input)
    except (TypeError, ValueError, RecursionError):
        return object()


async def _outcome_of(tool: Tool, input: Any, context: ToolContext) -> ToolOutcome:
    try:
        outcome = await tool.execute(input, context)
        if not isinstance(outcome, ToolOutcome) or not isinstance(outcome.content, str):
            raise TypeError(f"the tool {tool.name} returned {outcome!r:.200}, not a ToolOutcome")
    except asyncio.CancelledError:
        if cancelled_from_outside():
            raise
        return _failed("the tool's own work was cancelled")
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # either would end the loop
        return _failed(describe(error))
    return outcome


def _failed(message: str) -> ToolOutcome:
    return ToolOutcome(f"Tool execution error: {message}", is_error=True)
