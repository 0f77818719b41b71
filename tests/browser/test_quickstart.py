"""The quickstart in a real JupyterLab: run, type, watch, stop, read back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from .lab import WAIT_MS, Lab, Notebook, open_notebook

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
CHAT_CELL, ASK_CELL, STORE_CELL, REOPEN_CELL = 2, 4, 14, 15

# The last answer as the frame has it, as one JSON string in the cell's output.
READ_BACK = """
import json
frame = chat.chunks
texts = frame[(frame.role == "assistant") & (frame.chunk_type == "text")]
print(json.dumps([texts.text.iloc[-1], bool(frame.seq.notna().all()), chat.turns.status.iloc[-1]]))
"""


@pytest.fixture(scope="module")
def notebook(browser: Browser, lab: Lab) -> Iterator[Notebook]:
    name = lab.add(NOTEBOOKS / "quickstart.ipynb", "quickstart.ipynb")
    document = json.loads((lab.root / name).read_text())
    cell = {"cell_type": "code", "id": "read-back", "metadata": {}, "outputs": []}
    document["cells"].append({**cell, "execution_count": None, "source": READ_BACK})
    (lab.root / name).write_text(json.dumps(document))
    with open_notebook(browser, lab, name) as opened:
        opened.run(CHAT_CELL)
        expect(opened.chat).to_be_visible()
        yield opened


def read_back(notebook: Notebook) -> tuple[str, bool, str]:
    last = notebook.page.evaluate(
        "() => [...window.jupyterapp.shell.widgets('main')]"
        ".find(w => w.sessionContext).content.widgets.length - 1"
    )
    notebook.run(last)
    text, all_numbered, status = json.loads(notebook.output(last))
    return text, all_numbered, status


def plain(markdown: str) -> str:
    """Return markdown without the signs that a rendered page does not show."""
    kept = re.sub(r"^\|?[\s|:-]+\|\s*$|[*`|#>]|^\s*(\d+\.|-)\s", "", markdown, flags=re.MULTILINE)
    return re.sub(r"\s+", "", kept)


def shown(notebook: Notebook) -> str:
    return re.sub(r"\s+", "", answers(notebook).last.inner_text())


def answers(notebook: Notebook) -> Locator:
    return notebook.chat.locator("[data-role=assistant]")


def wait_until(notebook: Notebook, condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        notebook.page.wait_for_timeout(25)
    raise AssertionError("it did not happen in time")


def test_the_empty_composer_is_tall_enough_for_its_line(notebook: Notebook) -> None:
    box = notebook.chat.locator("textarea.dnb-input").bounding_box()
    assert box is not None
    assert box["height"] >= 20


def test_a_cell_asks_and_the_call_its_result_and_the_answer_appear(notebook: Notebook) -> None:
    notebook.run(ASK_CELL)
    chat = notebook.chat
    expect(chat).to_have_attribute("data-status", "idle")
    card = chat.locator(".dnb-tool[data-tool-name=add]")
    expect(card).to_have_attribute("data-state", "done")
    expect(card).to_contain_text("42")
    expect(chat.locator(".dnb-tool[data-tool-name=weather]")).to_have_count(2)
    expect(chat.locator("[data-role=user]")).to_contain_text("What is 17 + 25?")
    text, all_numbered, status = read_back(notebook)
    assert plain(text)
    wait_until(notebook, lambda: plain(text) in shown(notebook))
    assert all_numbered
    assert status == "completed"


def test_text_typed_into_the_composer_streams_in_before_the_turn_ends(notebook: Notebook) -> None:
    chat = notebook.chat
    before, answered = chat.locator("[data-role=user]").count(), answers(notebook).count()
    chat.locator("textarea.dnb-input").fill("Use add with 40 and 2")
    chat.locator("textarea.dnb-input").press("Enter")
    expect(chat.locator("[data-role=user]")).to_have_count(before + 1)
    # The prompt stands there before the kernel has heard of it.
    expect(chat).to_have_attribute("data-status", "running")
    lengths: list[int] = []

    def ended() -> bool:
        if answers(notebook).count() > answered:
            lengths.append(len(shown(notebook)))
        return chat.get_attribute("data-status") == "idle" and bool(lengths) and lengths[-1] > 50

    wait_until(notebook, ended)
    assert any(0 < length < lengths[-1] for length in lengths), lengths
    expect(chat.locator(".dnb-tool[data-tool-name=add]").last).to_contain_text("42")
    expect(chat.locator("textarea.dnb-input")).to_have_value("")


def test_stop_ends_a_long_turn_and_keeps_what_was_said(notebook: Notebook) -> None:
    chat = notebook.chat
    before = answers(notebook).count()
    chat.locator("textarea.dnb-input").fill("Write a long text about lighthouses")
    chat.locator("textarea.dnb-input").press("Enter")
    expect(chat.locator("button.dnb-stop")).to_be_visible()
    expect(chat).to_have_attribute("data-status", "running")
    # Not the answer of the turn before, which is the last one until this one begins.
    wait_until(
        notebook,
        lambda: answers(notebook).count() > before and len(shown(notebook)) > 200,
    )
    chat.locator("button.dnb-stop").click()
    expect(chat).to_have_attribute("data-status", "idle")
    text, all_numbered, status = read_back(notebook)
    assert status == "aborted"
    assert all_numbered
    assert len(plain(text)) > 100
    wait_until(notebook, lambda: plain(text) in shown(notebook))


def test_a_message_that_cannot_be_sent_comes_back_with_the_reason(notebook: Notebook) -> None:
    chat = notebook.chat
    chat.locator("textarea.dnb-input").fill("Write a long text about rivers")
    chat.locator("textarea.dnb-input").press("Enter")
    expect(chat).to_have_attribute("data-status", "running")
    chat.locator("textarea.dnb-input").fill("too late for this turn")
    chat.locator("textarea.dnb-input").press("Enter")
    chat.locator("button.dnb-stop").click()
    expect(chat).to_have_attribute("data-status", "idle")
    expect(chat.locator("textarea.dnb-input")).to_have_value("too late for this turn")
    expect(chat).to_contain_text("The turn ended before the model could read this")
    chat.locator("textarea.dnb-input").fill("")


def test_notebook_shortcuts_do_not_swallow_what_is_typed(notebook: Notebook) -> None:
    cells = "() => document.querySelectorAll('.jp-Cell').length"
    before = notebook.page.evaluate(cells)
    box = notebook.chat.locator("textarea.dnb-input")
    box.click()
    box.press_sequentially("abddxyz")
    assert notebook.page.evaluate(cells) == before
    expect(box).to_have_value("abddxyz")
    box.fill("")


def test_after_a_page_reload_the_chat_shows_the_same_conversation(notebook: Notebook) -> None:
    before = shown(notebook)
    notebook.save()
    notebook.page.reload()
    expect(notebook.chat).to_be_visible(timeout=WAIT_MS)
    wait_until(notebook, lambda: shown(notebook) == before)


def test_after_a_kernel_restart_the_store_gives_the_conversation_back(notebook: Notebook) -> None:
    before = shown(notebook)
    notebook.page.evaluate(
        "async () => { const panel = [...window.jupyterapp.shell.widgets('main')]"
        ".find(w => w.sessionContext); await panel.sessionContext.restartKernel(); }"
    )
    notebook.run(STORE_CELL)
    notebook.run(REOPEN_CELL)
    reopened = notebook.page.locator(".dnb-chat").nth(1)
    expect(reopened).to_be_visible()
    answers = reopened.locator("[data-role=assistant]")
    expect(answers.last).to_be_visible()
    wait_until(notebook, lambda: re.sub(r"\s+", "", answers.last.inner_text()) == before)
