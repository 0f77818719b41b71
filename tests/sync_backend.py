"""A simulated backend as of CR-6: one conversation's log, its turns, and its subscribers.

It is a foreign one, which tells nothing beside the contract, or ours, which stores all that it
says and tells so.

Every chunk has an identity that its events and its stored row share, which no client sees:
`tests/sync_oracle.py` knows by it what must be on screen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from dispatch_nb.transcript.live import LiveState, fold_live, initial_live
from dispatch_nb.wire import conversation as c
from dispatch_nb.wire import events as e
from dispatch_nb.wire import extensions as x

Identity = tuple[str, int]
PROMPTS = ("hi", "go", "hi", "more", "now", "why", "up", "on")
STEERINGS = ("left", "right", "hi")
WORDS = ("a", "b", "ab", "", "ba")
USAGE = c.Usage(input_tokens=1, output_tokens=1)


class Choices:
    """Decisions read from bytes, so that hypothesis finds and shrinks them; zeros at the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def below(self, bound: int) -> int:
        if self._at >= len(self._data):
            return 0
        self._at += 1
        return self._data[self._at - 1] % bound

    def one_in(self, bound: int) -> bool:
        """True for one in `bound`; false when the bytes have run out."""
        return self.below(bound) == bound - 1

    def of(self, options: Any) -> Any:
        return options[self.below(len(options))]

    @property
    def are_used_up(self) -> bool:
        return self._at >= len(self._data)


@dataclass
class Emission:
    """An event, and the chunk that it begins, extends or is."""

    event: x.LiveEvent
    identity: Identity | None = None

    @property
    def is_ours(self) -> bool:
        """Whether only readers of our own log get it."""
        return self.event.type.startswith("nb.")


@dataclass
class StoredRow:
    stored: c.StoredChunk
    turn_id: str
    identity: Identity


@dataclass
class Storing:
    """Chunks that one append writes, row by row, so that a read can catch a part."""

    rows: list[tuple[Identity, c.Role, c.Chunk]]


Action = Emission | Storing | list[Emission]


@dataclass
class Habits:
    """What differs between backends."""

    stores_steering: bool
    strips_aborted: bool
    call_ids: str  # "unique", "empty" or "repeated"
    is_ours: bool = False
    has_silent_blocks: bool = False  # chunks that only readers of our own log hear of


