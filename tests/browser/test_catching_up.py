"""A chat that is out of sight, or loses its page, its kernel or its cell, while a turn runs."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, expect

from dispatch_nb.widget.outbox import WINDOW

from .lab import WAIT_MS, Lab, Notebook, open_notebook

WORDS = 1200
MAKE = f"""
import asyncio, time
import dispatch_nb as dn
from dispatch_nb.engine.contracts import Finish, TextDelta

words = [part for n in range({WORDS}) for part in (TextDelta(f"w{{n:04}} "), PAUSE)]
chat = dn.Chat(dn.ScriptedProvider(steps=[[*words, Finish("stop")]]), store=":memory:")
told, times, waiting = [], [], []
send, events = chat._outbox._send, chat._outbox.events
def counted(message):
    told.append(message.type)
    times.append(time.time())
    send(message)
def measured(rows):
    events(rows)
    waiting.append(len(chat._outbox._pending))
chat._outbox._send, chat._outbox.events = counted, measured
chat
"""
SHOW = "chat"
ASK = "turn = chat.send('go')"
COUNT = "print(len(told), max(waiting), len(turn.text.split()), turn.done)"
ALL = [f"w{number:04}" for number in range(WORDS)]


def made(pace: int) -> str:
    """Return the cell of a chat that says so many words a second."""
    return MAKE.replace("PAUSE", f"lambda: asyncio.sleep({1 / pace})")


def words(chat: Locator) -> list[str]:
    """Return the numbered words of the page, as they stand in it."""
    return re.findall(r"\bw\d{4}\b", chat.locator(".dnb-log").text_content() or "")


def wait_for_word(chat: Locator, number: int) -> None:
    expect(chat.locator(".dnb-log")).to_contain_text(f"w{number:04}", timeout=WAIT_MS)


def wait_for_end(chat: Locator) -> None:
    """Wait until the log of a chat stands at its end."""
    chat.page.wait_for_function(
        "log => log.scrollHeight - log.scrollTop - log.clientHeight < 40",
        arg=chat.locator(".dnb-log").element_handle(),
    )


def counts(notebook: Notebook, cell: int) -> list[str]:
    # The last word is on the page before its turn is sealed.
    expect(notebook.chat).to_have_attribute("data-status", "idle")
    notebook.run(cell)
    return notebook.output(cell).split()


# What a browser does to a page behind another tab: no frames, and timers once a second. (A
# Chromium under automation never hides a page by itself.)
HIDEABLE = """(() => {
  const frame = window.requestAnimationFrame.bind(window);
  const timeout = window.setTimeout.bind(window);
  const held = [];
  let hidden = false;
  window.requestAnimationFrame = (call) => (hidden ? held.push(call) : frame(call));
  window.setTimeout = (call, wait = 0, ...rest) =>
    timeout(call, hidden ? Math.max(wait, 1000) : wait, ...rest);
  Object.defineProperty(document, "hidden", { get: () => hidden });
  const state = { get: () => (hidden ? "hidden" : "visible") };
  Object.defineProperty(document, "visibilityState", state);
  window.hide = (isHidden) => {
    hidden = isHidden;
    document.dispatchEvent(new Event("visibilitychange"));
    if (!hidden) held.splice(0).forEach((call) => frame(call));
    // A frame that was asked for before is drawn all the same.
    return new Promise((done) => frame(() => frame(done)));
  };
})();"""


def test_a_page_behind_another_tab_makes_no_backlog_and_has_everything_when_it_is_shown(
    browser: Browser, lab: Lab
) -> None:
    name = lab.write("hidden.ipynb", [made(200), ASK, COUNT, "print(times)"])
    with open_notebook(browser, lab, name, init_script=HIDEABLE) as notebook:
        notebook.run(0)
        notebook.run(1)
        wait_for_word(notebook.chat, 20)
        notebook.page.evaluate("() => hide(true)")
        since, before = time.time(), words(notebook.chat)
        assert len(before) < WORDS
        notebook.page.wait_for_timeout(3000)
        # Nothing is drawn out of sight.
        assert words(notebook.chat) == before
        until = time.time()
        notebook.page.evaluate("() => hide(false)")
        wait_for_word(notebook.chat, WORDS - 1)
        assert words(notebook.chat) == ALL
        _, most, said, done = counts(notebook, 2)
        assert (said, done) == (str(WORDS), "True")
        # A page that paints nothing is told twice a second, of all that came meanwhile: so much
        # waits in the kernel and no more. The few that it may have unpainted come first.
        assert int(most) < 2 * 200
        notebook.run(3)
        while_hidden = [at for at in json.loads(notebook.output(3)) if since < at < until]
        assert len(while_hidden) <= WINDOW + 2 * (until - since) + 1


def test_a_notebook_behind_another_one_goes_on_and_is_whole_when_it_is_in_front(
    browser: Browser, lab: Lab
) -> None:
    lab.write("other.ipynb", ["1 + 1"])
    name = lab.write("behind.ipynb", [made(60), ASK, COUNT])
    with open_notebook(browser, lab, name) as notebook:
        notebook.run(0)
        notebook.run(1)
        chat = notebook.chat
        wait_for_word(chat, 20)
        page = notebook.page
        page.evaluate(
            "() => window.jupyterapp.commands.execute('docmanager:open', {path: 'other.ipynb'})"
        )
        expect(chat).to_be_hidden()
        expect(chat).to_have_attribute("data-status", "running")
        page.wait_for_timeout(1200)
        page.evaluate(
            f"() => window.jupyterapp.commands.execute('docmanager:open', {{path: '{name}'}})"
        )
        expect(chat).to_be_visible()
        wait_for_word(chat, WORDS - 1)
        assert words(chat) == ALL
        wait_for_end(chat)
        page.evaluate(
            "() => [...window.jupyterapp.shell.widgets('main')]"
            ".find(w => w.context?.path === 'other.ipynb').close()"
        )
        assert counts(notebook, 2)[2:] == [str(WORDS), "True"]


def test_a_page_that_is_reloaded_during_a_turn_goes_on_with_it_and_can_stop_it(
    browser: Browser, lab: Lab
) -> None:
    name = lab.write("reload.ipynb", [made(15), ASK, "print(turn.finish_reason, chat.status)"])
    with open_notebook(browser, lab, name) as notebook:
        notebook.run(0)
        notebook.run(1)
        wait_for_word(notebook.chat, 30)
        notebook.save()
        before = len(words(notebook.chat))
        notebook.page.reload()
        chat = notebook.chat
        expect(chat).to_have_attribute("data-connection", "live", timeout=WAIT_MS)
        expect(chat).to_have_attribute("data-status", "running")
        shown = words(chat)
        assert len(shown) >= before
        assert shown == ALL[: len(shown)]
        wait_for_word(chat, len(shown) + 10)
        chat.get_by_role("button", name="Stop").click()
        expect(chat).to_have_attribute("data-status", "idle")
        expect(chat.locator(".dnb-stopped")).to_be_visible()
        stopped = words(chat)
        assert stopped == ALL[: len(stopped)]
        expect(chat.locator("[data-role=user]")).to_have_count(1)
        notebook.page.wait_for_function("() => window.jupyterapp")
        notebook.ready()
        notebook.run(2)
        assert notebook.output(2).split() == ["aborted", "idle"]


def test_a_restarted_kernel_is_told_of_and_the_cell_works_when_it_is_run_again(
    browser: Browser, lab: Lab
) -> None:
    name = lab.write("restart.ipynb", [made(100), ASK])
    with open_notebook(browser, lab, name) as notebook:
        notebook.run(0)
        notebook.run(1)
        chat = notebook.chat
        wait_for_word(chat, 30)
        chat.locator("textarea.dnb-input").fill("not yet sent")
        notebook.restart_kernel()
        expect(chat).to_have_attribute("data-connection", "lost")
        expect(chat.locator(".dnb-word")).to_contain_text("run the cell again")
        expect(chat.get_by_role("button", name="Stop")).to_have_count(0)
        kept = words(chat)
        assert len(kept) > 30
        assert kept == ALL[: len(kept)]
        notebook.page.wait_for_timeout(500)
        assert words(chat) == kept
        notebook.run(0)
        expect(chat).to_have_attribute("data-connection", "live")
        expect(chat.locator(".dnb-empty")).to_be_visible()
        chat.locator("textarea.dnb-input").fill("again")
        chat.locator("textarea.dnb-input").press("Enter")
        wait_for_word(chat, 30)


def test_views_that_come_and_go_during_a_turn_show_the_same(browser: Browser, lab: Lab) -> None:
    name = lab.write("views-live.ipynb", [made(150), ASK, SHOW, SHOW, COUNT])
    with open_notebook(browser, lab, name) as notebook:
        notebook.run(0)
        notebook.run(1)
        chats = notebook.page.locator(".dnb-chat")
        wait_for_word(chats.first, 20)
        notebook.run(2)
        notebook.run(3)
        expect(chats).to_have_count(3)
        for index in range(3):
            shown = words(chats.nth(index))
            assert len(shown) > 20
            assert shown == ALL[: len(shown)]
        notebook.page.evaluate(
            "() => [...window.jupyterapp.shell.widgets('main')].find(w => w.sessionContext)"
            ".content.widgets[2].model.clearExecution()"
        )
        expect(chats).to_have_count(2)
        for index in range(2):
            wait_for_word(chats.nth(index), WORDS - 1)
            assert words(chats.nth(index)) == ALL
        assert counts(notebook, 4)[2:] == [str(WORDS), "True"]


@pytest.fixture
def windowed(lab: Lab) -> Iterator[None]:
    """Set JupyterLab to take cells that are out of sight off the page."""
    folder = lab.root.parent / "settings" / "@jupyterlab" / "notebook-extension"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "tracker.jupyterlab-settings"
    file.write_text(json.dumps({"windowingMode": "full"}))
    yield
    file.unlink()


# A wheel's scrolling takes some frames.
RESTING_PLACE = """async log => {
  let place;
  do {
    place = log.scrollTop;
    await new Promise((done) => setTimeout(done, 250));
  } while (log.scrollTop !== place);
  return place;
}"""


def scroll_to(notebook: Notebook, cell: int) -> None:
    notebook.page.evaluate(
        "cell => [...window.jupyterapp.shell.widgets('main')].find(w => w.sessionContext)"
        ".content.scrollToItem(cell, 'start')",
        cell,
    )


def test_a_cell_that_is_scrolled_off_the_page_and_back_during_a_turn_is_whole(
    browser: Browser, lab: Lab, windowed: None
) -> None:
    filler = [f"print('\\n'.join(map(str, range({n}, {n} + 60))))" for n in range(12)]
    name = lab.write("windowed.ipynb", [made(300), ASK, COUNT, *filler])
    with open_notebook(browser, lab, name) as notebook:
        for index in range(3, 3 + len(filler)):
            notebook.run(index)
        scroll_to(notebook, 0)
        notebook.run(0)
        chat = notebook.chat
        expect(chat).to_be_visible()
        notebook.run(1)
        wait_for_word(chat, 20)
        element = chat.element_handle()
        scroll_to(notebook, 2 + len(filler))
        notebook.page.wait_for_function("e => !e.checkVisibility()", arg=element)
        notebook.page.wait_for_timeout(800)
        scroll_to(notebook, 0)
        expect(chat).to_be_visible()
        wait_for_word(chat, WORDS - 1)
        assert words(chat) == ALL
        wait_for_end(chat)
        # Who reads further up finds the same place again.
        log = chat.locator(".dnb-log")
        log.hover()
        notebook.page.mouse.wheel(0, -300)
        expect(chat.locator(".dnb-jump-button")).to_be_visible()
        place = log.evaluate(RESTING_PLACE)
        assert place > 0
        scroll_to(notebook, 2 + len(filler))
        notebook.page.wait_for_function("e => !e.checkVisibility()", arg=element)
        scroll_to(notebook, 0)
        expect(chat).to_be_visible()
        notebook.page.wait_for_function(
            "place => Math.abs(document.querySelector('.dnb-log').scrollTop - place) < 3", arg=place
        )
