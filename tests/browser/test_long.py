"""A conversation of 10,000 chunks: what is drawn, what stays in its place, what is unloaded."""

from __future__ import annotations

import pytest

from dispatch_nb.compose import open_store
from dispatch_nb.store.rows import CommitStamp, ConversationRow, EventRow
from dispatch_nb.wire.conversation import ChatMessage, Role, TextChunk
from dispatch_nb.wire.events import TurnSealedEvent

from .lab import Notebook, open_notebook

CHUNKS = 10_000
SETUP = """
import dispatch_nb as dn, shutil, tempfile
chat = dn.Chat(store=shutil.copy("ten-thousand.db", tempfile.mkdtemp()), conversation="long")
chat.last_seq
"""
TEXTS: dict[Role, str] = {
    "user": "Question number {n}, in a sentence or two of plain words?",
    "assistant": "## Answer {n}\n\nSome *plain* words and `code`.\n\n- one\n- two\n\n"
    "```python\nfor i in range({n}):\n    print(i)\n```\n",
}
EMPTY = "import dispatch_nb as dn\ndn.Chat(dn.ScriptedProvider(steps=[]), store=':memory:')"
CELLS = [SETUP, "chat", "await chat.send('1+2')\nNone", EMPTY]
PAGE = 128
MOST_LOADED = 768
# What stands within a screen or two of what is seen, in sections.
MOST_DRAWN = 40


@pytest.fixture(scope="module")
def stored(lab):
    with open_store(lab.root / "ten-thousand.db") as store:
        store.create_conversation(ConversationRow("long", created_us=1)).result()
        for first in range(0, CHUNKS, 2):
            said = [
                ChatMessage(role=role, chunks=[TextChunk(text=text.format(n=first))])
                for role, text in TEXTS.items()
            ]
            turn_id, stamp = f"t{first}", CommitStamp(first + 1, at_us=1, mono_us=1)
            store.append_chunks("long", said, turn_id=turn_id, step_id=None, event=stamp)
            sealed = TurnSealedEvent(conversation_id="long", turn_id=turn_id)
            store.append_events("long", [EventRow(first + 2, 1, 1, sealed)])


@pytest.fixture
def notebook(browser, lab, stored):
    with open_notebook(browser, lab, lab.write("long.ipynb", CELLS)) as notebook:
        notebook.run(0)
        assert notebook.output(0) == str(CHUNKS)
        yield notebook


