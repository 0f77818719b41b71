"""What the engine asks of providers, tools and callers.

Source: the Dispatch turn contract, sections 1 to 5. Edges implement these shapes; the
engine knows no edge.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from ..wire.conversation import ChatMessage, ReasoningEffort, Usage
from ..wire.extensions import LiveEvent

__all__ = [
    "UNREACHABLE",
    "AbortSignal",
    "AnswerInfo",
    "AnswerSchema",
    "Detail",
    "DispatchPolicy",
    "Emit",
    "Failure",
    "Finish",
    "Provider",
    "ProviderEvent",
    "ProviderOptions",
    "ReasoningDelta",
    "RetryStrategy",
    "RunTurnInput",
    "RunTurnResult",
    "TextDelta",
    "Tool",
    "ToolCall",
    "ToolContext",
    "ToolInputDelta",
    "ToolOutcome",
    "UsageReport",
    "UsageSoFar",
]


class AbortSignal:
    """A one-way switch that ends a turn; set and read on the loop that runs the turn."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    @property
    def aborted(self) -> bool:
        """Whether the turn is to end."""
        return self._event.is_set()

    def abort(self) -> None:
        """End the turn; further calls change nothing."""
        self._event.set()

    async def wait(self) -> None:
        """Return once the turn is to end."""
        await self._event.wait()


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text of the answer."""

    delta: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More of what the model thinks."""

    delta: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A complete tool call; `input` is raw text where the model's arguments are not JSON."""

    tool_call_id: str
    tool_name: str
    input: Any


@dataclass(frozen=True, slots=True)
class ToolInputDelta:
    """More of the arguments of a call, for those who watch; its `ToolCall` says them whole."""

    tool_call_id: str
    tool_name: str
    delta: str


@dataclass(frozen=True, slots=True)
class UsageReport:
    """The tokens of one request; exactly one a request, with its final counts.

    Should there be more, each stands in the place of those before: counts are cumulative.
    It comes before `Finish`, or before the `Failure` that ends a broken request: the counts
    are a lower bound then, and they stand, so that the request is not tried again.
    `reasoning_tokens` are a part of `usage.output_tokens`, and `raw` is the provider's own
    words for all of it.
    """

    usage: Usage
    reasoning_tokens: int | None = None
    raw: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class UsageSoFar:
    """What is known of the tokens while the answer still streams; as often as it is told.

    It stands, as a lower bound, where a `UsageReport` never comes. It is no content: a
    request that has told no more may be tried again.
    """

    report: UsageReport


@dataclass(frozen=True, slots=True)
class Detail:
    """JSON that the API wants back, byte for byte, with the block that has just streamed.

    Examples are Anthropic's signature of its thinking and the reasoning items of OpenAI's
    Responses. It ends the block of this `kind` that is open. With `alone`, and wherever
    no such block is open, an empty chunk of its own carries it: redacted thinking.
    """

    data: Any
    kind: Literal["thinking", "text"] = "thinking"
    alone: bool = False


@dataclass(frozen=True, slots=True)
class AnswerInfo:
    """Who answered, in the provider's own words; at most once a request."""

    response_id: str | None = None
    response_model: str | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """The model stopped; `reason` is the provider's own word."""

    reason: str


UNREACHABLE = "unreachable"
"""The code of a `Failure` for which no connection was made: most often a wrong address."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The request failed; `retry_after_ms` is the server's own wish, if it named one.

    `code` is the HTTP status as text where there is one (turn contract, section 8), `status`
    the same as a number, and `reason` the provider's own word, such as ``model_not_found``.
    """

    message: str
    code: str | None = None
    retryable: bool = False
    retry_after_ms: float | None = None
    status: int | None = None
    reason: str | None = None


ProviderEvent = (
    TextDelta
    | ReasoningDelta
    | ToolInputDelta
    | ToolCall
    | UsageReport
    | UsageSoFar
    | Detail
    | AnswerInfo
    | Finish
    | Failure
)


@dataclass(frozen=True, slots=True)
class AnswerSchema:
    """The form an answer shall have: a JSON schema, by a name that every API takes."""

    name: str
    schema: Mapping[str, Any]
    strict: bool = True


