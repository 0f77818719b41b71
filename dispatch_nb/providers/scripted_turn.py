"""What a request says of its turn: the prompt, what was called since, what came back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..wire.conversation import (
    ChatMessage,
    TextChunk,
    ToolCallChunk,
    ToolResultChunk,
)

__all__ = ["Exchange", "TurnSoFar", "read_turn"]

# Rules need no more to find what is asked for, and looking through a book would take minutes.
LONGEST_READ = 2_000


@dataclass(frozen=True, slots=True)
class Exchange:
    """A tool call and its result."""

    call: ToolCallChunk
    result: ToolResultChunk | None


@dataclass(frozen=True, slots=True)
class TurnSoFar:
    """The running turn, read from the messages of a request.

    `steering` are messages that came while tools ran. `request` is what to act on: the
    newest of them, else the prompt; `steps_since_request` counts the steps already spent
    on it. `call_count` is the number of calls in the whole conversation.
    """

    prompt: str
    steering: tuple[str, ...]
    steps: tuple[tuple[Exchange, ...], ...]
    steps_since_request: int
    message_count: int
    turn_number: int
    call_count: int

    @property
    def request(self) -> str:
        """The newest message of the person; of a long one only the beginning."""
        return (self.steering[-1] if self.steering else self.prompt)[:LONGEST_READ]

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Every call of the turn, in order."""
        return tuple(exchange for step in self.steps for exchange in step)


def read_turn(messages: Sequence[ChatMessage]) -> TurnSoFar:
    """Return what `messages` say of the turn they ask to continue."""
    asked = [index for index, message in enumerate(messages) if message.role == "user"]
    first = len(asked) - 1
    while first > 0 and _is_steering(messages, asked[first]):
        first -= 1
    turn = messages[asked[first] :] if asked else []
    texts = [text_of(messages[index]) for index in asked[max(first, 0) :]]
    last = messages[asked[-1] :] if asked else messages
    return TurnSoFar(
        prompt=texts[0] if texts else "",
        steering=tuple(texts[1:]),
        steps=_steps(turn),
        steps_since_request=len(_steps(last)),
        message_count=len(messages),
        turn_number=sum(not _is_steering(messages, index) for index in asked),
        call_count=sum(isinstance(c, ToolCallChunk) for m in messages for c in m.chunks),
    )


def text_of(message: ChatMessage) -> str:
    """Return the text chunks of a message, joined."""
    return "\n".join(c.text for c in message.chunks if isinstance(c, TextChunk)).strip()


def _is_steering(messages: Sequence[ChatMessage], index: int) -> bool:
    """Whether the user message at `index` came in mid-turn, right after tool results.

    After an aborted turn results stand before the next prompt, too, but none that a tool gave.
    """
    if index == 0 or messages[index - 1].role != "tool":
        return False
    results = [c for c in messages[index - 1].chunks if isinstance(c, ToolResultChunk)]
    return not any(
        r.is_error and r.content.startswith(("Aborted", "interrupted:")) for r in results
    )


def _steps(messages: Sequence[ChatMessage]) -> tuple[tuple[Exchange, ...], ...]:
    results = {
        chunk.tool_call_id: chunk
        for message in messages
        for chunk in message.chunks
        if isinstance(chunk, ToolResultChunk)
    }
    steps = (
        tuple(
            Exchange(chunk, results.get(chunk.tool_call_id))
            for chunk in message.chunks
            if isinstance(chunk, ToolCallChunk)
        )
        for message in messages
        if message.role == "assistant"
    )
    return tuple(step for step in steps if step)