class Work:
    """What processor time the main thread of a page takes, from now on."""

    def __init__(self, notebook: Notebook) -> None:
        self._session = notebook.page.context.new_cdp_session(notebook.page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})
        self._since = self._seconds()

    def milliseconds(self) -> float:
        return 1000 * (self._seconds() - self._since)

    def _seconds(self) -> float:
        metrics = self._session.send("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))


def chunks_drawn(notebook: Notebook) -> int:
    return int(notebook.page.locator(".dnb-text, .dnb-bubble").count())


def chunks_loaded(notebook: Notebook) -> int:
    """Return how many chunks are on the page: here each is a section of its own."""
    return int(notebook.page.locator(".dnb-section").count())


FRAMES = "async () => { for (let n = 0; n < 4; n++) await new Promise(requestAnimationFrame); }"


def scroll_to(notebook: Notebook, top: float) -> None:
    """Scroll, and wait until what came into sight has its real height."""
    notebook.page.evaluate(
        "top => { document.querySelector('.dnb-log').scrollTop = top; }",
        top,
    )
    notebook.page.wait_for_timeout(300)
    notebook.page.evaluate(FRAMES)


PLACE = """() => {
  const log = document.querySelector('.dnb-log').getBoundingClientRect();
  const section = [...document.querySelectorAll('.dnb-section')]
    .find(each => each.getBoundingClientRect().bottom > log.top + 40);
  window.__watched = section;
  return section.getBoundingClientRect().top;
}"""


def test_the_newest_part_alone_is_drawn_at_first(notebook):
    work = Work(notebook)
    notebook.run(1)
    notebook.page.wait_for_function("() => document.querySelectorAll('.dnb-section').length > 100")
    notebook.page.wait_for_timeout(300)
    spent = work.milliseconds()
    assert chunks_loaded(notebook) == PAGE
    assert chunks_drawn(notebook) <= MOST_DRAWN
    floor = Work(notebook)
    notebook.run(3)
    notebook.page.wait_for_selector(".dnb-empty-title")
    notebook.page.wait_for_timeout(300)
    print(
        f"\nfirst paint of {CHUNKS:,} chunks: {spent:.0f} ms of main thread; of an empty chat, "
        f"with the module loaded: {floor.milliseconds():.0f} ms"
    )


# Sections that are in sight and not drawn.
BLANK = """() => {
  const log = document.querySelector('.dnb-log').getBoundingClientRect();
  return [...document.querySelectorAll('.dnb-unseen')].filter(each => {
    const { top, bottom } = each.parentElement.getBoundingClientRect();
    return bottom > log.top && top < log.bottom;
  }).length;
}"""
# Scrolls by a wheel's step in each frame, and looks at each frame.
SCROLL = f"""async () => {{
  const log = document.querySelector('.dnb-log');
  const blank = {BLANK};
  let seen = 0;
  for (let step = 0; step < 40; step += 1) {{
    log.scrollTop -= 240;
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    seen += blank();
  }}
  return seen;
}}"""


def test_what_comes_into_sight_is_drawn_before(notebook):
    notebook.run(1)
    notebook.page.wait_for_function("() => document.querySelectorAll('.dnb-section').length > 100")
    assert notebook.page.evaluate(SCROLL) == 0
    for top in (0, 5_000, 2_000):
        notebook.page.evaluate("top => document.querySelector('.dnb-log').scrollTo(0, top)", top)
        notebook.page.evaluate("() => new Promise(end => requestAnimationFrame(() => end()))")
        notebook.page.evaluate("() => new Promise(end => requestAnimationFrame(() => end()))")
        assert notebook.page.evaluate(BLANK) == 0
    assert chunks_drawn(notebook) > MOST_DRAWN


def test_earlier_pages_come_while_the_reader_scrolls_and_move_nothing(notebook):
    notebook.run(1)
    notebook.page.wait_for_function("() => document.querySelectorAll('.dnb-section').length > 100")
    for pages in range(2, 9):
        for top in (2000, 900, 450):
            scroll_to(notebook, top)
        before = notebook.page.evaluate(PLACE)
        top = notebook.page.evaluate("() => document.querySelector('.dnb-log').scrollTop")
        scroll_to(notebook, min(top, 450) - 60)
        notebook.page.wait_for_function(
            "count => document.querySelectorAll('.dnb-section').length >= count",
            arg=pages * PAGE,
        )
        notebook.page.wait_for_timeout(300)
        notebook.page.evaluate(FRAMES)
        after = notebook.page.evaluate("() => window.__watched.getBoundingClientRect().top")
        assert abs(after - before - (top - min(top, 450) + 60)) <= 2
    notebook.page.locator(".dnb-jump-button").click()
    notebook.page.wait_for_function(
        "most => document.querySelectorAll('.dnb-section').length <= most", arg=MOST_LOADED
    )


def test_a_turn_at_the_end_draws_a_bounded_part_again(notebook):
    notebook.run(1)
    notebook.page.wait_for_function("() => document.querySelectorAll('.dnb-section').length > 100")
    notebook.page.wait_for_timeout(1000)
    notebook.page.evaluate(
        """() => {
          window.__changed = 0;
          const past = document.querySelectorAll('.dnb-section');
          const watch = new MutationObserver(all => { window.__changed += all.length; });
          for (const section of [...past].slice(0, -2))
            watch.observe(section, { childList: true, subtree: true, characterData: true });
        }"""
    )
    notebook.run(2)
    notebook.page.wait_for_function(
        "count => document.querySelectorAll('.dnb-section').length >= count", arg=PAGE + 2
    )
    notebook.page.evaluate(FRAMES)
    assert notebook.page.evaluate("() => window.__changed") == 0
    assert chunks_loaded(notebook) <= MOST_LOADED
