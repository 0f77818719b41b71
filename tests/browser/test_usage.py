"""The usage widget in a real notebook: live, narrowed, and from a bar to its place."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from notebooks.sample_store import make_sample

from .lab import Lab, open_notebook
from .test_access import AXE, JUDGE, NOT_OURS

LIVE = """
import asyncio
import dispatch_nb as dn
from dispatch_nb.engine.contracts import Finish, TextDelta, UsageReport
from dispatch_nb.wire.conversation import Usage

go_on = False

async def wait():
    while not go_on:
        await asyncio.sleep(0.02)

used = UsageReport(Usage(input_tokens=1234, output_tokens=567))
first = [TextDelta("One."), used, Finish("stop")]
second = [TextDelta("word " * 400), wait, TextDelta("end"), used, Finish("stop")]
chat = dn.Chat(dn.ScriptedProvider(steps=[first, second], pace=0), store=":memory:")
await chat.send("first")
"""
SUM = "print(chat.steps.output_tokens.sum())"
MODELS = 6  # more than the sample store's conversations are with
LONG = """
import dispatch_nb as dn
from dispatch_nb.engine.contracts import Finish, TextDelta, UsageReport
from dispatch_nb.wire.conversation import Usage

def step(n):
    used = UsageReport(Usage(input_tokens=50 * n, output_tokens=20))
    return [TextDelta(f"Answer number {n}. " + "More of it. " * 30), used, Finish("stop")]

steps = [step(n) for n in range(1, 131)]
spoken = dn.Chat(dn.ScriptedProvider(steps=steps, pace=0), store="long.db", conversation="long")
for n in range(1, 131):
    await spoken.send(f"Question {n}")
