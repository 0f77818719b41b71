"""Random interleavings of a simulated backend and its clients, checked after every move."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.sync_backend import PROMPTS, Backend, Choices, Habits
from tests.sync_client import Client, Rules
from tests.sync_screen import screen_of


@dataclass
class Tally:
    """What a proof went through."""

    interleavings: int = 0
    moments: int = 0
    ambiguous: int = 0


class WrongScreenError(AssertionError):
    """A client shows something else than it must."""


@dataclass
class World:
    """A backend and its clients under the decisions of some bytes."""

    data: bytes
    rules: Rules
    tally: Tally
    clients: list[Client] = field(default_factory=list)

    def run(self) -> None:
        choices = Choices(self.data)
        call_ids = choices.of(("unique", "empty", "repeated"))
        habits = Habits(bool(choices.below(2)), bool(choices.below(2)), call_ids)
        self.backend = Backend(choices, habits)
        is_told_turns = choices.one_in(3)
        self.choices = choices
        self.clients = [
            Client(
                rules=self.rules,
                backend=self.backend,
                is_told_turns=is_told_turns,
                window=choices.of((None, None, 1, 3)),
            )
            for _ in range(3)
        ]
        self.clients[0].connect()
        self.tally.interleavings += 1
        while not choices.are_used_up:
            self._move()
        self._come_to_rest()

    def _move(self) -> None:
        choices = self.choices
        move = choices.below(16)
        if move < 5:
            self._run_backend()
            return
        client = choices.of(self.clients)
        if move < 9:
            for _ in range(1 + choices.below(3)):
                self._receive(client)
        elif move == 9:
            if client.inbox is not None and len(client.reads) < 3:
                if client.is_windowed and choices.below(2):
                    client.request_page(choices.of((1, 2, 5)))
                else:
                    client.request()
        elif move == 10 or move == 11:
            waiting = [n for n, read in enumerate(client.reads) if read.answer is None]
            if waiting:
                client.answer(choices.of(waiting))
        elif move == 12 or move == 13:
            ready = [n for n, read in enumerate(client.reads) if read.answer is not None]
            if ready:
                client.receive_answer(choices.of(ready))
                self._check(client)
        elif move == 14:
            if client.inbox is None:
                client.connect()
            elif not client.sent and choices.one_in(3):
                client.disconnect()
        elif client.inbox is not None and len(client.sent) < 2:
            client.send(choices.of(PROMPTS))
            self._check(client)

    def _run_backend(self) -> None:
        choices = self.choices
        for client in self.clients:
            if client.outbox and client.inbox is not None and choices.one_in(4):
                client.deliver_send()
                return
        if self.backend.running is not None:
            if choices.one_in(12):
                self.backend.carried = [choices.of(PROMPTS)]
            for _ in range(1 + choices.below(4)):
                if self.backend.running is not None:
                    self.backend.step()
        elif choices.one_in(3):
            self.backend.begin(choices.of(PROMPTS))

    def _receive(self, client: Client) -> None:
        if client.inbox:
            client.receive()
            self._check(client)

    def _come_to_rest(self) -> None:
        """Everything under way arrives."""
        for client in self.clients:
            if client.inbox is None:
                client.connect()
        while True:
            while self.backend.running is not None:
                self.backend.step()
            for client in self.clients:
                self._drain(client)
            sender = next((client for client in self.clients if client.outbox), None)
            if sender is None:
                return
            sender.deliver_send()

    def _drain(self, client: Client) -> None:
        while client.inbox or client.reads:
            while client.inbox:
                self._receive(client)
            while client.reads:
                if client.reads[0].answer is None:
                    client.answer(0)
                client.receive_answer(0)
                self._check(client)

    def _check(self, client: Client) -> None:
        self.tally.moments += 1
        shown, wanted = screen_of(client.state), client.expected()
        if client.is_ambiguous():
            self.tally.ambiguous += 1
            lost = client.lost_from(shown)
            if lost is not None:
                raise WrongScreenError(f"\nlost   {lost}\nshown  {shown}\nwanted {wanted}")
            return
        if not client.is_right(shown):
            raise WrongScreenError(f"\nshown  {shown}\nwanted {wanted}")
