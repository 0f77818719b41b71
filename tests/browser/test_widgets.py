"""The chat among other widgets, in several views, in a dark and a narrow notebook."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Locator, expect

from .lab import Lab, open_notebook

MAKE = """
import dispatch_nb as dn
import ipywidgets
from dispatch_nb.engine.contracts import Finish, TextDelta

steps = [[TextDelta(f"word{i} ") for i in range(40)] + [Finish("stop")]] * 2
chat = dn.Chat(dn.ScriptedProvider(steps=steps, pace=40), store=":memory:")
slider = ipywidgets.IntSlider(description="last seq", max=10)
ipywidgets.link((chat, "last_seq"), (slider, "value"))
ipywidgets.VBox([chat, slider])
"""
SHOW = "chat"
ASK = "turn = await chat.send('go')\nprint(chat.last_seq, slider.value, len(turn.text.split()))"


def answer(chat: Locator) -> str:
    return re.sub(r"\s+", " ", chat.locator("[data-role=assistant]").last.inner_text()).strip()


def test_two_views_of_one_chat_in_a_box_and_alone_show_the_same(browser: Browser, lab: Lab) -> None:
    name = lab.write("views.ipynb", [MAKE, SHOW, ASK])
    with open_notebook(browser, lab, name) as notebook:
        notebook.run(0)
        notebook.run(1)
        chats = notebook.page.locator(".dnb-chat")
        expect(chats).to_have_count(2)
        expect(notebook.page.locator(".widget-slider").first).to_be_visible()
        notebook.run(2)
        assert notebook.output(2).split() == ["2", "2", "40"]
        everything = " ".join(f"word{i}" for i in range(40))
        for index in (0, 1):
            expect(chats.nth(index)).to_have_attribute("data-status", "idle")
            expect(chats.nth(index)).to_contain_text("word39")
            assert everything in answer(chats.nth(index))
        chats.nth(1).locator("textarea.dnb-input").fill("again")
        chats.nth(1).locator("textarea.dnb-input").press("Enter")
        for index in (0, 1):
            answers = chats.nth(index).locator("[data-role=assistant]")
            expect(answers).to_have_count(2)
            expect(answers.last).to_contain_text("word39")
            expect(chats.nth(index)).to_have_attribute("data-status", "idle")
        assert answer(chats.nth(0)) == answer(chats.nth(1))


def test_the_chat_fits_a_narrow_dark_notebook(browser: Browser, lab: Lab) -> None:
    name = lab.write("narrow.ipynb", [MAKE.replace("ipywidgets.VBox([chat, slider])", "chat"), ASK])
    with open_notebook(browser, lab, name, width=560, dark=True) as notebook:
        notebook.run(0)
        notebook.run(1)
        chat = notebook.chat
        expect(chat).to_be_visible()
        fits = chat.evaluate(
            "chat => chat.scrollWidth <= chat.clientWidth"
            " && [...chat.querySelectorAll('*')].every(e => {"
            "   const box = e.getBoundingClientRect(), all = chat.getBoundingClientRect();"
            "   return box.width === 0 || box.right <= all.right + 1; })"
        )
        assert fits
        background, ink = chat.evaluate(
            "chat => { const luma = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(Number);"
            " return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255; };"
            " const behind = e => { const c = getComputedStyle(e).backgroundColor;"
            "   return /, 0\\)$/.test(c) || c === 'transparent' ? behind(e.parentElement) : c; };"
            " return [luma(behind(chat)), luma(getComputedStyle(chat).color)]; }"
        )
        assert background < 0.25
        assert ink > 0.6