spoken.close()
chat = dn.Chat(store="long.db", conversation="long")
"""


@pytest.fixture(scope="module")
def sample(lab: Lab) -> str:
    """The address of a sample store that the notebooks can open."""
    make_sample(lab.root / "sample.db", conversations=40)
    return "sample.db"


def widget(page: Page) -> Locator:
    shown = page.locator(".dnb-usage").first
    expect(shown.locator(".dnb-usage-meter").first).to_be_visible()
    return shown


def wait_in_view(inner: Locator, outer: Locator) -> None:
    """Wait until scrolling has brought the beginning of one element into sight in another."""
    for _ in range(100):
        inside, around = inner.bounding_box(), outer.bounding_box()
        assert inside
        assert around
        if around["y"] - 1 <= inside["y"] <= around["y"] + around["height"]:
            return
        inner.page.wait_for_timeout(100)
    raise AssertionError("it did not come into sight")


def test_a_running_turn_is_followed_and_counts_exactly_when_it_has_ended(
    browser: Browser, lab: Lab
) -> None:
    cells = [LIVE, "view = dn.UsageView(chat)\nview", "turn = chat.send('second')"]
    name = lab.write("usage-live.ipynb", [*cells, "go_on = True\nawait turn", SUM])
    with open_notebook(browser, lab, name) as notebook:
        notebook.run(0)
        notebook.run(1)
        usage = widget(notebook.page)
        bars = usage.locator(".dnb-usage-bar")
        expect(bars).to_have_count(1)
        notebook.run(2)
        expect(bars).to_have_count(2)
        running = usage.locator(".dnb-usage-bar[data-status=running]")
        expect(running).to_have_attribute("aria-label", re.compile("≈ 50.*running, estimated"))
        expect(usage.locator(".dnb-usage-state")).to_have_text("Running")
        expect(usage.locator(".dnb-usage-value").nth(1)).to_contain_text("567")
        notebook.run(3)
        expect(running).to_have_count(0)
        expect(usage.locator(".dnb-usage-state")).to_have_text("")
        expect(usage.locator(".dnb-usage-value").nth(1)).to_contain_text("1.13k")
        notebook.run(4)
        assert notebook.output(4).split() == ["1134"]


def test_a_bar_leads_to_its_answer_in_a_chat_on_the_page_however_far_back(
    browser: Browser, lab: Lab
) -> None:
    show = "import ipywidgets\nipywidgets.VBox([dn.UsageView(chat), chat])"
    name = lab.write("usage-long.ipynb", [LONG, show])
    with open_notebook(browser, lab, name) as notebook:
        page = notebook.page
        notebook.run(0)
        notebook.run(1)
        usage = widget(page)
        chat = page.locator(".dnb-chat[data-conversation=long]")
        expect(chat).to_contain_text("Answer number 130.")
        assert chat.locator(".dnb-section").count() < 200
        shown = usage.locator(".dnb-usage-range").first
        for _ in range(2):
            before = shown.inner_text()
            usage.get_by_label("Earlier steps").click()
            expect(shown).not_to_have_text(before)
        expect(shown).to_have_text("Steps 1\u201348 of 130")
        usage.locator(".dnb-usage-bar").nth(2).click()
        found = chat.locator("[data-found]")
        expect(found).to_have_count(1)
        expect(found).to_contain_text("Answer number 3.")
        # The mark goes after a while, the focus stays.
        place = page.locator(":focus")
        expect(place).to_contain_text("Answer number 3.")
        wait_in_view(place, chat.locator(".dnb-log"))
        expect(place).to_be_in_viewport()
        expect(usage.locator(".dnb-usage-panel")).to_be_visible()
        expect(found).to_have_count(0)


def test_a_store_is_narrowed_and_a_conversation_opens_at_a_step_with_a_way_back(
    browser: Browser, lab: Lab, sample: str
) -> None:
    show = f"import dispatch_nb as dn\nstore = dn.Store({sample!r})\ndn.UsageView(store)"
    count = "(store.steps.response_model == 'gpt-5-mini').sum(), len(store.steps)"
    name = lab.write("usage-store.ipynb", [show, count])
    with open_notebook(browser, lab, name) as notebook:
        page = notebook.page
        notebook.run(0)
        notebook.run(1)
        mini, everything = re.findall(r"\d+\b(?=\)|,)", notebook.output(1).replace("np.int64", ""))[
            :2
        ]
        usage = widget(page)
        steps = usage.locator(".dnb-usage-value").nth(3)
        expect(steps).to_have_text(everything)
        usage.get_by_label("Model").select_option("gpt-5-mini")
        expect(steps).to_have_text(mini)
        usage.get_by_role("button", name="Clear").click()
        expect(steps).to_have_text(everything)

        usage.get_by_role("button", name="By conversation").click()
        row = usage.locator(".dnb-usage-row").nth(1)
        title = row.locator(".dnb-usage-name").inner_text()
        row.focus()
        page.keyboard.press("Enter")
        expect(usage.locator(".dnb-title").first).to_have_text(title)
        bars = usage.locator(".dnb-usage-bar")
        expect(bars.first).to_be_visible()
        bars.nth(1).click()
        chat = usage.locator(".dnb-usage-transcript .dnb-chat[data-conversation]")
        expect(chat.locator("[data-found]").first).to_be_visible()
        assert page.evaluate("() => document.activeElement.hasAttribute('data-found')")
        wait_in_view(page.locator(":focus"), chat.locator(".dnb-log"))
        expect(usage.locator(".dnb-usage-panel")).to_be_hidden()
        usage.get_by_role("button", name="Back to usage").click()
        expect(usage.locator(".dnb-usage-panel")).to_be_visible()
        page.wait_for_function("() => document.activeElement.matches('.dnb-usage-bar')")
        usage.get_by_role("button", name="All conversations").click()
        expect(usage.locator(".dnb-usage-row").nth(1)).to_contain_text(title)


def test_a_notebook_without_its_kernel_shows_the_last_figures(browser: Browser, lab: Lab) -> None:
    cells = [LIVE, "view = dn.UsageView(chat)\nview", "import os; print(os.getpid())"]
    name = lab.write("usage-saved.ipynb", cells)
    with open_notebook(browser, lab, name) as notebook:
        for index in range(3):
            notebook.run(index)
        widget(notebook.page)
        notebook.save()
    kept = json.loads((lab.root / name).read_text())
    (output,) = kept["cells"][1]["outputs"]
    html = "".join(output["data"]["text/html"])
    assert "1,234" in html
    assert "price unknown for 1 steps of custom" in html
    assert "One." not in json.dumps(output)


@pytest.mark.parametrize(("dark", "width"), [(False, 1200), (True, 620)], ids=["light", "dark"])
def test_the_figures_fit_and_axe_finds_nothing(
    browser: Browser, lab: Lab, sample: str, dark: bool, width: int
) -> None:
    show = f"import dispatch_nb as dn\ndn.UsageView(dn.Store({sample!r}))"
    name = lab.write(f"usage-look-{dark}.ipynb", [show])
    troubles: dict[str, Any] = {}

    def judge(state: str) -> None:
        page.wait_for_timeout(300)
        if found := page.evaluate(JUDGE, [".dnb-usage", NOT_OURS]):
            troubles[state] = found
        fits = usage.evaluate(
            "usage => [...usage.querySelectorAll('.dnb-usage-panel *')].every(e => {"
            " const box = e.getBoundingClientRect(), all = usage.getBoundingClientRect();"
            " return box.width === 0 || !e.checkVisibility({visibilityProperty: true})"
            "   || e.closest('.dnb-usage-table') || box.right <= all.right + 1; })"
        )
        if not fits:
            troubles[f"{state} does not fit"] = True

    with open_notebook(browser, lab, name, width=width, dark=dark) as notebook:
        page = notebook.page
        page.add_script_tag(path=str(AXE))
        notebook.run(0)
        usage = widget(page)
        judge("over time")
        usage.get_by_role("button", name="Cost", exact=True).click()
        usage.locator(".dnb-usage-bar").nth(3).hover()
        judge("pointed at")
        usage.get_by_role("button", name="By model").click()
        expect(usage.locator(".dnb-usage-row").first).to_be_visible()
        judge("by model")
        usage.get_by_role("button", name="By conversation").click()
        # Rows of models are there until those of conversations come.
        expect(usage.locator(".dnb-usage-row").nth(MODELS)).to_be_visible()
        usage.locator(".dnb-usage-row").nth(2).click()
        expect(usage.locator(".dnb-usage-step")).to_be_visible()
        judge("steps")
        usage.get_by_role("button", name="Table").click()
        expect(usage.locator("table")).to_be_visible()
        judge("table")
    assert troubles == {}, json.dumps(troubles, indent=1)
