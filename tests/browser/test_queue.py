"""What is typed while a turn runs: shown as queued, edited, cancelled, kept, given back."""

from __future__ import annotations

from playwright.sync_api import Browser, Locator, expect

from .lab import WAIT_MS, Lab, Notebook, open_notebook

MAKE = """
import asyncio
import dispatch_nb as dn
from dispatch_nb.engine.contracts import Finish, TextDelta, ToolCall

gate = asyncio.Event()

async def look(place: str) -> str:
    "Look at a place until the gate opens."
    while not gate.is_set():
        await asyncio.sleep(0.02)
    return "seen"

steps = [
    [TextDelta("I look. "), ToolCall("c1", "look", {"place": "here"}), Finish("tool_calls")],
    [TextDelta("I saw it."), ToolCall("c2", "look", {"place": "there"}), Finish("tool_calls")],
    [TextDelta("The end."), Finish("stop")],
    [TextDelta("Once more."), Finish("stop")],
]
chat = dn.Chat(dn.ScriptedProvider(steps=steps, pace=0), tools=[look], store=":memory:")
chat
"""
ASK = "turn = chat.send('go')"
OPEN = "gate.set()"
SAID = """
print([row.text for row in chat.chunks.itertuples() if row.role == "user"])
print([(each.text, each.kept) for each in chat.queued])
"""


def type_text(chat: Locator, text: str) -> None:
    field = chat.locator("textarea.dnb-input")
    field.fill(text)
    field.press("Enter")


def queued(chat: Locator, part: str = "waiting") -> Locator:
    return chat.locator(f'[data-part="{part}"] .dnb-queue-text')


def reload(notebook: Notebook) -> None:
    notebook.save()
    notebook.page.reload()
    expect(notebook.chat).to_have_attribute("data-connection", "live", timeout=WAIT_MS)


def test_queued_texts_are_edited_cancelled_and_delivered_at_the_border(
    browser: Browser, lab: Lab
) -> None:
    name = lab.write("queue.ipynb", [MAKE, ASK, OPEN, SAID])
    with open_notebook(browser, lab, name) as notebook:
        notebook.run(0)
        notebook.run(1)
        chat = notebook.chat
        expect(chat).to_have_attribute("data-status", "running")
        type_text(chat, "in French")
        type_text(chat, "and long")
        type_text(chat, "and short")
        expect(queued(chat)).to_have_text(["in French", "and long", "and short"])
        chat.get_by_role("button", name="Cancel: and long").click()
        expect(queued(chat)).to_have_text(["in French", "and short"])
        edit = chat.get_by_role("button", name="Edit: in French")
        edit.focus()
        edit.press("Enter")
        field = chat.locator("textarea.dnb-input")
        expect(field).to_have_value("in French")
        expect(field).to_be_focused()
        type_text(chat, "in Welsh")
        expect(queued(chat)).to_have_text(["and short", "in Welsh"])
        notebook.run(2)
        expect(chat).to_have_attribute("data-status", "idle")
        expect(chat.locator(".dnb-queue")).to_be_hidden()
        expect(chat.locator("[data-role=user] .dnb-bubble")).to_have_text(
            ["go", "and short\n\nin Welsh"]
        )
        notebook.run(3)
        assert notebook.output(3).split("\n")[:2] == ["['go', 'and short\\n\\nin Welsh']", "[]"]


def test_a_stop_gives_a_text_back_to_the_page_that_typed_it_and_keeps_the_others(
    browser: Browser, lab: Lab
) -> None:
    name = lab.write("kept.ipynb", [MAKE, ASK, SAID, OPEN, SAID])
    with open_notebook(browser, lab, name) as notebook:
        notebook.run(0)
        notebook.run(1)
        expect(notebook.chat).to_have_attribute("data-status", "running")
        type_text(notebook.chat, "typed before the reload")
        expect(queued(notebook.chat)).to_have_text(["typed before the reload"])
        reload(notebook)
        chat = notebook.chat
        expect(chat).to_have_attribute("data-status", "running")
        expect(queued(chat)).to_have_text(["typed before the reload"])
        type_text(chat, "typed after it")
        expect(queued(chat)).to_have_text(["typed before the reload", "typed after it"])
        chat.get_by_role("button", name="Stop").click()
        expect(chat).to_have_attribute("data-status", "idle")
        expect(chat.locator("textarea.dnb-input")).to_have_value("typed after it")
        expect(queued(chat, "kept")).to_have_text(["typed before the reload"])
        expect(queued(chat)).to_have_count(0)
        notebook.run(2)
        lines = notebook.output(2).split("\n")
        assert lines[:2] == ["['go']", "[('typed before the reload', True)]"]
        notebook.run(3)
        chat.get_by_role("button", name="Send now").click()
        expect(chat.locator("[data-role=user] .dnb-bubble")).to_have_text(
            ["go", "typed before the reload"]
        )
        expect(chat).to_have_attribute("data-status", "idle")
        expect(chat.locator(".dnb-queue")).to_be_hidden()
        expect(chat.locator("textarea.dnb-input")).to_have_value("typed after it")
        notebook.run(4)
        assert notebook.output(4).split("\n")[:2] == ["['go', 'typed before the reload']", "[]"]
