"""What a turn's events tell beside the contract: times, counts, raw usage, tool runs.

The recorder sees each event when it arrives and each request when it is made, and gives
the store its side data. It decides nothing and nothing waits for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from time import time_ns

from pydantic import MISSING

from ..engine.contracts import (
    Failure,
    Provider,
    ProviderEvent,
    ProviderOptions,
    Tool,
)
from ..engine.usage import estimate_usage
from ..store.rows import ChunkSide, EventRow, StepRow, ToolCallRow, UsageSource
from ..wire import events as e
from ..wire.conversation import ChatMessage, Usage
from ..wire.extensions import (
    ChunkDetail,
    ChunkDetailEvent,
    PromptImagesEvent,
    ToolSettledEvent,
)
from .model_request import Request, usage_columns

__all__ = ["Recorder"]


@dataclass
class _Side:
    kind: str
    started_us: int
    completed_us: int
    delta_count: int
    detail: ChunkDetail | None = None


@dataclass
class Recorder:
    """The side data of one turn, gathered as it happens.

    Parameters
    ----------
    conversation_id, turn_id
        Whose turn it is.
    model
        The model as the provider was asked for it.
    options
        What each request was given besides messages and tools.
    """

    conversation_id: str
    turn_id: str
    model: str
    options: ProviderOptions
    step_index: int = 0
    first_chunk_us: int | None = None
    done: e.DoneEvent | None = None
    reasoning_tokens: int | None = None
    _sources: set[UsageSource] = field(default_factory=set)
    _request: Request | None = None
    _failed: list[StepRow] = field(default_factory=list)
    _complete: e.StepCompleteEvent | None = None
    _sides: list[_Side] = field(default_factory=list)
    _open: bool = False
    _calls: dict[str, ToolCallRow] = field(default_factory=dict)

    def watch(self, provider: Provider) -> Provider:
        """Return `provider`, with each of its requests noted here."""
        return _WatchedProvider(provider, self)

    def see(self, row: EventRow) -> None:
        """Take note of an event of this turn as it arrives."""
        event, at = row.event, row.at_us
        match event:
            case e.TextDeltaEvent():
                self._delta("text", at)
            case e.ReasoningDeltaEvent():
                self._delta("thinking", at)
            case e.UserMessageEvent() | e.SteeringEvent() | e.ErrorEvent():
                self._whole(event.type, at)
            case PromptImagesEvent(images=images):
                for _ in images:
                    self._whole("image", at)
            case ChunkDetailEvent():
                self._detailed(event, at)
            case e.ToolCallEvent():
                self._whole("tool-call", at)
                self._calls[event.tool_call_id] = ToolCallRow(
                    tool_call_id=event.tool_call_id,
                    turn_id=self.turn_id,
                    step_id=self.step_id,
                    tool_name=event.tool_name,
                    status="running",
                    approval="auto",
                    requested_us=at,
                )
            case ToolSettledEvent():
                self._settled(event, at)
            case e.ToolResultEvent():
                self._whole("tool-result", at)
                self._result(event, at)
            case e.StepCompleteEvent():
                self._complete = event
            case e.DoneEvent():
                self.done = event
            case _:
                pass

    @property
    def step_id(self) -> str:
        """The id of the step that runs now."""
        return f"{self.turn_id}#{self.step_index}"

    def take_sides(self, count: int) -> list[ChunkSide]:
        """Return, and forget, the side data of the oldest `count` uncommitted chunks."""
        taken, self._sides = self._sides[:count], self._sides[count:]
        self._open = self._open and bool(self._sides)
        return [
            ChunkSide(
                started_us=side.started_us,
                completed_us=side.completed_us,
                delta_count=side.delta_count,
                detail=side.detail,
            )
            for side in taken
        ]

    def take_step(
        self, messages: Sequence[ChatMessage], *, aborted: bool
    ) -> tuple[StepRow, list[ToolCallRow]]:
        """Return the finished step's row and its tool calls, and begin the next step."""
        request = self._request or Request(requested_us=_now_us())
        complete = self._complete
        finish = "aborted" if aborted else "error" if request.failure is not None else None
        row = replace(
            self._row(request, self.step_id, finish),
            ttft_ms=_present(complete.ttft_ms) if complete else None,
            decode_ms=_present(complete.decode_ms) if complete else None,
            gen_total_ms=_present(complete.gen_total_ms) if complete else None,
            chunk_count=sum(len(message.chunks) for message in messages),
        )
        calls = list(self._calls.values())
        self._calls = {}
        self._request = None
        self._complete = None
        self.step_index += 1
        return row, calls

    @property
    def has_open_request(self) -> bool:
        """Whether a request went out for which `take_step` was not called yet."""
        return self._request is not None

    def take_failed(self) -> list[StepRow]:
        """Return, and forget, the rows of tries that failed and were made again."""
        taken, self._failed = self._failed, []
        return taken

    def _row(self, request: Request, step_id: str, finish: str | None) -> StepRow:
        usage, source = request.counted()
        failure = request.failure
        self._sources.add(source)
        reasoning = None if request.report is None else request.report.reasoning_tokens
        if reasoning is not None:
            self.reasoning_tokens = (self.reasoning_tokens or 0) + reasoning
        return StepRow(
            step_id=step_id,
            turn_id=self.turn_id,
            conversation_id=self.conversation_id,
            step_index=self.step_index,
            attempt=request.attempt,
            provider_name=self.model.partition(":")[0],
            request_model=self.options.model or self.model,
            response_model=request.info.response_model,
            response_id=request.info.response_id,
            finish_reason=finish,
            raw_finish_reason=request.reason,
            is_streaming=True,
            requested_us=request.requested_us,
            first_chunk_us=request.first_chunk_us,
            completed_us=request.completed_us,
            delta_count=request.delta_count,
            chunk_count=0,
            reasoning_tokens=reasoning,
            usage_source=source,
            is_lower_bound=usage is None or finish is not None,
            reported_output_tokens=request.reported_output,
            usage_json=request.raw_usage,
            temperature=self.options.temperature,
            top_p=self.options.top_p,
            max_tokens=self.options.max_tokens,
            seed=self.options.seed,
            http_status=failure.status if failure is not None else None,
            error_type=(failure.code or "error") if failure is not None else None,
            error_message=failure.message if failure is not None else None,
            **usage_columns(usage),
        )

    @property
    def usage_source(self) -> UsageSource:
        """Who counted the tokens of the turn; an estimate is named where there is one."""
        return next((s for s in ("estimated", "reported") if s in self._sources), "missing")

    def requested(self, estimate: Callable[[int], Usage]) -> None:
        """Note that a request goes out, the first of its step or a retry."""
        last = self._request
        if last is not None:
            self._failed.append(self._row(last, f"{self.step_id}.{last.attempt}", "error"))
        attempt = 0 if last is None else last.attempt + 1
        self._request = Request(requested_us=_now_us(), attempt=attempt, estimate=estimate)

    def received(self, event: ProviderEvent) -> None:
        """Note what a provider says."""
        if self._request is None:
            return
        self._request.take(event, _now_us())
        if self.first_chunk_us is None:
            self.first_chunk_us = self._request.first_chunk_us

    def ended(self) -> None:
        """Note that a provider's stream has ended, however it did."""
        if self._request is not None:
            self._request.completed_us = _now_us()

    def _delta(self, kind: str, at: int) -> None:
        if self._open and self._sides and self._sides[-1].kind == kind:
            side = self._sides[-1]
            side.completed_us = at
            side.delta_count += 1
        else:
            self._sides.append(_Side(kind, at, at, 1))
            self._open = True

    def _whole(self, kind: str, at: int) -> None:
        self._sides.append(_Side(kind, at, at, 0))
        self._open = False

    def _detailed(self, event: ChunkDetailEvent, at: int) -> None:
        if event.alone or not self._open or not self._sides or self._sides[-1].kind != event.kind:
            self._sides.append(_Side(event.kind, at, at, 0))
        if event.data is not MISSING:
            detail = ChunkDetail(provider=event.provider, data=event.data)
            self._sides[-1].detail = detail
        self._open = False

    def _settled(self, event: ToolSettledEvent, at: int) -> None:
        call = self._calls.get(event.tool_call_id)
        if call is not None:
            duration = _present(event.duration_ms)
            started = at - round(duration * 1000) if duration is not None else None
            self._calls[event.tool_call_id] = replace(
                call, started_us=started, completed_us=at, duration_ms=duration
            )

    def _result(self, event: e.ToolResultEvent, at: int) -> None:
        call = self._calls.get(event.tool_call_id)
        if call is None:
            return
        aborted = event.is_error and event.content == "Aborted"
        self._calls[event.tool_call_id] = replace(
            call,
            status="aborted" if aborted else "error" if event.is_error else "completed",
            completed_us=call.completed_us or at,
            duration_ms=call.duration_ms
            if call.duration_ms is not None
            else _present(event.duration_ms),
            error_message=event.content if event.is_error else None,
            result_bytes=len(event.content.encode()),
        )


class _WatchedProvider:
    """A provider whose requests and answers a recorder sees."""

    def __init__(self, provider: Provider, recorder: Recorder) -> None:
        self._provider = provider
        self._recorder = recorder

    @property
    def id(self) -> str:
        return self._provider.id

    async def stream(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[Tool],
        options: ProviderOptions,
    ) -> AsyncIterator[ProviderEvent]:
        self._recorder.requested(partial(estimate_usage, messages, tools, options))
        stream = self._provider.stream(messages, tools, options)
        try:
            async for event in stream:
                self._recorder.received(event)
                yield event
        except Exception as error:
            self._recorder.received(Failure(str(error), code=type(error).__name__))
            raise
        finally:
            self._recorder.ended()
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()


def _present(value: int | float | MISSING) -> float | None:
    return None if value is MISSING else float(value)


def _now_us() -> int:
    return time_ns() // 1000
