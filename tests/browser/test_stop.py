"""Stop in JupyterLab: clicks beside every kind of cell, and what the widget says otherwise."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.endless_server import SHORT_ANSWER, SHORTLY, EndlessServer, Request, endless_server

from .lab import Lab, Notebook, open_notebook

CHAT_CELL, AWAITING, BLOCKING, RETURNED, OWN_CELL, CHECK = range(6)
# The model talks until it is stopped. How fast a stop is, `test_stop_kernels` measures.
PATIENCE_S = 20
BUSY = "The kernel is busy: use the notebook's interrupt button"
OUTCOME = """
import json
print(json.dumps([turn.done, turn.finish_reason, turn.text, chat.status,
                  chat.send('and now, SHORTLY').result(60).text]))
""".replace("SHORTLY", SHORTLY)


@pytest.fixture(scope="module")
def server() -> Iterator[EndlessServer]:
    with endless_server() as running:
        yield running


@pytest.fixture(scope="module")
def notebook(browser: Browser, lab: Lab, server: EndlessServer) -> Iterator[Notebook]:
    make = f"dn.Chat('openai:m', base_url={server.base_url!r}, api_key='k', store=':memory:')"
    name = lab.write(
        "stop.ipynb",
        [
            f"import dispatch_nb as dn\nchat = {make}\nchat",
            "turn = chat.send('go')\nawait turn",
            "turn = chat.send('go')\nturn.result()",
            "turn = chat.send('go')",
            f"chat = {make}\ndisplay(chat)\nturn = chat.send('go')\nturn.result()",
            OUTCOME,
        ],
    )
    with open_notebook(browser, lab, name) as opened:
        opened.run(CHAT_CELL)
        expect(opened.chat).to_have_attribute("data-connection", "live")
        yield opened


def start(notebook: Notebook, server: EndlessServer, cell: int) -> Request:
    """Start a cell; return its request when the page shows that the answer grows."""
    before = len(server.requests)
    notebook.start(cell)
    for _ in range(1200):
        if len(server.requests) > before and len(server.requests[-1].words) > 10:
            break
        notebook.page.wait_for_timeout(25)
    request = server.requests[-1]
    assert len(server.requests) > before
    return request


def shows(notebook: Notebook, word: str) -> None:
    expect(notebook.chat.locator("[data-role=assistant]").last).to_contain_text(word)


def interrupt(notebook: Notebook) -> None:
    """Interrupt the kernel, as the notebook's button does."""
    kernel = notebook.page.evaluate(
        "() => [...window.jupyterapp.shell.widgets('main')].find(w => w.sessionContext)"
        ".sessionContext.session.kernel.id"
    )
    url = f"{notebook.base}/api/kernels/{kernel}/interrupt"
    urllib.request.urlopen(urllib.request.Request(url, method="POST")).close()


def wait_for_end(notebook: Notebook, cell: int) -> None:
    # A cell that is sent before the failing one has ended is dropped by the kernel.
    notebook.page.wait_for_function(
        "cell => [...window.jupyterapp.shell.widgets('main')].find(w => w.sessionContext)"
        ".content.widgets[cell].model.executionState === 'idle'",
        arg=cell,
    )


def check_aborted(notebook: Notebook, request: Request, cell: int) -> None:
    """Check that the page and the kernel have the same partial text, and the next turn works."""
    expect(notebook.chat).to_have_attribute("data-status", "idle")
    wait_for_end(notebook, cell)
    notebook.run(CHECK)
    done, reason, text, status, following = json.loads(notebook.output(CHECK))
    assert (done, reason, status, following) == (True, "aborted", "idle", SHORT_ANSWER)
    assert text.startswith("word0 word1 ")
    assert request.text.startswith(text)
    answers = notebook.chat.locator("[data-role=assistant]")
    expect(answers.last).to_contain_text(SHORT_ANSWER)
    assert text.strip() in " ".join((answers.nth(-2).text_content() or "").split())


@pytest.mark.parametrize("cell", [AWAITING, BLOCKING, RETURNED])
def test_a_click_on_stop_ends_the_turn_beside_any_cell(
    notebook: Notebook, server: EndlessServer, cell: int
) -> None:
    request = start(notebook, server, cell)
    # More than the window of messages that a view may leave unpainted: it streams on.
    shows(notebook, "word40 ")
    notebook.chat.locator("button.dnb-stop").click()
    assert request.closed.wait(PATIENCE_S)
    expect(notebook.chat).not_to_contain_text(BUSY)
    check_aborted(notebook, request, cell)
    assert "Error" not in notebook.output(cell)


def test_the_interrupt_button_ends_the_turn_of_a_blocking_cell(
    notebook: Notebook, server: EndlessServer
) -> None:
    request = start(notebook, server, BLOCKING)
    shows(notebook, "word20 ")
    interrupt(notebook)
    assert request.closed.wait(PATIENCE_S)
    check_aborted(notebook, request, BLOCKING)
    assert "KeyboardInterrupt" in notebook.output(BLOCKING)


@pytest.mark.skipif(
    os.environ.get("DISPATCH_NB_PROOF") != "full",
    reason="JupyterLab takes long to open a notebook again: part of the full proof",
)
def test_a_page_closed_while_a_turn_ran_finds_the_chat_again(
    notebook: Notebook, server: EndlessServer
) -> None:
    request = start(notebook, server, RETURNED)
    shows(notebook, "word20 ")
    notebook.save()
    notebook.page.evaluate("() => window.jupyterapp.commands.execute('application:close')")
    expect(notebook.page.locator(".dnb-chat")).to_have_count(0)
    sent = len(request.words)
    while len(request.words) < sent + 60:
        notebook.page.wait_for_timeout(25)
    notebook.page.evaluate(
        "() => window.jupyterapp.commands.execute('docmanager:open', {path: 'stop.ipynb'})"
    )
    expect(notebook.chat).to_have_attribute("data-connection", "live")
    shows(notebook, f"word{sent + 60} ")
    notebook.chat.locator("button.dnb-stop").click()
    assert request.closed.wait(PATIENCE_S)
    expect(notebook.chat).to_have_attribute("data-status", "idle")
    check_aborted(notebook, request, RETURNED)


def test_a_click_that_cannot_arrive_says_so_and_the_interrupt_button_helps(
    notebook: Notebook, server: EndlessServer
) -> None:
    # A chat that is shown by the very cell that blocks was never heard by the kernel.
    request = start(notebook, server, OWN_CELL)
    chat = notebook.page.locator(".dnb-chat").nth(1)
    expect(chat).to_have_attribute("data-status", "running")
    chat.locator("button.dnb-stop").click()
    expect(chat).to_contain_text(BUSY)
    assert not request.closed.is_set()
    interrupt(notebook)
    assert request.closed.wait(PATIENCE_S)
    expect(chat).to_have_attribute("data-status", "idle")
    expect(chat).not_to_contain_text(BUSY)
    shown = chat.locator("[data-role=assistant]").last
    expect(shown).to_contain_text("word0 word1 ")
    wait_for_end(notebook, OWN_CELL)
    assert "KeyboardInterrupt" in notebook.output(OWN_CELL)
    notebook.run(CHECK)
    reason = json.loads(notebook.output(CHECK))[1]
    assert reason == "aborted"
