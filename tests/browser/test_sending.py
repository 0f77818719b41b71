"""What a person sends: on screen at once, and once, however long the kernel is busy."""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import Browser, expect

from .lab import Lab, open_notebook

MAKE = """
import time
import dispatch_nb as dn
from dispatch_nb.engine.contracts import Finish, TextDelta

steps = [[TextDelta(f"Answer {n}."), Finish("stop")] for n in range(3)]
chat = dn.Chat(dn.ScriptedProvider(steps=steps, pace=0), store=":memory:")
chat.send("first").result()
chat
"""
BUSY = "import pathlib\nwhile not pathlib.Path('seen').exists():\n    time.sleep(0.05)"
SAID = 'print([row.text for row in chat.chunks.itertuples() if row.role == "user"])'


def test_a_prompt_is_on_screen_while_the_kernel_is_busy_and_its_event_takes_its_place(
    browser: Browser, lab: Lab
) -> None:
    name = lab.write("sending.ipynb", [MAKE, BUSY, SAID])
    with open_notebook(browser, lab, name) as notebook:
        notebook.run(0)
        chat = notebook.chat
        expect(chat.locator(".dnb-text")).to_have_text(["Answer 0."])
        notebook.start(1)
        field = chat.locator("textarea.dnb-input")
        field.fill("second")
        field.press("Enter")
        sending = chat.locator('.dnb-user[data-sending][aria-busy="true"]')
        expect(sending.locator(".dnb-bubble")).to_have_text("second")
        expect(sending.locator(".dnb-sending")).to_have_text("sending")
        expect(field).to_have_value("")
        places = [chat.locator(".dnb-user .dnb-bubble").nth(1).bounding_box()]
        if folder := os.environ.get("DISPATCH_NB_SHOTS"):
            notebook.page.wait_for_timeout(1_000)
            chat.screenshot(path=Path(folder) / "sending.png")
        (lab.root / "seen").touch()
        # The event is heard when the cell has ended.
        expect(chat.locator("[data-sending]")).to_have_count(0)
        expect(chat.locator(".dnb-text")).to_have_text(["Answer 0.", "Answer 1."])
        expect(chat.locator(".dnb-user .dnb-bubble")).to_have_text(["first", "second"])
        if folder := os.environ.get("DISPATCH_NB_SHOTS"):
            chat.screenshot(path=Path(folder) / "sent.png")
        places.append(chat.locator(".dnb-user .dnb-bubble").nth(1).bounding_box())
        assert places[0] is not None
        assert places[0] == places[1]
        notebook.run(2)
        assert "['first', 'second']" in notebook.output(2)
