"""A step's answer as it streams in: events for the watchers, a draft for the transcript.

Source: the Dispatch turn contract, sections 4 and 5.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import count
from typing import TypeVar, assert_never

from pydantic import MISSING

from ..wire.conversation import (
    ChatMessage,
    ErrorChunk,
    TextChunk,
    ThinkingChunk,
)
from ..wire.events import (
    ErrorEvent,
    ProviderRetryEvent,
    ReasoningDeltaEvent,
    TextDeltaEvent,
    ToolCallEvent,
    UsageEvent,
)
from ..wire.extensions import (
    ChunkDetail,
    ChunkDetailEvent,
    RequestToldEvent,
    ToolInputDeltaEvent,
)
from .contracts import (
    AbortSignal,
    AnswerInfo,
    Detail,
    Failure,
    Finish,
    ProviderEvent,
    ReasoningDelta,
    RetryStrategy,
    RunTurnInput,
    TextDelta,
    Tool,
    ToolCall,
    ToolInputDelta,
    UsageReport,
    UsageSoFar,
)
from .draft import Draft, call_chunk, json_text
from .failures import as_failure
from .tasks import cancelled_from_outside
from .usage import NO_USAGE

__all__ = ["AnswerReader"]

_T = TypeVar("_T")

_log = logging.getLogger(__name__)

# A provider whose events are all there at once never gives way by itself: tools would
# not start and an abort would not be seen until its last event.
_EVENTS_PER_PAUSE = 32


class AnswerReader:
    """Reads one answer, trying again where that is allowed.

    Parameters
    ----------
    on_call
        Told of each tool call as it streams in.

    Attributes
    ----------
    calls
        The tool calls so far, as the tools shall see them.
    usage
        What the answer took, as far as it was reported.
    reason
        The step's finish reason.
    first_token_ms
        When the first text or reasoning came, by the turn's clock.
    """

    def __init__(
        self,
        turn: RunTurnInput,
        step_id: str,
        history: Sequence[ChatMessage],
        tools: Sequence[Tool],
        signal: AbortSignal,
        on_call: Callable[[ToolCall], None],
    ) -> None:
        self._turn = turn
        self._step_id = step_id
        self._history = history
        self._tools = tools
        self._signal = signal
        self._on_call = on_call
        self._draft = Draft()
        self._has_content = False
        self._attempt = 0
        self._report: UsageReport | None = None
        self._info = AnswerInfo()
        self._told: RequestToldEvent | None = None
        self._is_counted = False
        self.calls: list[ToolCall] = []
        self.usage = NO_USAGE
        self.reason = "stop"
        self.first_token_ms: float | None = None

    def message(self) -> ChatMessage | None:
        """Return the assistant's message so far."""
        return self._draft.message()

    def count(self) -> None:
        """Emit the one `usage` event of the answer, if anything was reported of it.

        Called at the answer's end, however it came to it; later calls change nothing.
        """
        if self._is_counted or self._report is None:
            return
        self._is_counted = True
        if self._report != UsageReport(self._report.usage) or self._info != AnswerInfo():
            self._tell()  # what the event has no place for
        self.usage = self._report.usage
        self._turn.emit(
            UsageEvent(
                conversation_id=self._turn.conversation_id,
                turn_id=self._turn.turn_id,
                usage=self.usage,
                step_id=self._step_id,
            )
        )

    async def read(self) -> None:
        """Read to the end of the answer, to a failure that is final, or to an abort."""
        waited_ms = 0.0
        for attempt in count():
            failure = await self._read_once()
            if failure is None:
                return
            retry = self._turn.retry
            if retry is None or not failure.retryable or self._has_content:
                return self._give_up(failure)
            delay_ms = retry.delay_for(attempt, failure, waited_ms)
            if delay_ms is None:
                return self._give_up(failure)
            self._tell()
            self._attempt, self._report, self._info = attempt + 1, None, AnswerInfo()
            await self._wait(retry, attempt, delay_ms, failure)
            if self._is_over():
                return
            waited_ms += delay_ms

    async def _read_once(self) -> Failure | None:
        """Read one response; return its failure, or None if it ended or was aborted."""
        turn = self._turn
        try:
            events = aiter(turn.provider.stream(list(self._history), self._tools, turn.options))
        except Exception as error:
            return as_failure(error)
        try:
            for number in count(1):
                event = await _next(events)
                if event is None or self._is_over():
                    return None
                if isinstance(event, Failure):
                    return event
                self._take(event)
                if isinstance(event, ToolCall) or number % _EVENTS_PER_PAUSE == 0:
                    await asyncio.sleep(0)
        finally:
            await _close(events)
        return None

    def _is_over(self) -> bool:
        # A provider that cannot be cancelled may send on after the turn has left it behind.
        return self._signal.aborted or cancelled_from_outside()

    def _take(
        self,
        event: TextDelta
        | ReasoningDelta
        | ToolInputDelta
        | ToolCall
        | UsageReport
        | UsageSoFar
        | Detail
        | AnswerInfo
        | Finish,
    ) -> None:
        match event:
            case TextDelta(delta) | ReasoningDelta(delta):
                # An empty delta says nothing, and would leave an empty chunk behind.
                if delta:
                    self._has_content = True
                    self._take_delta(event)
            case ToolInputDelta():
                self._take_input(event)
            case ToolCall():
                self._has_content = True
                self._take_call(event)
            case UsageReport():
                self._has_content = True
                self._report = event
            case UsageSoFar(report):
                self._take_so_far(report)
            case Finish(reason):
                self.reason = reason
            case Detail():
                self._has_content = True
                self._take_detail(event)
            case AnswerInfo():
                self._info = event
            case _:
                assert_never(event)

    def _take_delta(self, event: TextDelta | ReasoningDelta) -> None:
        if self.first_token_ms is None and self._turn.now is not None:
            self.first_token_ms = self._turn.now()
        is_text = isinstance(event, TextDelta)
        live = (TextDeltaEvent if is_text else ReasoningDeltaEvent)(
            conversation_id=self._turn.conversation_id,
            turn_id=self._turn.turn_id,
            delta=event.delta,
        )
        # The event's text, not the provider's: the watchers' transcript is made of it.
        self._draft.extend(TextChunk if is_text else ThinkingChunk, live.delta)
        self._turn.emit(live)

    def _take_detail(self, detail: Detail) -> None:
        kept = ChunkDetail(provider=self._turn.provider.id, data=detail.data)
        kind = TextChunk if detail.kind == "text" else ThinkingChunk
        self._draft.end(kind, kept, alone=detail.alone)
        self._turn.emit(
            ChunkDetailEvent(
                conversation_id=self._turn.conversation_id,
                turn_id=self._turn.turn_id,
                kind=detail.kind,
                alone=detail.alone,
                provider=kept.provider,
                data=kept.data,
            )
        )

    def _take_call(self, call: ToolCall) -> None:
        chunk = call_chunk(call, self._step_id)
        call = ToolCall(chunk.tool_call_id, chunk.tool_name, call.input)
        self._draft.add(chunk)
        self.calls.append(call)
        self._turn.emit(
            ToolCallEvent(
                conversation_id=self._turn.conversation_id,
                turn_id=self._turn.turn_id,
                tool_call_id=chunk.tool_call_id,
                tool_name=chunk.tool_name,
                input=chunk.input,
                step_id=self._step_id,
            )
        )
        self._on_call(call)

    def _take_input(self, event: ToolInputDelta) -> None:
        # Nothing of it is kept before the call is whole: a broken answer may be tried again.
        self._turn.emit(
            ToolInputDeltaEvent(
                conversation_id=self._turn.conversation_id,
                turn_id=self._turn.turn_id,
                step_id=self._step_id,
                tool_call_id=event.tool_call_id,
                tool_name=event.tool_name,
                delta=event.delta,
            )
        )

    def _take_so_far(self, report: UsageReport) -> None:
        is_first = self._report is None
        self._report = report
        if is_first:
            # Whatever comes now, this much is known; counts in every frame are told at the end.
            self._tell()

    def _tell(self) -> None:
        """Put on record what was reported, unless it is there already."""
        report, info = self._report, self._info
        if report is None and info == AnswerInfo():
            return
        told = RequestToldEvent(
            conversation_id=self._turn.conversation_id,
            turn_id=self._turn.turn_id,
            step_id=self._step_id,
            attempt=self._attempt,
            response_id=_given(info.response_id),
            response_model=_given(info.response_model),
            usage=MISSING if report is None else report.usage,
            reasoning_tokens=MISSING if report is None else _given(report.reasoning_tokens),
            raw_usage=MISSING
            if report is None or report.raw is None
            else json_text(dict(report.raw)),
        )
        if told != self._told:
            self._told = told
            self._turn.emit(told)

    async def _wait(
        self, retry: RetryStrategy, attempt: int, delay_ms: float, failure: Failure
    ) -> None:
        self._turn.emit(
            ProviderRetryEvent(
                conversation_id=self._turn.conversation_id,
                turn_id=self._turn.turn_id,
                attempt=attempt,
                delay_ms=round(delay_ms),
                message=failure.message,
                code=MISSING if failure.code is None else failure.code,
            )
        )
        await retry.sleep(delay_ms, self._signal)

    def _give_up(self, failure: Failure) -> None:
        self.count()
        chunk = ErrorChunk(
            message=failure.message, code=MISSING if failure.code is None else failure.code
        )
        self.reason = "error"
        self._draft.add(chunk)
        self._turn.emit(
            ErrorEvent(
                conversation_id=self._turn.conversation_id,
                turn_id=self._turn.turn_id,
                message=chunk.message,
                code=chunk.code,
            )
        )


def _given(value: _T | None) -> _T | MISSING:
    return MISSING if value is None else value


async def _next(events: AsyncIterator[ProviderEvent]) -> ProviderEvent | None:
    try:
        return await anext(events)
    except StopAsyncIteration:
        return None
    except asyncio.CancelledError:
        if cancelled_from_outside():
            raise
        return Failure("The provider's own work was cancelled.", retryable=True)
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # either would end the loop
        return as_failure(error)


async def _close(events: AsyncIterator[ProviderEvent]) -> None:
    """Close an iterator that may not have been read to its end, if it can be closed."""
    close = getattr(events, "aclose", None)
    if close is None:
        return
    try:
        await close()
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        _log.debug("A provider's stream failed while it was closed.", exc_info=error)