@dataclass
class Turn:
    """One turn as the backend runs it."""

    turn_id: str
    prompt: str
    sender: Any
    choices: Choices
    habits: Habits
    client_message_id: str | None = None
    made: int = 0
    open_text: tuple[Identity, str, str] | None = None

    def actions(self) -> Iterator[Action]:
        """Every event and append, in order; how it goes is chosen on the way."""
        choices = self.choices
        ids: dict[str, Any] = {"conversation_id": "c", "turn_id": self.turn_id}
        prompt = self._identity()
        said = [Emission(e.UserMessageEvent(**ids, text=self.prompt), prompt)]
        if self.client_message_id is not None:
            sent = x.PromptSentEvent(**ids, client_message_id=self.client_message_id)
            said.insert(0, Emission(sent))
        yield said
        if not self.habits.is_ours and choices.one_in(8):
            error = e.ErrorEvent(**ids, message="unknown model: m")
            yield Emission(error, self._identity())
            return
        rows: list[tuple[Identity, c.Role, c.Chunk]]
        rows = [(prompt, "user", c.TextChunk(text=self.prompt))]
        if choices.one_in(8):
            image = (self._identity(), c.ImageChunk(url="data:,"))
            rows.append((image[0], "user", image[1]))
            yield Emission(x.PromptImagesEvent(**ids, images=[image[1]]), image[0])
        yield Storing(rows)
        yield Emission(e.TurnStartEvent(**ids))
        steps = 1 + choices.below(3)
        ending = choices.of(("stop", "stop", "stop", "aborted", "dies in", "dies after"))
        for step in range(steps):
            is_last = step == steps - 1
            rows = []
            yield from self._stream(step, is_last, rows, is_aborted=is_last and ending == "aborted")
            if is_last and ending.startswith("dies") and self.habits.is_ours:
                last = self._identity()
                yield Emission(e.ErrorEvent(**ids, message="broke"), last)
                yield Emission(e.DoneEvent(**ids, reason="error"))
                yield Storing([*rows, (last, "assistant", c.ErrorChunk(message="broke"))])
                yield Emission(e.TurnSealedEvent(**ids))
                return
            if is_last and ending == "dies in":
                yield Emission(e.ErrorEvent(**ids, message="store failed"), self._identity())
                return
            yield Storing(rows)
            if is_last and ending == "dies after":
                yield Emission(e.ErrorEvent(**ids, message="store failed"), self._identity())
                return
            if not is_last and choices.one_in(3):
                steering = self._identity()
                text = choices.of(STEERINGS)
                yield Emission(e.SteeringEvent(**ids, text=text), steering)
                if self.habits.stores_steering:
                    yield Storing([(steering, "user", c.TextChunk(text=text))])
        reason = "aborted" if ending == "aborted" else "stop"
        yield Emission(e.DoneEvent(**ids, reason=reason))
        yield Emission(e.TurnSealedEvent(**ids))

    def _identity(self) -> Identity:
        self.made += 1
        return (self.turn_id, self.made)

    def _stream(
        self,
        step: int,
        is_last: bool,
        rows: list[tuple[Identity, c.Role, c.Chunk]],
        *,
        is_aborted: bool,
    ) -> Iterator[Action]:
        choices = self.choices
        ids: dict[str, Any] = {"conversation_id": "c", "turn_id": self.turn_id}
        step_id = f"{self.turn_id}#{step}"
        if choices.one_in(4):
            yield from self._text(e.ReasoningDeltaEvent, "thinking", rows)
        if is_last or choices.below(2):
            yield from self._text(e.TextDeltaEvent, "text", rows)
        calls: list[dict[str, Any]] = []
        for number in range(0 if is_last and not is_aborted else 1 + choices.one_in(2)):
            call_id = {"unique": f"{step_id}.{number}", "empty": "", "repeated": "call"}
            call: dict[str, Any] = {
                "tool_call_id": call_id[self.habits.call_ids],
                "tool_name": "f",
                "step_id": step_id,
            }
            calls.append(call)
            identity = self._identity()
            yield Emission(e.ToolCallEvent(**ids, **call, input={"x": 1}), identity)
            rows.append((identity, "assistant", c.ToolCallChunk(**call, input={"x": 1})))
            if is_aborted and choices.one_in(2):
                yield from self._text(e.TextDeltaEvent, "text", rows)
        if choices.one_in(8):
            error = self._identity()
            yield Emission(e.ErrorEvent(**ids, message="provider"), error)
            rows.append((error, "assistant", c.ErrorChunk(message="provider")))
        yield Emission(e.UsageEvent(**ids, usage=USAGE, step_id=step_id))
        yield Emission(e.StepCompleteEvent(**ids, step_id=step_id))
        for call in calls:
            content = "Aborted" if is_aborted else "ok"
            result: dict[str, Any] = {"content": content, "is_error": is_aborted}
            identity = self._identity()
            yield Emission(e.ToolResultEvent(**ids, **call, **result), identity)
            rows.append((identity, "tool", c.ToolResultChunk(**call, **result)))
        if is_aborted and self.habits.strips_aborted:
            rows[:] = [row for row in rows if row[2].type not in ("tool-call", "tool-result")]

    def _text(
        self, event: Any, kind: str, rows: list[tuple[Identity, c.Role, c.Chunk]]
    ) -> Iterator[Action]:
        identity = self._identity()
        words = [self.choices.of(WORDS) for _ in range(1 + self.choices.below(3))]
        for word in words:
            delta = event(conversation_id="c", turn_id=self.turn_id, delta=word)
            yield Emission(delta, identity)
        text = "".join(words)
        chunk = c.TextChunk(text=text) if kind == "text" else c.ThinkingChunk(text=text)
        rows.append((identity, "assistant", chunk))
        if self.habits.is_ours and self.choices.one_in(4):
            alone = self.habits.has_silent_blocks and bool(self.choices.below(2))
            detail: dict[str, Any] = {"kind": kind, "alone": alone, "provider": "p"}
            more = self._identity() if alone else None
            detail |= {"conversation_id": "c", "turn_id": self.turn_id}
            yield Emission(x.ChunkDetailEvent(**detail), more)
            if more is not None:
                rows.append((more, "assistant", type(chunk)(text="")))


