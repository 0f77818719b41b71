"""Photographs the states of a chat in a real JupyterLab: `python -m tests.browser.screenshots`.

Writes docs/images/<state>-<light|dark>.png; words choose states, `dark` the other theme.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Locator, sync_playwright

from .lab import CHROMIUM_FLAGS, Lab, Notebook, chromium_path, open_notebook, running_lab
from .states import CELLS, PREPARE

TARGET = Path(__file__).parents[2] / "docs" / "images"
# The states that are shown, each with the width of the notebook and whether it is dark.
SHOTS = [
    *((name, 1000, False) for name in ("empty", "answer", "streaming", "thinking", "tools")),
    *((name, 1000, False) for name in ("writing", "error", "retry", "stopped", "long")),
    *((name, 520, False) for name in ("tools", "writing")),
    # A JupyterLab that was made dark stays dark.
    *((name, 1000, True) for name in ("answer", "tools", "writing", "error")),
    ("answer", 520, True),
]


def reach(notebook: Notebook, index: int, place: str) -> Locator:
    """Run the cell of a state and return its chat when the state is reached."""
    notebook.start(index)
    chat = notebook.page.locator(".dnb-chat").nth(index - 1)
    chat.wait_for()
    notebook.page.locator(place).first.wait_for()
    notebook.page.wait_for_timeout(600)
    return chat


def shoot(browser: Browser, lab: Lab, name: str, width: int, dark: bool) -> Path:
    """Photograph one state."""
    code, place = CELLS[name]
    file = lab.write(f"{name}-{width}-{dark}.ipynb", [PREPARE, code])
    with open_notebook(browser, lab, file, width=width + 260, dark=dark) as notebook:
        notebook.page.evaluate(
            "() => window.jupyterapp.commands.execute('application:toggle-left-area')"
        )
        notebook.run(0)
        chat = reach(notebook, 1, place)
        if name == "answer":
            chat.locator(".dnb-details").last.click()
            notebook.page.wait_for_timeout(500)
        chat.scroll_into_view_if_needed()
        theme = "dark" if dark else "light"
        size = "narrow-" if width < 600 else ""
        path = TARGET / f"{size}{name}-{theme}.png"
        chat.screenshot(path=path)
        return path


def main(words: list[str]) -> None:
    """Photograph all states, or those that are named."""
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_FLAGS)
        with running_lab(Path(folder)) as lab:
            for name, width, dark in SHOTS:
                if not words or name in words:
                    print(shoot(browser, lab, name, width, dark))
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
