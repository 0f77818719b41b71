"""Every state of a chat in a real JupyterLab, light and dark, judged by axe and by the keyboard."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from .lab import Lab, open_notebook
from .states import CELLS, PREPARE, finish

AXE = Path(__file__).parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"
# What only a whole page can keep: a chat is a part of a notebook's.
NOT_OURS = ["region", "landmark-one-main", "page-has-heading-one"]
JUDGE = """async ([selector, off]) => {
  const rules = Object.fromEntries(off.map((name) => [name, { enabled: false }]));
  const { violations } = await axe.run(selector, { rules, resultTypes: ["violations"] });
  return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 160))]);
}"""


def violations(page: Page, index: int) -> list[Any]:
    page.evaluate(
        "index => document.querySelectorAll('.dnb-chat')[index].setAttribute('data-judged', index)",
        index,
    )
    found: list[Any] = page.evaluate(JUDGE, [f".dnb-chat[data-judged='{index}']", NOT_OURS])
    return found


FULL = os.environ.get("DISPATCH_NB_PROOF") == "full"
# By default those states in the dark that have colours of their own.
DARK = {name: CELLS[name] for name in (CELLS if FULL else ("answer", "tools", "error"))}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_in_any_state(browser: Browser, lab: Lab, dark: bool) -> None:
    states = DARK if dark else CELLS
    name = lab.write(f"access-{dark}.ipynb", [PREPARE, *(code for code, _ in states.values())])
    troubles: dict[str, Any] = {}
    with open_notebook(browser, lab, name, dark=dark) as notebook:
        page = notebook.page
        page.add_script_tag(path=str(AXE))
        notebook.run(0)
        for index, (state, (_, place)) in enumerate(states.items()):
            notebook.start(index + 1)
            chat = page.locator(".dnb-chat").nth(index)
            chat.wait_for()
            chat.locator("*").and_(page.locator(place)).last.wait_for()
            page.wait_for_timeout(400)
            finish(state, notebook, chat)
            if found := violations(page, index):
                troubles[state] = found
    assert troubles == {}, json.dumps(troubles, indent=1)


def test_everything_that_can_be_pressed_is_reached_with_the_tab_key_and_is_seen_there(
    browser: Browser, lab: Lab
) -> None:
    name = lab.write("keys.ipynb", [PREPARE, CELLS["answer"][0]])
    with open_notebook(browser, lab, name) as notebook:
        page = notebook.page
        notebook.run(0)
        notebook.run(1)
        page.locator(CELLS["answer"][1]).first.wait_for()
        page.wait_for_timeout(300)
        wanted = page.evaluate(
            """() => [...document.querySelectorAll(
              ".dnb-chat :is(button, a[title], summary, textarea, input:not([type=file]))")]
              .filter((each) => !each.disabled && each.checkVisibility())
              .map((each, number) => { each.dataset.wanted = number; return number; })"""
        )
        page.locator(".dnb-header button").first.focus()
        reached: set[int] = set()
        unseen: list[str] = []
        for _ in range(3 * len(wanted)):
            number, is_seen, shown = page.evaluate(
                """() => {
                  const at = document.activeElement;
                  const { outlineStyle, boxShadow } = getComputedStyle(at);
                  const field = at.closest(".dnb-field");
                  const ring = field ? getComputedStyle(field).boxShadow : "none";
                  return [Number(at.dataset.wanted ?? -1),
                    outlineStyle !== "none" || boxShadow !== "none" || ring !== "none",
                    at.outerHTML.slice(0, 80)];
                }"""
            )
            if number >= 0:
                reached.add(number)
                if not is_seen:
                    unseen.append(shown)
            page.keyboard.press("Tab")
        assert set(wanted) - reached == set()
        assert unseen == []
