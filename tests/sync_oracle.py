"""Clients of the simulated backend, and what must be on each one's screen at every moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dispatch_nb.transcript import sync as ours
from dispatch_nb.transcript.reducer import fold_event
from dispatch_nb.transcript.selectors import select_chunks
from dispatch_nb.transcript.state import TranscriptState, initial_state
from dispatch_nb.wire import conversation as c
from tests.sync_backend import Backend, Emission, Identity, StoredRow, delta, shown_by

Shown = tuple[int | None, str, str]


@dataclass
class Rules:
    """The functions that a client is made of; mutants replace one of them."""

    fold: Callable[..., TranscriptState] = fold_event
    begin_replay: Callable[..., TranscriptState] = ours.begin_replay
    sync: Callable[..., TranscriptState] = ours.sync_history
    append: Callable[..., TranscriptState] = ours.append_user_message
    reject: Callable[..., TranscriptState] = ours.reject_echo


def key_of(chunk: c.Chunk) -> str:
    """A chunk as a short text that tells it from others."""
    match chunk:
        case c.TextChunk() | c.ThinkingChunk():
            return f"{chunk.type}:{chunk.text}"
        case c.ToolCallChunk():
            return f"call:{chunk.tool_call_id}:{chunk.step_id}"
        case c.ToolResultChunk():
            return f"result:{chunk.tool_call_id}:{chunk.step_id}:{chunk.content}"
        case c.ErrorChunk():
            return f"error:{chunk.message}"
        case _:
            return chunk.type


def screen_of(state: TranscriptState) -> list[Shown]:
    return [(shown.seq, shown.role, key_of(shown.chunk)) for shown in select_chunks(state)]


@dataclass
class Seen:
    """A turn of which a client saw events: its chunks so far, in order."""

    turn_id: str
    prompt: str
    chunks: dict[Identity, tuple[str, str]] = field(default_factory=dict)
    is_replayed: bool = False
    was_read_first: bool = False
    met_another: bool = False


@dataclass
class Sent:
    """A prompt of this client that no turn has claimed and nobody refused."""

    text: str
    turn_id: str | None = None
    after: int = 0
    met_another: bool = False


@dataclass
class Read:
    since: int
    sealed: frozenset[str]
    started: frozenset[str]
    answer: list[StoredRow] | None = None


@dataclass
class Client:
    """A client with its state, its connection, its reads in flight, and the truth about both."""

    rules: Rules
    backend: Backend
    is_told_turns: bool
    state: TranscriptState = field(default_factory=initial_state)
    inbox: list[Any] | None = None
    reads: list[Read] = field(default_factory=list)
    outbox: list[Sent] = field(default_factory=list)
    rows: dict[int, StoredRow] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    sealed: set[str] = field(default_factory=set)
    started: set[str] = field(default_factory=set)
    settled_to: int = 0
    has_loaded: bool = False
    awaits_first: bool = False
    done: list[tuple[str, tuple[Any, ...], dict[str, Any], TranscriptState]] = field(
        default_factory=list
    )

    def connect(self) -> None:
        self.inbox = []
        self.awaits_first = True
        self.backend.subscribe(self.inbox)
        self.request()

    def disconnect(self) -> None:
        self.backend.listeners[:] = [i for i in self.backend.listeners if i is not self.inbox]
        self.inbox = None
        self.reads.clear()

    def request(self) -> None:
        since = max(self.rows, default=0)
        self.reads.append(Read(since, frozenset(self.sealed), frozenset(self.started)))

    def answer(self, number: int) -> None:
        """The backend computes an answer; it is still on its way."""
        read = self.reads[number]
        read.answer = self.backend.log[read.since :]

    def receive_answer(self, number: int) -> None:
        read = self.reads.pop(number)
        rows = read.answer or []
        arguments: dict[str, Any] = {
            "requested_after_seal": sorted(read.sealed),
            "requested_after_start": sorted(read.started),
        }
        if self.is_told_turns:
            arguments["turn_ids"] = {row.stored.seq: row.turn_id for row in rows}
        self._do("sync", [row.stored for row in rows], **arguments)
        if not self.has_loaded:
            self.has_loaded = True
            last = rows[-1].stored.seq if rows else 0
            for seen in self.seen:
                mine = [row.stored.seq for row in rows if row.identity == (seen.turn_id, 1)]
                if mine and mine[0] < last and seen.turn_id not in read.started:
                    seen.was_read_first = True
            for sent in self.sent:
                mine = [row.stored.seq for row in rows if row.identity == (sent.turn_id, 1)]
                sent.met_another = sent.met_another or bool(mine and mine[0] < last)
        self.rows.update((row.stored.seq, row) for row in rows)
        was_ambiguous = {seen.turn_id: self._is_ambiguous_turn(seen) for seen in self.seen}
        for seen in self.seen:
            if seen.turn_id in read.sealed:
                own = (seq for seq, row in self.rows.items() if row.turn_id == seen.turn_id)
                self.settled_to = max([self.settled_to, *own])
        if any(seen.turn_id in read.sealed for seen in self.seen):
            for seen in self.seen:
                seen.met_another = seen.met_another or was_ambiguous[seen.turn_id]
        self.seen = [seen for seen in self.seen if seen.turn_id not in read.sealed]

    def send(self, text: str) -> None:
        self._do("append", text)
        sent = Sent(text, after=max(self.rows, default=0))
        self.sent.append(sent)
        self.outbox.append(sent)

    def deliver_send(self) -> None:
        assert self.inbox is not None
        sent = self.outbox.pop(0)
        turns = self.backend.turns
        self.backend.send(sent.text, sent, self.inbox)
        if self.backend.turns > turns and self.backend.running is not None:
            sent.turn_id = self.backend.running.turn_id

    def receive(self) -> None:
        assert self.inbox is not None
        message = self.inbox.pop(0)
        if isinstance(message, Emission):
            return self._receive_event(message)
        sent: Sent = message[1]
        self._do("reject", sent.text)
        self.sent = [other for other in self.sent if other is not sent]
        for other in self.sent:
            met_another = sent.met_another and other.text == sent.text
            other.met_another = other.met_another or met_another
        return None

    def _receive_event(self, emission: Emission) -> None:
        event = emission.event
        if event.type == "user-message":
            stored = {row.identity: seq for seq, row in self.rows.items()}
            seq = stored.get((event.turn_id, 1))
            replaced = Seen(event.turn_id, event.text, is_replayed=self.awaits_first)
            replaced.was_read_first = (
                seq is not None and seq < max(self.rows) and not self.settled_to
            )
            places = [n for n, seen in enumerate(self.seen) if seen.turn_id == event.turn_id]
            if self.awaits_first:
                self._do("begin_replay", event.turn_id)
            self.awaits_first = False
            if places:
                replaced.was_read_first = False
                self.seen[places[0]] = replaced
            else:
                self.seen.append(replaced)
            self.sent = [sent for sent in self.sent if sent.turn_id != event.turn_id]
            for sent in self.sent:
                if sent.text == event.text:
                    sent.met_another = replaced.met_another = True
        self._do("fold", event)
        if event.type == "turn-sealed":
            self.sealed.add(event.turn_id)
            self.request()
        if event.type == "turn-start":
            self.started.add(event.turn_id)
        if emission.identity is not None and event.type != "status":
            chunks = next(s.chunks for s in self.seen if s.turn_id == event.turn_id)
            role, text = shown_by(event)
            before = chunks.get(emission.identity)
            chunks[emission.identity] = (role, text if before is None else before[1] + delta(event))

    def _do(self, name: str, *arguments: Any, **options: Any) -> None:
        self.state = getattr(self.rules, name)(self.state, *arguments, **options)
        self.done.append((name, arguments, options, self.state))

    def expected(self) -> list[Shown]:
        """What must be on screen: every chunk once, stored ones first, own prompts last."""
        stored = {row.identity for row in self.rows.values()}
        shown: list[Shown] = [
            (seq, row.stored.role, key_of(row.stored.chunk))
            for seq, row in sorted(self.rows.items())
        ]
        for seen in self.seen:
            shown += [
                (None, role, text)
                for identity, (role, text) in seen.chunks.items()
                if identity not in stored
            ]
        shown += [
            (None, "user", f"text:{sent.text}")
            for sent in self.sent
            if (sent.turn_id, 1) not in stored
        ]
        return shown

    def is_ambiguous(self) -> bool:
        """Tell whether nobody could know from the wire alone: the cases of D.6."""
        return any(map(self._is_ambiguous_turn, self.seen)) or any(
            sent.met_another or self._has_rival(sent.text, {(sent.turn_id, 1)}, sent.after)
            for sent in self.sent
        )

    def _is_ambiguous_turn(self, seen: Seen) -> bool:
        if self.is_told_turns:
            return False
        known = {identity for other in self.seen for identity in other.chunks}
        known |= {(other.turn_id, 1) for other in self.seen}
        steerings = [text for role, text in list(seen.chunks.values())[1:] if role == "user"]
        return (
            seen.met_another
            or self._has_rival(seen.prompt, known, self.settled_to)
            or any(self._has_rival(text[5:], known, self.settled_to) for text in steerings)
            or self._has_steering_equal_to_a_prompt()
            or (seen.was_read_first and not seen.is_replayed and not self._has_proof(seen))
        )

    def _has_steering_equal_to_a_prompt(self) -> bool:
        """Tell whether a stored text may be a turn's steering or another turn's prompt."""
        return any(
            text == f"text:{other.prompt}"
            for seen in self.seen
            for role, text in list(seen.chunks.values())[1:]
            for other in self.seen
            if role == "user" and other is not seen
        )

    def _has_proof(self, seen: Seen) -> bool:
        """Tell whether a stored call or result of the turn was seen, which names its step."""
        stored = {row.identity for row in self.rows.values()}
        return any(
            identity in stored and text.startswith(("call", "result"))
            for identity, (_, text) in seen.chunks.items()
        )

    def _has_rival(self, text: str, known: set[Any], after: int) -> bool:
        wanted = f"text:{text}"
        return any(
            row.stored.role == "user"
            and key_of(row.stored.chunk) == wanted
            and row.identity not in known
            for seq, row in self.rows.items()
            if seq > after
        )
