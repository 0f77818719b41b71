"""Random interleavings of a simulated backend and its clients, checked after every move."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.sync_backend import PROMPTS, Backend, Choices, Habits
from tests.sync_client import Client, Rules
from tests.sync_screen import screen_of
from tests.sync_told_client import ToldClient, ToldRules


@dataclass
class Tally:
    """What a proof went through; `told` are the screens of readers of our own log."""

    interleavings: int = 0
    moments: int = 0
    ambiguous: int = 0
    told: int = 0


class WrongScreenError(AssertionError):
    """A client shows something else than it must."""


@dataclass
class World:
    """A backend and its clients under the decisions of some bytes."""

    data: bytes
    rules: Rules
    tally: Tally
    told: ToldRules = field(default_factory=ToldRules)
    clients: list[Client | ToldClient] = field(default_factory=list)

    def run(self) -> None:
        choices = Choices(self.data)
        call_ids = choices.of(("unique", "empty", "repeated"))
        kind = choices.of(("foreign", "foreign", "ours", "ours, with a foreign client"))
        if kind == "foreign":
            habits = Habits(bool(choices.below(2)), bool(choices.below(2)), call_ids)
        else:
            habits = Habits(True, False, call_ids, is_ours=True, has_silent_blocks=kind == "ours")
        self.backend = Backend(choices, habits)
        is_told_turns = choices.one_in(3)
        self.choices = choices
        for number in range(3):
            window = choices.of((None, None, 1, 3))
            if kind == "ours" or (kind != "foreign" and number < 2):
                self.clients.append(
                    ToldClient(
                        name=f"page{number}", rules=self.told, backend=self.backend, window=window
                    )
                )
            else:
                self.clients.append(
                    Client(
                        rules=self.rules,
                        backend=self.backend,
                        is_told_turns=is_told_turns,
                        window=window,
                    )
                )
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
            if isinstance(client, ToldClient) and choices.below(3) == 0:
                self._disturb(client)
            elif client.inbox is not None and len(client.reads) < 3 and client.may_read:
                if client.is_windowed and choices.below(2):
                    client.request_page(choices.of((1, 2, 5)))
                else:
                    client.request()
        elif move == 10 or move == 11:
            waiting = [n for n, read in enumerate(client.reads) if read.answer is None]
            if waiting:
                client.answer(choices.of(waiting))
            elif isinstance(client, ToldClient) and client.may_read and len(client.reads) < 3:
                self._read_ahead(client)
        elif move == 12 or move == 13:
            ready = [n for n, read in enumerate(client.reads) if read.answer is not None]
            if ready:
                client.receive_answer(choices.of(ready))
                self._check(client)
        elif move == 14:
            if client.inbox is None:
                client.connect()
            elif client.may_disconnect and choices.one_in(3):
                client.disconnect()
        elif client.inbox is not None and len(client.sent) < 2:
            client.send(choices.of(PROMPTS))
            self._check(client)

    def _disturb(self, client: ToldClient) -> None:
        """A reader unloads what is above, or loses what is on its way."""
        if self.choices.below(2):
            client.trim(self.choices.of((1, 4, 10)))
            self._check(client)
        elif client.inbox is not None:
            client.ask_again()

    def _read_ahead(self, client: ToldClient) -> None:
        """A reader of our own log reads what is stored now, whatever it has been told."""
        if client.is_windowed and self.choices.below(2):
            client.request_page(self.choices.of((1, 2, 5)))
        else:
            client.request()
        client.answer(len(client.reads) - 1)
        if self.choices.below(2):
            client.receive_answer(len(client.reads) - 1)
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

    def _receive(self, client: Client | ToldClient) -> None:
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

    def _drain(self, client: Client | ToldClient) -> None:
        while client.inbox or client.reads:
            while client.inbox:
                self._receive(client)
            while client.reads:
                if client.reads[0].answer is None:
                    client.answer(0)
                client.receive_answer(0)
                self._check(client)

    def _check(self, client: Client | ToldClient) -> None:
        self.tally.moments += 1
        shown, wanted = screen_of(client.state), client.expected()
        if isinstance(client, ToldClient):
            self.tally.told += 1
            if shown != wanted:
                raise WrongScreenError(f"\ntold   {shown}\nwanted {wanted}")
            return
        if client.is_ambiguous():
            self.tally.ambiguous += 1
            lost = client.lost_from(shown)
            if lost is not None:
                raise WrongScreenError(f"\nlost   {lost}\nshown  {shown}\nwanted {wanted}")
            return
        if not client.is_right(shown):
            raise WrongScreenError(f"\nshown  {shown}\nwanted {wanted}")
