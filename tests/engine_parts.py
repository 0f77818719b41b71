"""The engine's edges in memory: a provider that plays scripts, tools, a clock, a listener."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dispatch_nb.engine.contracts import (
    AbortSignal,
    ProviderEvent,
    ProviderOptions,
    RunTurnInput,
    RunTurnResult,
    Tool,
    ToolCall,
    ToolContext,
    ToolOutcome,
)
from dispatch_nb.engine.run_turn import run_turn
from dispatch_nb.wire.conversation import ChatMessage, TextChunk
from dispatch_nb.wire.extensions import LiveEvent

Line = ProviderEvent | BaseException | Callable[[], Awaitable[object]]
Execute = Callable[[Any, ToolContext], Awaitable[ToolOutcome]]

PROMPT = ChatMessage(role="user", chunks=[TextChunk(text="hello")])


@dataclass(frozen=True)
class Request:
    """What one call of `stream` was given."""

    messages: Sequence[ChatMessage]
    tools: Sequence[Tool]
    options: ProviderOptions


class Playback:
    """A provider that plays one script per request, and the last one again after that.

    A line is an event to yield, an exception to raise or something to await.
    """

    id = "playback"

    def __init__(self, *scripts: Sequence[Line]) -> None:
        self._scripts = scripts
        self.requests: list[Request] = []
        self.closed = 0

    async def stream(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[Tool],
        options: ProviderOptions,
    ) -> AsyncIterator[ProviderEvent]:
        self.requests.append(Request(messages, tools, options))
        script = self._scripts[min(len(self.requests), len(self._scripts)) - 1]
        try:
            for line in script:
                if isinstance(line, BaseException):
                    raise line
                if callable(line):
                    await line()
                else:
                    yield line
        finally:
            self.closed += 1


@dataclass
class AnyTool:
    """A tool around an async function."""

    name: str
    execute: Execute
    concurrency_safe: bool = True
    description: str = "A tool."
    parameters: Mapping[str, Any] = field(default_factory=dict)


def echo(name: str = "echo", *, safe: bool = True) -> AnyTool:
    """Return a tool that gives its input back at once."""

    async def execute(input: Any, context: ToolContext) -> ToolOutcome:
        return ToolOutcome(f"{name}({input})")

    return AnyTool(name, execute, concurrency_safe=safe)


class GatedTools:
    """Tools that each run until they are let through, and tell when they start."""

    def __init__(self, *names: str, unsafe: Sequence[str] = ()) -> None:
        self.started: list[str] = []
        self.cancelled: list[str] = []
        self._gates = {name: asyncio.Event() for name in names}
        self._starts = {name: asyncio.Event() for name in names}
        self.tools = [
            AnyTool(name, self._executor(name), concurrency_safe=name not in unsafe)
            for name in names
        ]

    def open(self, *names: str) -> None:
        for name in names:
            self._gates[name].set()

    async def start_of(self, name: str) -> None:
        await asyncio.wait_for(self._starts[name].wait(), timeout=60)

    def _executor(self, name: str) -> Execute:
        async def execute(input: Any, context: ToolContext) -> ToolOutcome:
            self.started.append(name)
            self._starts[name].set()
            try:
                await self._gates[name].wait()
            except asyncio.CancelledError:
                self.cancelled.append(name)
                raise
            return ToolOutcome(name)

        return execute


class Clock:
    """A clock in milliseconds that moves only when told to."""

    def __init__(self) -> None:
        self.ms = 1_000.0

    def __call__(self) -> float:
        return self.ms

    def advance(self, ms: float) -> Callable[[], Awaitable[None]]:
        """Return a line for a script: time passes."""

        async def passing() -> None:
            self.ms += ms

        return passing


class Steering:
    """Queued messages, one batch per drain; counts how often it is drained."""

    def __init__(self, *batches: Sequence[ChatMessage]) -> None:
        self._batches = list(batches)
        self.drains = 0

    def __call__(self) -> Sequence[ChatMessage]:
        self.drains += 1
        return self._batches.pop(0) if self._batches else []


class Turn:
    """One turn and what its caller sees of it."""

    def __init__(self, provider: Playback, tools: Sequence[Tool] = (), **given: Any) -> None:
        self.provider = provider
        self.events: list[Any] = []
        self.steps: list[list[ChatMessage]] = []
        self._emitted = asyncio.Event()
        self.input = RunTurnInput(
            **{
                "provider": provider,
                "messages": [PROMPT],
                "tools": tools,
                "emit": self._emit,
                "conversation_id": "c",
                "turn_id": "t",
                "on_step_complete": self._step_complete,
                **given,
            }
        )

    async def run(self) -> RunTurnResult:
        return await asyncio.wait_for(run_turn(self.input), timeout=60)

    def start(self) -> asyncio.Task[RunTurnResult]:
        return asyncio.create_task(self.run())

    async def until(self, label: str) -> None:
        """Wait until an event with this label was emitted."""
        async with asyncio.timeout(60):
            while label not in self.labels:
                self._emitted.clear()
                await self._emitted.wait()

    @property
    def labels(self) -> list[str]:
        """The events so far as their types, with the call's id where there is one."""
        return [label(event) for event in self.events]

    def of(self, type: str) -> list[Any]:
        return [event for event in self.events if event.type == type]

    def results(self) -> list[tuple[str, str, bool]]:
        """The tool results so far: call id, content, whether it is an error."""
        return [(e.tool_call_id, e.content, e.is_error) for e in self.of("tool-result")]

    def _emit(self, event: LiveEvent) -> None:
        self.events.append(event)
        self._emitted.set()

    def _step_complete(self, messages: Sequence[ChatMessage]) -> None:
        assert isinstance(messages, list)
        self.steps.append(messages)


def label(event: LiveEvent) -> str:
    call_id = getattr(event, "tool_call_id", None)
    return event.type if call_id is None else f"{event.type}:{call_id}"


def call(name: str, input: Any = None, *, id: str | None = None) -> ToolCall:
    return ToolCall(id if id is not None else name, name, input)


async def let_loop_run() -> None:
    """Give everything that can go on without outside help the time to do so."""
    for _ in range(20):
        await asyncio.sleep(0)


def aborting(signal: AbortSignal) -> Callable[[], Any]:
    """Return a line for a script: someone aborts the turn."""

    async def abort() -> None:
        signal.abort()

    return abort
