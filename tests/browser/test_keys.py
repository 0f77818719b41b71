"""Keys in a chat are the chat's: the notebook takes none, and the focus is never lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from .lab import Lab, Notebook, open_notebook

MAKE = """
import asyncio
import dispatch_nb as dn
from dispatch_nb.engine.contracts import Finish, TextDelta, ToolCall

gate = asyncio.Event()

async def look() -> str:
    "Look until the gate opens."
    await gate.wait()
    return "seen"

steps = [
    [TextDelta("A first answer."), Finish("stop")],
    [TextDelta("I look."), ToolCall("1", "look", {}), Finish("tool_calls")],
    [TextDelta("The end."), Finish("stop")],
    [TextDelta("Once more."), lambda: asyncio.Event().wait()],
]
chat = dn.Chat(dn.ScriptedProvider(steps=steps, pace=0), tools=[look], store=":memory:")
chat
"""
OPEN = "gate.set()"
# What JupyterLab's command mode acts on: new cells, cut, copy, paste, delete, kind, undo, kernel.
COMMANDS = "abddmyrxcvzii00123lofp"
NOTEBOOK = """() => {
  const { content } = [...window.jupyterapp.shell.widgets('main')].find(w => w.sessionContext);
  const cells = content.model.sharedModel.cells;
  return [content.activeCellIndex, content.mode, content.widgets[0].model.executionCount,
    cells.map(({ cell_type, source }) => [cell_type, source])];
}"""
AT_END = """() => {
  const { scrollTop, scrollHeight, clientHeight } = document.querySelector('.dnb-log');
  return scrollTop > 0 && scrollHeight - scrollTop - clientHeight < 2;
}"""
FOCUSED = "() => document.activeElement?.closest('.dnb-chat') !== null"


@pytest.fixture(scope="module")
def notebook(browser: Browser, lab: Lab) -> Iterator[Notebook]:
    name = lab.write("keys-taken.ipynb", [MAKE, OPEN])
    with open_notebook(browser, lab, name) as opened:
        opened.run(0)
        expect(opened.chat).to_have_attribute("data-connection", "live")
        yield opened


def type_everything(page: Page, field: Locator) -> None:
    """Type into a field what would change a notebook; check that the field alone changed."""
    field.focus()
    before = page.evaluate(NOTEBOOK)
    page.keyboard.type(COMMANDS)
    expect(field).to_have_value(COMMANDS)
    for key in ("ArrowLeft", "Home", "End", "PageUp", "PageDown", "Backspace", "Control+z"):
        page.keyboard.press(key)
    assert page.evaluate(NOTEBOOK) == before
    assert page.evaluate(FOCUSED)


def test_what_is_typed_into_the_composer_changes_no_cell(notebook: Notebook) -> None:
    page, field = notebook.page, notebook.chat.locator("textarea.dnb-input")
    type_everything(page, field)
    before = page.evaluate(NOTEBOOK)
    field.fill("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    expect(field).to_have_value("one\ntwo")
    for key in ("ArrowUp", "ArrowDown", "Escape", "Control+Enter", "Alt+Enter", "Control+Shift+-"):
        page.keyboard.press(key)
    page.keyboard.type("dd")
    page.wait_for_timeout(300)
    assert page.evaluate(NOTEBOOK) == before
    expect(notebook.chat.locator("[data-role]")).to_have_count(0)
    expect(field).to_be_focused()
    field.fill("")


def test_what_is_typed_into_title_and_settings_changes_no_cell(notebook: Notebook) -> None:
    page, chat = notebook.page, notebook.chat
    before = page.evaluate(NOTEBOOK)
    chat.locator("button.dnb-title").press("Enter")
    title = chat.locator(".dnb-title-input")
    expect(title).to_be_focused()
    title.fill("")
    type_everything(page, title)
    page.keyboard.press("Escape")
    expect(chat.locator("button.dnb-title")).to_be_focused()
    chat.locator("button.dnb-model").press("Enter")
    model = chat.locator("input[role=combobox]")
    expect(model).to_be_focused()
    model.fill("")
    type_everything(page, model)
    for key in ("ArrowDown", "ArrowDown", "ArrowUp"):
        page.keyboard.press(key)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(chat.locator(".dnb-settings")).to_be_hidden()
    expect(chat.locator("button.dnb-model")).to_be_focused()
    # A button that has the focus is no text, but no place for the notebook's keys either.
    page.keyboard.type("xddm")
    assert page.evaluate(NOTEBOOK) == before


def test_a_turn_is_begun_steered_edited_and_stopped_by_keyboard_and_the_focus_stays(
    notebook: Notebook,
) -> None:
    page, chat = notebook.page, notebook.chat
    field = chat.locator("textarea.dnb-input")
    before = page.evaluate(NOTEBOOK)[3]
    field.focus()
    page.keyboard.type("first")
    page.keyboard.press("Enter")
    expect(field).to_be_focused()
    expect(chat.locator("[data-role=assistant]")).to_contain_text("A first answer.")
    expect(chat).to_have_attribute("data-status", "idle")
    page.keyboard.type("second")
    expect(chat.locator(".dnb-send")).to_be_enabled()
    # By the button: it is switched off under the focus.
    for _ in range(2):
        page.keyboard.press("Tab")
    expect(chat.locator(".dnb-send")).to_be_focused()
    page.keyboard.press("Space")
    expect(chat).to_have_attribute("data-status", "running")
    expect(field).to_be_focused()
    page.keyboard.type("queued text")
    page.keyboard.press("Enter")
    edit = chat.get_by_role("button", name="Edit: queued text")
    edit.focus()
    page.keyboard.press("Enter")
    expect(field).to_have_value("queued text")
    expect(field).to_be_focused()
    page.keyboard.type("xyz dd 00")
    expect(field).to_have_value("queued textxyz dd 00")
    page.keyboard.press("Enter")
    cancel = chat.get_by_role("button", name="Cancel: queued text")
    cancel.focus()
    page.keyboard.press("Space")
    expect(chat.locator(".dnb-queue")).to_be_hidden()
    expect(field).to_be_focused()
    # A text that is delivered takes its buttons away, the focused one too.
    page.keyboard.type("to be delivered")
    page.keyboard.press("Enter")
    chat.get_by_role("button", name="Edit: to be delivered").focus()
    page.evaluate(
        "() => [...window.jupyterapp.shell.widgets('main')].find(w => w.sessionContext)"
        ".sessionContext.session.kernel.requestExecute({ code: 'gate.set()' }).done"
    )
    expect(chat).to_have_attribute("data-status", "idle")
    expect(chat.locator(".dnb-queue")).to_be_hidden()
    expect(field).to_be_focused()
    page.keyboard.type("go on")
    page.keyboard.press("Enter")
    expect(chat.locator("[data-role=assistant]").last).to_contain_text("Once more.")
    chat.get_by_role("button", name="Stop").focus()
    page.keyboard.press("Enter")
    expect(chat.locator(".dnb-stopped")).to_be_visible()
    expect(field).to_be_focused()
    for key in ("ArrowUp", "ArrowUp", "ArrowDown"):
        page.keyboard.press(key)
    expect(field).to_have_value("go on")
    expect(field).to_be_focused()
    assert page.evaluate(NOTEBOOK)[3] == before
    assert page.evaluate(FOCUSED)


def test_the_log_is_read_and_its_end_found_again_by_keyboard(notebook: Notebook) -> None:
    page, chat = notebook.page, notebook.chat
    page.evaluate("() => { document.querySelector('.dnb-log').style.maxHeight = '90px'; }")
    log = chat.locator(".dnb-log")
    page.wait_for_function(AT_END)
    log.focus()
    before = page.evaluate(NOTEBOOK)
    page.keyboard.press("End")
    page.wait_for_function(AT_END)
    page.keyboard.press("Home")
    jump = chat.locator(".dnb-jump-button")
    expect(jump).to_be_visible()
    jump.focus()
    page.keyboard.press("Enter")
    expect(jump).to_have_count(0)
    expect(log).to_be_focused()
    assert page.evaluate(NOTEBOOK) == before
