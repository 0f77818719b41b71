"""The turn loop: the way in from any thread, interrupted or at the interpreter's end."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dispatch_nb.loop import TurnLoop

SCRIPT = """
import dispatch_nb as dn
chat = dn.Chat(dn.ScriptedProvider(pace=0), store=":memory:")
turn = chat.send("Hello").result(10)
print(turn.finish_reason, flush=True)
"""


def test_a_script_that_keeps_its_chat_to_the_end_ends(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=30, cwd=tmp_path
    )
    assert (done.stdout, done.stderr, done.returncode) == ("stop\n", "", 0)


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
    assert heard.wait(10)