@dataclass(frozen=True, slots=True)
class ProviderOptions:
    """What a request may choose besides its messages and tools.

    `cache` asks the API to keep what it has read for the next request, where that must be
    asked for. `extra_body` is laid over the request's JSON object and `extra_headers` over
    its headers, which may hold keys and are never shown.
    """

    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    system_prompt: str | None = None
    reasoning_effort: ReasoningEffort | None = None
    top_p: float | None = None
    seed: int | None = None
    schema: AnswerSchema | None = None
    cache: bool = True
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    extra_headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@runtime_checkable
class Provider(Protocol):
    """A model behind some API: one streaming method.

    `stream` yields events until the answer ends: `Finish` with the provider's own word only
    if the answer came to its end, else a `Failure`. To stop it early the engine cancels the
    pending read and closes the iterator; the provider then closes its connection. An
    exception is a failure of the request, like a `Failure` that may be retried.

    A message may be a `PromptMessage`, whose chunks have what the API that made them wants
    back. A provider takes what bears its own `id` and leaves the rest; thinking without
    such a detail is not sent back.
    """

    @property
    def id(self) -> str:
        """The provider's name, such as ``openai``."""
        ...

    def stream(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[Tool],
        options: ProviderOptions,
    ) -> AsyncIterator[ProviderEvent]:
        """Send one request and yield what comes back."""
        ...


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What a tool gives back to the model."""

    content: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What a running tool knows of its call.

    `on_output` may be called from any thread; what comes after the call's end is dropped.
    """

    tool_call_id: str
    conversation_id: str
    turn_id: str
    signal: AbortSignal
    on_output: Callable[[str, Literal["stdout", "stderr"]], None]


@runtime_checkable
class Tool(Protocol):
    """Something a model may call.

    `concurrency_safe` false means that nothing else runs while it runs. `execute` must
    run on the turn's loop without blocking it; when the turn is aborted it is cancelled,
    and what it would still return is ignored.
    """

    @property
    def name(self) -> str:
        """The name the model uses."""
        ...

    @property
    def description(self) -> str:
        """What the tool does, for the model."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The JSON schema of the input object."""
        ...

    @property
    def concurrency_safe(self) -> bool:
        """Whether other tools may run beside it."""
        ...

    def execute(self, input: Any, context: ToolContext) -> Awaitable[ToolOutcome]:
        """Run the tool; an exception becomes an error result."""
        ...


@dataclass(frozen=True, slots=True)
class DispatchPolicy:
    """How tool calls of a step run.

    `max_concurrent` 0 is unlimited, 1 strictly one at a time. `eager` starts a call as
    soon as it has streamed in, otherwise all start after the stream.
    """

    max_concurrent: int = 1
    eager: bool = True


@runtime_checkable
class RetryStrategy(Protocol):
    """When to try a failed request again; one strategy may serve many turns at once."""

    def delay_for(self, attempt: int, failure: Failure, waited_ms: float) -> float | None:
        """Return the delay in milliseconds before the next try, or None to give up.

        Parameters
        ----------
        attempt
            How many retries the step has had before this one.
        failure
            What went wrong, with the server's own wish for a delay if it named one.
        waited_ms
            The delays of this step so far, summed.
        """
        ...

    async def sleep(self, delay_ms: float, signal: AbortSignal) -> None:
        """Wait, but no longer than until `signal` aborts."""
        ...


Emit = Callable[[LiveEvent], None]


@dataclass(frozen=True, slots=True)
class RunTurnInput:
    """Everything a turn needs; the engine mints no ids and reads no clock of its own.

    `now` is a monotonic clock in milliseconds; without it no timing field is emitted.
    `drain_steering` returns (or resolves to) the messages queued for the model, which the
    caller has stored. `on_step_complete` gets each step's messages, the same objects as
    in the result; it is awaited before anything else happens. `max_steps` 0 is unlimited.
    """

    provider: Provider
    messages: Sequence[ChatMessage]
    tools: Sequence[Tool]
    emit: Emit
    conversation_id: str
    turn_id: str
    dispatch: DispatchPolicy = field(default_factory=DispatchPolicy)
    options: ProviderOptions = field(default_factory=ProviderOptions)
    signal: AbortSignal | None = None
    now: Callable[[], float] | None = None
    drain_steering: (
        Callable[[], Sequence[ChatMessage] | Awaitable[Sequence[ChatMessage]]] | None
    ) = None
    on_step_complete: Callable[[Sequence[ChatMessage]], Awaitable[None] | None] | None = None
    retry: RetryStrategy | None = None
    max_steps: int = 50


@dataclass(frozen=True, slots=True)
class RunTurnResult:
    """What a turn produced: its assistant and tool messages, total usage, finish reason."""

    messages: Sequence[ChatMessage]
    usage: Usage
    finish_reason: str
