"""Clients of the simulated backend: what they do, and what they have been told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dispatch_nb.transcript import sync as ours
from dispatch_nb.transcript.reducer import fold_event
from dispatch_nb.transcript.state import TranscriptState, initial_state
from tests.sync_backend import Backend, Emission, StoredRow, delta, shown_by
from tests.sync_oracle import Seen, Sent, Truth


@dataclass
class Rules:
    """The functions that a client is made of; mutants replace one of them."""

    fold: Callable[..., TranscriptState] = fold_event
    begin_replay: Callable[..., TranscriptState] = ours.begin_replay
    sync: Callable[..., TranscriptState] = ours.sync_history
    append: Callable[..., TranscriptState] = ours.append_user_message
    reject: Callable[..., TranscriptState] = ours.reject_echo


@dataclass
class Read:
    """A request: rows behind `since`, or before `before`; the newest `limit` of them only."""

    since: int = 0
    sealed: frozenset[str] = frozenset()
    started: frozenset[str] = frozenset()
    before: int | None = None
    limit: int | None = None
    answer: list[StoredRow] | None = None


@dataclass(kw_only=True)
class Client(Truth):
    """A client with its state, its connection, its reads in flight, and the truth about both."""

    rules: Rules
    backend: Backend
    state: TranscriptState = field(default_factory=initial_state)
    inbox: list[Any] | None = None
    reads: list[Read] = field(default_factory=list)
    outbox: list[Sent] = field(default_factory=list)
    sealed: set[str] = field(default_factory=set)
    started: set[str] = field(default_factory=set)
    has_loaded: bool = False
    awaits_first: bool = False
    is_fresh: bool = False
    window: int | None = None
    wants_more: bool = False
    done: list[tuple[str, tuple[Any, ...], dict[str, Any], TranscriptState]] = field(
        default_factory=list
    )

    @property
    def may_read(self) -> bool:
        """Whether history may be read: at any time."""
        return True

    @property
    def may_disconnect(self) -> bool:
        """Whether it can tell afterwards what became of its prompts."""
        return not self.sent

    def connect(self) -> None:
        self.inbox = []
        self.awaits_first = True
        self.is_fresh = False
        self.backend.subscribe(self.inbox)
        self.request()

    def disconnect(self) -> None:
        self.backend.listeners[:] = [i for i in self.backend.listeners if i is not self.inbox]
        self.inbox = None
        self.reads.clear()
        self.wants_more = False

    def request(self) -> None:
        """Ask for the tail; first for the newest rows only, and then for nothing beside."""
        limit = None if self.rows else self.window
        if limit is not None and self.reads:
            self.wants_more = True
            return
        since = max(self.rows, default=0)
        self.reads.append(Read(since, frozenset(self.sealed), frozenset(self.started), limit=limit))

    def request_page(self, limit: int) -> None:
        """Ask for older rows than those that were read."""
        self.reads.append(Read(before=min(self.rows), limit=limit))

    def answer(self, number: int) -> None:
        """The backend computes an answer; it is still on its way."""
        read = self.reads[number]
        rows = self.backend.log[read.since : read.before and read.before - 1]
        read.answer = rows if read.limit is None else rows[-read.limit :]

    def receive_answer(self, number: int) -> None:
        read = self.reads.pop(number)
        rows = read.answer or []
        self.is_fresh = self.is_fresh or read.before is None
        arguments: dict[str, Any] = {
            "requested_after_seal": sorted(read.sealed),
            "requested_after_start": sorted(read.started),
        }
        if self.is_told_turns:
            arguments["turn_ids"] = {row.stored.seq: row.turn_id for row in rows}
        for seen in self.seen:
            seen.is_known_stored |= seen.turn_id in read.started
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
        if self.wants_more and not self.reads:
            self.wants_more = False
            self.request()

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
            return None if message.is_ours else self._receive_event(message)
        sent: Sent = message[1]
        self._do("reject", sent.text)
        self.sent = [other for other in self.sent if other is not sent]
        for other in self.sent:
            met_another = sent.met_another and other.text == sent.text
            other.met_another = other.met_another or met_another
            other.may_be_claimed |= met_another
        return None

    def _receive_event(self, emission: Emission) -> None:
        event = emission.event
        if event.type == "user-message":
            stored = {row.identity: seq for seq, row in self.rows.items()}
            seq = stored.get((event.turn_id, 1))
            replaced = Seen(event.turn_id, event.text, is_replayed=self.awaits_first)
            self.met.add(event.turn_id)
            if self.is_fresh and not self.awaits_first:
                replaced.known_to = max(self.rows, default=0)
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
                    replaced.has_claimed_another = True
                    sent.may_be_claimed = True
        self._do("fold", event)
        if event.type == "turn-sealed":
            self.sealed.add(event.turn_id)
            self.request()
        if event.type == "turn-start":
            self.started.add(event.turn_id)
            if self.is_windowed:
                self.request()
        if emission.identity is not None and event.type != "status":
            chunks = next(s.chunks for s in self.seen if s.turn_id == event.turn_id)
            role, text = shown_by(event)
            before = chunks.get(emission.identity)
            chunks[emission.identity] = (role, text if before is None else before[1] + delta(event))

    def _do(self, name: str, *arguments: Any, **options: Any) -> None:
        self.state = getattr(self.rules, name)(self.state, *arguments, **options)
        self.done.append((name, arguments, options, self.state))
