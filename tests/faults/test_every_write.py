"""A conversation is cut off after every one of its writes, and recovered; also twice."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from dispatch_nb.compose import open_conversation
from dispatch_nb.conversation.local import LocalConversation
from dispatch_nb.frames import turns_frame
from dispatch_nb.store import Store
from tests.conversation_parts import Listener
from tests.faults.checks import (
    Strict,
    assert_each_text_has_one_place,
    assert_goes_on,
    assert_kept_texts_go_out,
    assert_whole,
    saying,
    shown,
)
from tests.faults.script import Player, ScriptedTurn, Step, hold
from tests.faults.script import make_script as random_script

FULL = os.environ.get("DISPATCH_NB_PROOF") == "full"


@dataclass(frozen=True)
class Write:
    """One write, to be done on any store."""

    name: str
    arguments: tuple[Any, ...]
    named: dict[str, Any]

    def __call__(self, store: Store) -> Future[Any]:
        """Do it."""
        future: Future[Any] = getattr(store, self.name)(*self.arguments, **self.named)
        return future


CutOff = Callable[[list[Write]], AbstractContextManager["NotingStore"]]

WRITES = (
    "create_conversation",
    "update_conversation",
    "append_events",
    "append_chunks",
    "queue_text",
    "edit_queued",
    "keep_queued",
    "cancel_queued",
    "begin_turn",
    "settle_turn",
    "finish_turn",
    "save_step",
    "mark_interrupted",
    "compact",
)


class NotingStore(Store):
    """A store that keeps every write, to be done again on another one."""

    def __init__(self, path: Path) -> None:
        self.writes: list[Write] = []
        super().__init__(path)
        for name in WRITES:
            setattr(self, name, self._noting(name))

    def _noting(self, name: str) -> Callable[..., Future[Any]]:
        method = getattr(self, name)

        def write(*arguments: Any, **named: Any) -> Future[Any]:
            self.writes.append(Write(name, arguments, named))
            future: Future[Any] = method(*arguments, **named)
            return future

        return write


@pytest.fixture
def cut_off(tmp_path: Path) -> CutOff:
    """Return a function that gives a store on which some writes were done, and no more."""
    empty = tmp_path / "empty.db"
    Store(empty).close()
    numbers = count()

    @contextmanager
    def make(writes: list[Write]) -> Iterator[NotingStore]:
        path = tmp_path / f"{next(numbers)}.db"
        shutil.copy(empty, path)
        with NotingStore(path) as store:
            for done in [write(store) for write in writes]:
                done.result()
            store.writes.clear()
            yield store

    return make


def recovered(store: Store) -> tuple[LocalConversation, Strict]:
    strict = Strict()
    return open_conversation(strict, store=store, conversation_id="c"), strict


async def wait(a: int) -> int:
    """Wait some milliseconds."""
    await asyncio.sleep(a / 1000)
    return a


def note(text: str) -> str:
    """Note something."""
    return f"note: {text}"


def played(script: list[ScriptedTurn], seed: int, path: Path) -> tuple[list[Write], Listener]:
    """Hold a conversation to its end; return what was written, and what was shown."""

    def steer(text: str) -> str:
        """Let the person speak."""
        conversation.steer(text)
        return f"steer: {text}"

    listener = Listener()
    with NotingStore(path) as store:
        player = Player(script, seed)
        conversation = open_conversation(
            player, tools=[wait, note, steer], store=store, conversation_id="c"
        )
        conversation.subscribe(listener)
        hold(conversation, player, lambda *_: None)
        return store.writes, listener


def done_to_queue(writes: list[Write]) -> set[tuple[str, str]]:
    """Return what writes did to the queue, with each text as it was typed first."""
    texts = {
        w.arguments[0].queued_id: w.arguments[0].text for w in writes if w.name == "queue_text"
    }
    done = {("typed", text) for text in texts.values()}
    for write in writes:
        if write.name in ("edit_queued", "cancel_queued"):
            what = "edited" if write.name == "edit_queued" else "cancelled"
            done.add((what, texts[write.arguments[1]]))
    return done


def some(numbers: range, most: int) -> list[int]:
    """Return all of `numbers` for the full proof, else a choice that stays the same."""
    if FULL or len(numbers) <= most:
        return list(numbers)
    return sorted(random.Random(5).sample(numbers, most))


def script_with_everything() -> tuple[list[ScriptedTurn], int]:
    """Return the first short random script that has parallel calls, steering and a queue."""

    def has_everything(turns: list[ScriptedTurn]) -> bool:
        steps: list[Step] = [step for turn in turns for step in turn.steps]
        parallel = any(len(step.calls) > 2 and step.thoughts and step.words for step in steps)
        then = {typing.then for step in steps for typing in step.typings}
        typed = then == {"wait", "edit", "cancel"}
        return len(turns) < 4 and parallel and typed and any(step.steering for step in steps)

    seed = next(seed for seed in range(10_000) if has_everything(random_script(seed)))
    return random_script(seed), seed


def test_a_conversation_cut_off_after_any_write_is_recovered(cut_off: CutOff, tmp_path):
    script, seed = script_with_everything()
    writes, listener = played(script, seed, tmp_path / "whole.db")
    rows = listener.rows
    statuses = set()
    names = [write.name for write in writes]
    each_kind = {names.index(name) + 1 for name in names}
    for cut in sorted(each_kind.union(some(range(1, len(writes) + 1), 10))):
        with cut_off(writes[:cut]) as store:
            row = store.conversation("c")
            before = turns_frame(store, "c")
            ended = before[before["status"] != "running"]
            conversation, strict = recovered(store)
            assert turns_frame(store, "c").head(len(ended)).equals(ended)
            assert conversation.events()[: row.last_n] == rows[: row.last_n]
            assert_whole(conversation, script, row.last_seq)
            # What was shown is there, and nothing that was not.
            said = [saying(item.role, item.chunk) for item in conversation.history().chunks]
            assert said == shown(rows[: row.last_n])
            assert_each_text_has_one_place(conversation, script, done_to_queue(writes[:cut]))
            assert_goes_on(conversation, strict)
            assert_kept_texts_go_out(conversation)
            statuses |= set(turns_frame(store, "c")["status"])
    assert statuses == {"completed", "interrupted"}
    assert listener.resets == 0


def test_a_recovery_cut_off_after_any_write_is_done_again(cut_off: CutOff, tmp_path):
    script, seed = script_with_everything()
    writes, _ = played(script, seed, tmp_path / "whole.db")
    for cut in some(range(2, len(writes)), 3):
        with cut_off(writes[:cut]) as store:
            row = store.conversation("c")
            conversation, _ = recovered(store)
            once = [saying(item.role, item.chunk) for item in conversation.history().chunks]
            again = list(store.writes)
        for second in some(range(1, len(again)), 3):
            with cut_off([*writes[:cut], *again[:second]]) as store:
                conversation, strict = recovered(store)
                assert_whole(conversation, script, row.last_seq)
                chunks = conversation.history().chunks
                assert [saying(item.role, item.chunk) for item in chunks] == once
                assert_goes_on(conversation, strict)
