"""The scripted provider: a chat that works at once, offline, with no model behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from ..engine.contracts import (
    AnswerInfo,
    AnswerSchema,
    Detail,
    Failure,
    Finish,
    ProviderEvent,
    ProviderOptions,
    ReasoningDelta,
    TextDelta,
    Tool,
    ToolCall,
    ToolInputDelta,
    UsageReport,
    UsageSoFar,
)
from ..wire.conversation import ChatMessage, Usage
from .scripted_answers import answer, answer_results, think, think_results
from .scripted_forms import make_form
from .scripted_plan import Plan, plan_step
from .scripted_showpieces import showpiece
from .scripted_turn import read_turn
from .tokens import count_request, count_tokens, pieces

__all__ = ["Pause", "ScriptItem", "ScriptedProvider"]

DEFAULT_PACE = 60.0


@dataclass(frozen=True, slots=True)
class Pause:
    """A wait of `seconds` between two events of a script."""

    seconds: float


ScriptItem = ProviderEvent | Pause | Callable[[], Awaitable[object]]
"""An event to send, a pause, or an async function to wait for (such as an event's `wait`)."""


class ScriptedProvider:
    """A provider without a model: deterministic, labelled as a script, and offline.

    By itself it answers by fixed rules: it calls the tools whose names and descriptions
    share words with the prompt, really waits for their results, and then explains the
    turn that led there. Asked to count far or to write something long it does, so that
    Stop can be tried; asked for an answer of some form it makes one of the prompt's words.
    With `steps` it plays a script instead, and nothing else.

    Parameters
    ----------
    steps : sequence of sequences of ScriptItem, optional
        What each request gets, in order, exactly as it stands; `pace` does not apply.
        A request beyond the last step fails with a sentence that says so.
    pace : float
        Tokens per second; 0 is as fast as possible. A token is a word or a mark.
    """

    def __init__(
        self,
        steps: Sequence[Sequence[ScriptItem]] | None = None,
        *,
        pace: float = DEFAULT_PACE,
    ) -> None:
        if not pace >= 0:
            raise ValueError(f"pace is tokens per second, 0 or more (0: no pauses), not {pace!r}.")
        self._steps = None if steps is None else [tuple(step) for step in steps]
        self._pace = pace
        self._played = 0

    @property
    def id(self) -> str:
        """The provider's name."""
        return "scripted"

    def __repr__(self) -> str:
        """Return the provider, named as what it is."""
        played = "" if self._steps is None else f" of {len(self._steps)} steps"
        return f"<scripted provider{played}: no model>"

    async def stream(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[Tool],
        options: ProviderOptions,
    ) -> AsyncIterator[ProviderEvent]:
        """Yield the script's next step, or an answer to `messages` by fixed rules."""
        if self._steps is None:
            async for event in self._paced(_respond(messages, tools, options)):
                yield event
            return
        self._played += 1
        if self._played > len(self._steps):
            yield Failure(
                f"The script has {len(self._steps)} steps, but this is request {self._played}."
            )
            return
        for item in self._steps[self._played - 1]:
            if isinstance(item, Pause):
                await asyncio.sleep(item.seconds)
            elif isinstance(item, ProviderEvent):
                yield item
            else:
                await item()

    async def _paced(self, events: Iterator[ProviderEvent]) -> AsyncIterator[ProviderEvent]:
        loop = asyncio.get_running_loop()
        due = loop.time()
        for event in events:
            if self._pace:
                # A reader that was slow is not caught up with: the pace is a speed limit.
                due = max(due + _cost(event) / self._pace, loop.time())
            await asyncio.sleep(max(0.0, due - loop.time()))
            yield event


def _respond(
    messages: Sequence[ChatMessage], tools: Sequence[Tool], options: ProviderOptions
) -> Iterator[ProviderEvent]:
    """Yield a whole answer, cut off with the reason ``length`` at `options.max_tokens`."""
    input_tokens = count_request(messages, tools, options.system_prompt)
    output_tokens = 0
    for event in _events(messages, tools, options.schema, input_tokens):
        cost = _cost(event)
        if options.max_tokens is not None and output_tokens + cost > options.max_tokens:
            event = Finish("length")
        if isinstance(event, Finish):
            yield UsageReport(Usage(input_tokens=input_tokens, output_tokens=output_tokens))
            yield event
            return
        output_tokens += cost
        yield event


def _events(
    messages: Sequence[ChatMessage],
    tools: Sequence[Tool],
    schema: AnswerSchema | None,
    input_tokens: int,
) -> Iterator[ProviderEvent]:
    turn = read_turn(messages)
    long = None if turn.exchanges or schema is not None else showpiece(turn.request)
    plan = Plan() if long is not None else plan_step(turn, tools)
    if long is not None:
        thought = "A script, not a model, writes this: the prompt asks for something to look at."
        said = long
    elif turn.exchanges:
        thought = think_results(turn, plan)
        said = "" if plan.calls else answer_results(turn, input_tokens)
    else:
        thought = think(turn, plan, tools)
        said = "" if plan.calls else answer(turn, plan, tools, input_tokens)
    if schema is not None and not plan.calls:
        said = json.dumps(make_form(schema.schema, turn.request), indent=2, ensure_ascii=False)
    yield from map(ReasoningDelta, pieces(thought))
    yield from map(TextDelta, pieces(said))
    for number, call in enumerate(plan.calls, turn.call_count + 1):
        call_id, name = f"call_{number}", call.tool.name
        for piece in pieces(json.dumps(call.input)):
            yield ToolInputDelta(call_id, name, piece)
        yield ToolCall(call_id, name, call.input)
    yield Finish("tool_calls" if plan.calls else "stop")


def _cost(event: ProviderEvent) -> int:
    match event:
        case ReasoningDelta() | TextDelta() | ToolInputDelta():
            return 1
        case ToolCall():
            return count_tokens(event.tool_name)  # its arguments came before it
        case UsageReport() | UsageSoFar() | Detail() | AnswerInfo() | Finish() | Failure():
            return 0