@dataclass
class Backend:
    """One conversation: at most one turn at a time, a log, a buffer, and who listens."""

    choices: Choices
    habits: Habits
    log: list[StoredRow] = field(default_factory=list)
    buffer: list[Emission] = field(default_factory=list)
    listeners: list[list[Any]] = field(default_factory=list)
    turns: int = 0
    running: Turn | None = None
    carried: list[str] = field(default_factory=list)
    live: LiveState = field(default_factory=initial_live)
    _actions: Iterator[Action] = field(default_factory=lambda: iter(()))
    _unwritten: list[tuple[Identity, c.Role, c.Chunk]] = field(default_factory=list)
    _written: int = 0

    def begin(self, prompt: str, sender: Any = None, client_message_id: str | None = None) -> None:
        self.turns += 1
        self.running = Turn(
            f"t{self.turns}", prompt, sender, self.choices, self.habits, client_message_id
        )
        self._actions = self.running.actions()
        self.buffer = []
        self.step()

    def send(
        self, prompt: str, sender: Any, inbox: list[Any], client_message_id: str | None = None
    ) -> None:
        """A `chat.send` arrives: a turn, or the refusal that another one runs."""
        if self.running is None:
            self.begin(prompt, sender, client_message_id)
        else:
            inbox.append(("refused", sender))

    def subscribe(self, inbox: list[Any]) -> None:
        inbox.extend(self.buffer)
        self.listeners.append(inbox)

    def step(self) -> None:
        """The running turn does its next thing: one event, or one row."""
        if self._unwritten:
            return self._write()
        assert self.running is not None
        action = next(self._actions, None)
        if isinstance(action, Storing):
            self._unwritten = list(action.rows)
            return self._write()
        if action is not None:
            for emission in [action] if isinstance(action, Emission) else action:
                self._emit(emission)
            return None
        has_sealed = self.buffer[-1].event.type == "turn-sealed"
        self.running, self.buffer = None, []
        if has_sealed and self.carried:
            self.begin(self.carried.pop())
        return None

    def _write(self) -> None:
        if not self._unwritten:
            return
        identity, role, chunk = self._unwritten.pop(0)
        stored = c.StoredChunk(seq=len(self.log) + 1, role=role, chunk=chunk)
        assert self.running is not None
        self.log.append(StoredRow(stored, self.running.turn_id, identity))
        self._written += 1
        if self.habits.is_ours and not self._unwritten:
            first, self._written = len(self.log) - self._written + 1, 0
            told = x.ChunksCommittedEvent(
                conversation_id="c",
                turn_id=self.running.turn_id,
                first_seq=first,
                count=len(self.log) - first + 1,
            )
            self._actions = chain([Emission(told)], self._actions)

    def _emit(self, emission: Emission) -> None:
        self.buffer.append(emission)
        for inbox in self.listeners:
            inbox.append(emission)
        if self.habits.is_ours:
            self.live = fold_live(self.live, emission.event)


def delta(event: Any) -> str:
    text: str = event.delta
    return text


def shown_by(event: Any) -> tuple[str, str]:
    """The role of the chunk that an event begins, and its key so far."""
    match event.type:
        case "text-delta":
            return "assistant", f"text:{event.delta}"
        case "reasoning-delta":
            return "assistant", f"thinking:{event.delta}"
        case "tool-call":
            return "assistant", f"call:{event.tool_call_id}:{event.step_id}"
        case "tool-result":
            call = f"{event.tool_call_id}:{event.step_id}"
            return "tool", f"result:{call}:{event.content}"
        case "error":
            return "assistant", f"error:{event.message}"
        case "nb.prompt-images":
            return "user", "image"
        case "nb.chunk-detail":
            return "assistant", f"{event.kind}:"
        case _:
            return "user", f"text:{event.text}"
