"""The turn loop: the way in from any thread, interrupted or at the interpreter's end."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from dispatch_nb.loop import TurnLoop

SCRIPT = """
import dispatch_nb as dn
chat = dn.Chat(dn.ScriptedProvider(pace=0), store=":memory:")
turn = chat.send("Hello").result(60)
print(turn.finish_reason, flush=True)
"""


def test_a_script_that_keeps_its_chat_to_the_end_ends(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=30, cwd=tmp_path
    )
    assert (done.stdout, done.stderr, done.returncode) == ("stop\n", "", 0)


def test_a_script_whose_other_threads_outlive_it_ends_without_a_word(tmp_path: Path) -> None:
    script = f"""
import threading, time
import dispatch_nb as dn
chat = dn.Chat(store={str(tmp_path / "lab.db")!r})
threading.Thread(target=time.sleep, args=(1,)).start()
"""
    run = [sys.executable, "-c", script]
    ended = subprocess.run(run, capture_output=True, text=True, timeout=60, check=True)
    assert ended.stderr == ""


def test_an_interrupt_while_posting_does_not_deafen_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = TurnLoop()
    heard = threading.Event()

    def interrupted(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop._loop, "call_soon_threadsafe", interrupted)
        with pytest.raises(KeyboardInterrupt):
            loop.post(lambda: None)
    loop.post(heard.set)
    assert heard.wait(60)


def test_what_is_posted_runs_in_order_and_shares_a_wake(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, ran, wakes, failures = TurnLoop(), list[int](), list[object](), list[str]()
    loop.call(lambda: loop._loop.set_exception_handler(lambda _, what: failures.append(str(what))))
    wake, gate, done = loop._loop.call_soon_threadsafe, threading.Event(), threading.Event()

    def counted(fn: Callable[[], object]) -> None:
        wakes.append(fn)
        wake(fn)

    def fail() -> None:
        raise ValueError("posted and wrong")

    monkeypatch.setattr(loop._loop, "call_soon_threadsafe", counted)
    loop.post(gate.wait, 60)
    while loop._woken:  # until it waits at the gate
        pass
    for number in range(100):
        loop.post(fail if number == 50 else partial(ran.append, number))
    loop.post(done.set)
    gate.set()
    assert done.wait(60)
    assert ran == [*range(50), *range(51, 100)]
    assert len(wakes) == 2
    assert len(failures) == 1
    assert "posted and wrong" in failures[0]


def test_posts_of_many_threads_all_run_each_thread_s_in_order() -> None:
    loop, ran, done = TurnLoop(), list[tuple[int, int]](), threading.Semaphore(0)

    def post(worker: int) -> None:
        for number in range(2000):
            loop.post(ran.append, (worker, number))
        loop.post(done.release)

    threads = [threading.Thread(target=post, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert done.acquire(timeout=30)
    for worker in range(8):
        assert [number for who, number in ran if who == worker] == list(range(2000))


def test_a_forked_child_is_told_that_its_chat_does_not_run_there() -> None:
    script = """
import os, sys
from dispatch_nb.compose import open_conversation
from dispatch_nb.errors import DispatchError
conversation = open_conversation(store=":memory:")
child = os.fork()
if child == 0:
    try:
        conversation.send("hello")
    except DispatchError as error:
        os._exit(7 if "forked" in str(error) else 1)
    os._exit(2)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
conversation.send("hello").result(30)
"""
    subprocess.run([sys.executable, "-c", script], timeout=60, check=True)
