"""Readers of our own log, as the widget's pages are, and what exactly is on their screens."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dispatch_nb.transcript import sync as ours
from dispatch_nb.transcript import trimming
from dispatch_nb.transcript.live import (
    LiveState,
    fold_live,
    from_snapshot,
    initial_live,
    to_snapshot,
)
from dispatch_nb.transcript.state import TranscriptState
from dispatch_nb.wire.view import SnapshotMessage
from tests.sync_backend import Backend, Emission, Identity, StoredRow, shown_by
from tests.sync_screen import Shown, key_of


@dataclass
class ToldRules:
    """The functions that a reader is made of; mutants replace one of them."""

    fold: Callable[..., LiveState] = fold_live
    snapshot: Callable[..., LiveState] = from_snapshot
    begin_replay: Callable[..., TranscriptState] = ours.begin_replay
    sync: Callable[..., TranscriptState] = ours.sync_history
    append: Callable[..., TranscriptState] = ours.append_user_message
    reject: Callable[..., TranscriptState] = ours.reject_echo
    trim: Callable[..., TranscriptState] = trimming.trim_transcript


@dataclass
class ToldSent:
    """A prompt of this reader that has not come back and was not refused."""

    client_message_id: str
    text: str
    turn_id: str | None = None


@dataclass
class ToldRead:
    """A request for the rows behind `since`, or for those before `before`: a page."""

    since: int = 0
    before: int | None = None
    limit: int | None = None
    answer: list[StoredRow] | None = None


@dataclass
class Snapshot:
    """A snapshot on its way, and what it shows."""

    message: SnapshotMessage
    rows: list[StoredRow]
    built: dict[Identity, tuple[str, str]]
    prompts: frozenset[str]


@dataclass(kw_only=True)
class ToldClient:
    """A reader with its state, its connection and its reads in flight.

    `rows` are the stored chunks that it has, from `floor` on, and `last` is the newest one that
    it ever had. `built` is what events of the newest turn built, stored or not. Nothing of what
    must be on screen is ever in doubt.
    """

    name: str
    rules: ToldRules
    backend: Backend
    window: int | None
    live: LiveState = field(default_factory=initial_live)
    inbox: list[Any] | None = None
    reads: list[ToldRead] = field(default_factory=list)
    sent: list[ToldSent] = field(default_factory=list)
    outbox: list[ToldSent] = field(default_factory=list)
    rows: dict[int, StoredRow] = field(default_factory=dict)
    floor: int = 0
    last: int = 0
    built: dict[Identity, tuple[str, str]] = field(default_factory=dict)
    turn_id: str | None = None
    count: int = 0
    has_begun: bool = False
    done: list[tuple[str, tuple[Any, ...], dict[str, Any], TranscriptState]] = field(
        default_factory=list
    )

    @property
    def may_read(self) -> bool:
        """Whether it knows where its events go on; nothing is read before."""
        return self.has_begun

    @property
    def may_disconnect(self) -> bool:
        """Whether it can tell afterwards what became of its prompts: always."""
        return True

    @property
    def is_windowed(self) -> bool:
        """Whether there are older rows than those that it has."""
        return self._oldest() > 1

    def connect(self) -> None:
        """Subscribe: from a snapshot, or as a reader of history with the turn's events replayed.

        Who has missed nothing but a part of the running turn goes on with its replay.
        """
        self.inbox = []
        running = self.backend.running
        if not self.has_begun and self.window is None:
            self._read_everything()
        elif running is None or running.turn_id != self.turn_id:
            self.ask_again()
        else:
            self._replay(None)
        self.backend.listeners.append(self.inbox)

    def disconnect(self) -> None:
        self.backend.listeners[:] = [i for i in self.backend.listeners if i is not self.inbox]
        self.inbox = None
        self.reads.clear()

    def ask_again(self) -> None:
        """Everything on its way is lost, and a snapshot takes its place."""
        assert self.inbox is not None
        self.inbox.clear()
        log = self.backend.log
        told = len(self.backend.live.transcript.committed)
        window = max(told, 1) if self.window is None else self.window
        shown = log[max(told - window, 0) : told]
        built: dict[Identity, tuple[str, str]] = {}
        for emission in self.backend.buffer if self.backend.running else []:
            _build(built, emission)
        known = {row.identity for row in log[:told]}
        built = {identity: chunk for identity, chunk in built.items() if identity not in known}
        prompts = {f"t{number}" for number in range(1, self.backend.turns + 1)}
        message = to_snapshot(self.backend.live, next=1, window=window)
        self.inbox.append(Snapshot(message, list(shown), built, frozenset(prompts)))

    def request(self) -> None:
        self.reads.append(ToldRead(self.last))

    def request_page(self, limit: int) -> None:
        self.reads.append(ToldRead(before=self._oldest(), limit=limit))

    def answer(self, number: int) -> None:
        """The backend computes an answer; it is still on its way."""
        read = self.reads[number]
        rows = self.backend.log[read.since : read.before and read.before - 1]
        read.answer = rows if read.limit is None else rows[-read.limit :]

    def receive_answer(self, number: int) -> None:
        read = self.reads.pop(number)
        rows = read.answer or []
        chunks = [row.stored for row in rows]
        if read.before is not None:
            self._transcript("sync", chunks, is_page=True)
            if rows and rows[-1].stored.seq == self._oldest() - 1:
                self.floor = rows[0].stored.seq
                self.rows.update((row.stored.seq, row) for row in rows)
            return
        ids = {
            row.stored.seq: sent.client_message_id
            for row in rows
            for sent in self.sent
            if row.identity == (sent.turn_id, 1)
        }
        self._transcript("sync", chunks, client_message_ids=ids)
        self._have(rows)
        self.sent = [sent for sent in self.sent if sent.client_message_id not in ids.values()]

    def send(self, text: str) -> None:
        self.count += 1
        sent = ToldSent(f"{self.name}-{self.count}", text)
        self._transcript("append", text, client_message_id=sent.client_message_id)
        self.sent.append(sent)
        self.outbox.append(sent)

    def deliver_send(self) -> None:
        assert self.inbox is not None
        sent = self.outbox.pop(0)
        turns = self.backend.turns
        self.backend.send(sent.text, sent, self.inbox, sent.client_message_id)
        if self.backend.turns > turns and self.backend.running is not None:
            sent.turn_id = self.backend.running.turn_id

    def receive(self) -> None:
        assert self.inbox is not None
        message = self.inbox.pop(0)
        if isinstance(message, Snapshot):
            self._receive_snapshot(message)
        elif isinstance(message, Emission):
            self._receive_event(message)
        else:
            sent: ToldSent = message[1]
            self._transcript("reject", sent.text, client_message_id=sent.client_message_id)
            self.sent.remove(sent)

    def trim(self, limit: int) -> None:
        """Unload what is above, as the contract's B.4 has it."""
        self._transcript("trim", limit)
        loaded = len(self.rows) + len(self._unstored())
        if loaded > limit:
            unit = math.ceil(limit / 4)
            for seq in sorted(self.rows)[: math.ceil((loaded - limit) / unit) * unit]:
                del self.rows[seq]
                self.floor = seq + 1

    def expected(self) -> list[Shown]:
        """What must be on screen: every chunk once, in order, own prompts last."""
        return [
            *(
                (seq, row.stored.role, key_of(row.stored.chunk))
                for seq, row in sorted(self.rows.items())
            ),
            *((None, role, text) for role, text in self._unstored()),
            *((None, "user", f"text:{sent.text}") for sent in self.sent),
        ]

    @property
    def state(self) -> TranscriptState:
        return self.live.transcript

    def _read_everything(self) -> None:
        """Begin with all rows, and with the running turn's events from its first one on."""
        assert self.inbox is not None
        log = list(self.backend.log)
        self.has_begun = True
        self._transcript("sync", [row.stored for row in log])
        self._have(log)
        running = self.backend.running
        if running is not None:
            mine = (row.stored.seq for row in log if row.turn_id == running.turn_id)
            self.turn_id = running.turn_id
            self._replay(next(mine, len(log) + 1))

    def _replay(self, first_seq: int | None) -> None:
        assert self.inbox is not None
        assert self.turn_id is not None
        given = {} if first_seq is None else {"first_seq": first_seq}
        self._transcript("begin_replay", self.turn_id, **given)
        self.built.clear()
        self.inbox.extend(self.backend.buffer)

    def _receive_snapshot(self, snapshot: Snapshot) -> None:
        known = self.rows
        first = snapshot.rows[0].stored.seq if snapshot.rows else 0
        is_joined = bool(known) and max(known) >= first - 1 and first > 1
        self.rows = {row.stored.seq: row for row in snapshot.rows}
        if is_joined:
            self.rows.update((seq, row) for seq, row in known.items() if seq < first)
        self.floor = min(self.rows, default=0)
        self.last = max(self.rows, default=0)
        self.built = dict(snapshot.built)
        self.turn_id = None
        self.has_begun = True
        self.sent = [sent for sent in self.sent if sent.turn_id not in snapshot.prompts]
        self.live = self.rules.snapshot(snapshot.message, self.live)
        self.done.append(("snapshot", (snapshot.message,), {}, self.live.transcript))

    def _receive_event(self, emission: Emission) -> None:
        event = emission.event
        if event.type == "user-message":
            self.built.clear()
            self.turn_id = event.turn_id
            self.sent = [sent for sent in self.sent if sent.turn_id != event.turn_id]
        if event.type == "nb.chunks-committed":
            log = self.backend.log[event.first_seq - 1 : event.first_seq + event.count - 1]
            self._have(log)
        _build(self.built, emission)
        self.live = self.rules.fold(self.live, event)
        self.done.append(("fold_live", (event,), {}, self.live.transcript))

    def _have(self, rows: list[StoredRow]) -> None:
        self.rows.update((row.stored.seq, row) for row in rows if row.stored.seq >= self.floor)
        self.last = max([self.last, *(row.stored.seq for row in rows)])

    def _unstored(self) -> list[tuple[str, str]]:
        stored = {row.identity for row in self.backend.log[: self.last]}
        return [chunk for identity, chunk in self.built.items() if identity not in stored]

    def _oldest(self) -> int:
        return min(self.rows, default=self.floor)

    def _transcript(self, name: str, *arguments: Any, **options: Any) -> None:
        change = getattr(self.rules, name)
        self.live = self.live._replace(
            transcript=change(self.live.transcript, *arguments, **options)
        )
        self.done.append((name, arguments, options, self.live.transcript))


def _build(built: dict[Identity, tuple[str, str]], emission: Emission) -> None:
    if emission.identity is None:
        return
    role, text = shown_by(emission.event)
    before = built.get(emission.identity)
    more = text if before is None else text.partition(":")[2]
    built[emission.identity] = (role, text if before is None else before[1] + more)
