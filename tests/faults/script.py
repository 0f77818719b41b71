"""Conversations decided by a seed: what is asked, what the model says, what its tools do."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from dispatch_nb.conversation.local import LocalConversation
from dispatch_nb.engine.contracts import (
    Finish,
    ProviderEvent,
    ProviderOptions,
    ReasoningDelta,
    TextDelta,
    Tool,
    ToolCall,
    UsageReport,
)
from dispatch_nb.wire.conversation import ChatMessage, Usage

Saying = tuple[str, str, str]
"""Role, kind and content of a chunk, in a form that does not know ids of turns."""

Then = Literal["wait", "edit", "cancel"]
THEN: tuple[Then, ...] = ("wait", "wait", "edit", "cancel")
WORDS = ("The ", "quick ", "brown ", "fox\n", "jumps ", "over ", "é😀 ", "", "lazy ", "dogs. ")


@dataclass(frozen=True)
class Typing:
    """A text that the person types while an answer streams, and may think better of."""

    text: str
    then: Then

    @property
    def texts(self) -> list[str]:
        """What the text is at first, and what it is made to be; nothing once cancelled."""
        return [self.text, f"{self.text}, edited"] if self.then == "edit" else [self.text]


@dataclass(frozen=True)
class Step:
    """One answer of the model: its thoughts, its text and the tools it calls.

    What is typed meanwhile is in `typings`; the one who asks the steering tool says `steering`.
    """

    thoughts: list[str]
    words: list[str]
    calls: list[ToolCall]
    steering: str | None
    typings: list[Typing]

    def sayings(self) -> list[Saying]:
        """Return the chunks of this step, and of the steering that follows it."""
        said: list[Saying] = []
        for kind, parts in (("thinking", self.thoughts), ("text", self.words)):
            if parts:
                said.append(("assistant", kind, "".join(parts)))
        said += [("assistant", "tool-call", call.tool_call_id) for call in self.calls]
        said += [("tool", "tool-result", answer(call)) for call in self.calls]
        if self.steering is not None:
            said.append(("user", "text", self.steering))
        return said

    @property
    def event_count(self) -> int:
        """How many events show this step, its usage and its storing included."""
        steering = 0 if self.steering is None else 2
        return len(self.thoughts) + len(self.words) + 3 * len(self.calls) + 3 + steering


@dataclass(frozen=True)
class ScriptedTurn:
    """A prompt and the steps that answer it."""

    prompt: str
    steps: list[Step]
    is_carried: bool = False

    @property
    def carried(self) -> str:
        """The prompt of the turn that what is left in the queue opens; empty for none."""
        left = [each for step in self.steps for each in step.typings if each.then != "cancel"]
        return "\n\n".join(each.texts[-1] for each in left)

    def sayings(self) -> list[Saying]:
        """Return the chunks of this turn."""
        said: list[Saying] = [("user", "text", self.prompt)]
        return said + [saying for step in self.steps for saying in step.sayings()]

    @property
    def event_count(self) -> int:
        """How many events show this turn."""
        return 5 + sum(step.event_count for step in self.steps)


def answer(call: ToolCall) -> str:
    """Return what the tool says to a call, as one who knows both may expect it."""
    given = call.input
    assert isinstance(given, dict)
    return str(given["a"]) if call.tool_name == "wait" else f"{call.tool_name}: {given['text']}"


def make_script(seed: int) -> list[ScriptedTurn]:
    """Return the conversation of a seed: one to three turns, with tools and steering."""
    source = random.Random(seed)
    turns = [_turn(source, 0, "", may_type=True)]
    for number in range(1, source.randint(1, 3)):
        turns.append(_turn(source, number, turns[-1].carried, may_type=True))
    if turns[-1].carried:
        turns.append(_turn(source, len(turns), turns[-1].carried, may_type=False))
    return turns


def typings(script: list[ScriptedTurn]) -> list[Typing]:
    """Return all that the person types into the queue, steering included."""
    steps = [step for turn in script for step in turn.steps]
    steering = [Typing(step.steering, "wait") for step in steps if step.steering is not None]
    return [*steering, *(typing for step in steps for typing in step.typings)]


def _turn(source: random.Random, number: int, carried: str, *, may_type: bool) -> ScriptedTurn:
    steps = []
    for index in range(source.randint(0, 3)):
        calls: list[ToolCall] = []
        steering = None
        for position in range(source.randint(1, 4)):
            call_id = f"call_{number}_{index}_{position}"
            kind = source.choice(["wait", "wait", "note", "steer"])
            if kind == "steer" and steering is None:
                steering = f"Steering {number}.{index}"
                calls.append(ToolCall(call_id, "steer", {"text": steering}))
            elif kind == "wait":
                calls.append(ToolCall(call_id, "wait", {"a": source.randint(0, 8)}))
            else:
                calls.append(ToolCall(call_id, "note", {"text": source.choice(WORDS) + "!"}))
        steps.append(Step(_parts(source, 0), _parts(source, 0), calls, steering, []))
    typed: list[Typing] = []
    for position in range(source.choice([0, 1, 2]) if may_type else 0):
        then = source.choice(THEN)
        typed.append(Typing(f"Typed {number}.{position}", then))
    steps.append(Step(_parts(source, 0), _parts(source, 1), [], None, typed))
    return ScriptedTurn(carried or f"Prompt {number} é", steps, is_carried=bool(carried))


def _parts(source: random.Random, least: int) -> list[str]:
    parts = source.choices(WORDS, k=source.randint(least, 14))
    # A chunk without a single character would be a question of its own.
    return ["So ", *parts] if parts else parts


@dataclass
class Player:
    """A provider that says what a script says, with the pauses of its seed.

    `typing` is called with what the person types, where they do.
    """

    script: Sequence[ScriptedTurn]
    seed: int
    typing: Callable[[Typing], object] = lambda typing: None
    id: str = "player"
    _asked: int = 0
    _steps: list[Step] = field(init=False)

    def __post_init__(self) -> None:
        self._steps = [step for turn in self.script for step in turn.steps]
        self._random = random.Random(f"{self.seed} pauses")

    async def stream(
        self, messages: Sequence[ChatMessage], tools: Sequence[Tool], options: ProviderOptions
    ) -> AsyncIterator[ProviderEvent]:
        """Say the next step of the script."""
        step = self._steps[self._asked]
        self._asked += 1
        said: list[ProviderEvent] = [ReasoningDelta(part) for part in step.thoughts]
        said += [TextDelta(part) for part in step.words]
        said += step.calls
        places = sorted(self._random.sample(range(len(said)), len(step.typings)))
        typings = dict(zip(places, step.typings, strict=True))
        for position, event in enumerate(said):
            if position in typings:
                # On a thread of its own, as a person's hands are.
                await asyncio.to_thread(self.typing, typings[position])
            if self._random.random() < 0.7:
                await asyncio.sleep(self._random.uniform(0, 0.004))
            yield event
        yield UsageReport(Usage(input_tokens=7, output_tokens=len(said)))
        yield Finish("tool_calls" if step.calls else "stop")


def hold(conversation: LocalConversation, player: Player, tell: Callable[..., None]) -> None:
    """Hold the whole conversation of a player's script.

    Parameters
    ----------
    tell
        Called with ``"typed"``, ``"edited"`` or ``"cancelled"`` and a text, once that is done.
    """

    def typing(typed: Typing) -> None:
        queued = conversation.enqueue(typed.text)
        queued.stored.result()
        tell("typed", typed.text)
        if typed.then == "edit" and conversation.queue.edit(queued.id, typed.texts[-1]):
            tell("edited", typed.text)
        if typed.then == "cancel" and conversation.queue.cancel(queued.id):
            tell("cancelled", typed.text)

    player.typing = typing
    for turn in player.script:
        if not turn.is_carried:
            conversation.send(turn.prompt).result(30)
            while conversation.status != "idle":
                time.sleep(0.001)


def assert_prefix(shown: Sequence[Saying], whole: Sequence[Saying]) -> None:
    """Fail unless `shown` is the beginning of `whole`, its last text perhaps cut short."""
    assert len(shown) <= len(whole)
    for position, (mine, theirs) in enumerate(zip(shown, whole, strict=False)):
        if mine != theirs:
            assert position == len(shown) - 1, (mine, theirs)
            assert mine[:2] == theirs[:2], (mine, theirs)
            assert mine[1] in ("text", "thinking"), (mine, theirs)
            assert theirs[2].startswith(mine[2]), (mine, theirs)


def assert_prefix_of_turns(shown: Sequence[tuple[str, Saying]], script: list[ScriptedTurn]) -> None:
    """Fail unless each turn's chunks begin that turn of the script, all but the last complete.

    Parameters
    ----------
    shown
        Chunks in order, each with the id of its turn.
    """
    turns = [[said for _, said in run] for _, run in groupby(shown, key=lambda pair: pair[0])]
    assert len(turns) <= len(script)
    for position, (mine, turn) in enumerate(zip(turns, script, strict=False)):
        assert_prefix(mine, turn.sayings())
        assert position == len(turns) - 1 or mine == turn.sayings()
