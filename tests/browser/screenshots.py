"""Photographs the states of a chat in a real JupyterLab: `python -m tests.browser.screenshots`.

Writes docs/images/<state>-<light|dark>.png, `narrow-` before those of a narrow notebook; words
choose states. With `--every FOLDER` each state is photographed light, dark and narrow into
FOLDER, to be looked at.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from .lab import CHROMIUM_FLAGS, Lab, chromium_path, open_notebook, running_lab
from .states import CELLS, PREPARE, finish

TARGET = Path(__file__).parents[2] / "docs" / "images"
WIDE, NARROW = 1000, 420
# What JupyterLab itself needs beside the cell's output.
FRAME = {WIDE: 180, NARROW: 116}
# The looks that are kept of the states: width of the notebook, whether it is dark, which states.
KEPT: list[tuple[int, bool, tuple[str, ...]]] = [
    (
        WIDE,
        False,
        (
            *("empty", "answer", "streaming", "thinking", "writing", "tools", "results", "error"),
            *("retry", "stopped", "queue", "images", "settings", "long", "store", "lost"),
        ),
    ),
    (WIDE, True, ("answer", "tools", "writing", "error", "settings", "store")),
    (NARROW, False, ("tools", "writing", "settings", "store")),
    (NARROW, True, ("answer",)),
]
EVERY = [(WIDE, False, tuple(CELLS)), (WIDE, True, tuple(CELLS)), (NARROW, False, tuple(CELLS))]


def shoot(
    browser: Browser, lab: Lab, target: Path, width: int, dark: bool, names: list[str]
) -> Iterator[Path]:
    """Photograph states, each as the only chat of its notebook."""
    theme, size = "dark" if dark else "light", "" if width == WIDE else "narrow-"
    for name in names:
        code, place = CELLS[name]
        file = lab.write(f"{name}-{width}-{theme}.ipynb", [PREPARE, code])
        with open_notebook(browser, lab, file, width=width + FRAME[width], dark=dark) as notebook:
            page = notebook.page
            page.evaluate(
                "() => window.jupyterapp.commands.execute('application:toggle-left-area')"
            )
            notebook.run(0)
            notebook.start(1)
            page.locator(place).first.wait_for()
            page.wait_for_timeout(600)
            shown = page.locator(".dnb-library" if name == "store" else ".dnb-chat").first
            shown.scroll_into_view_if_needed()
            finish(name, notebook, notebook.chat)
            page.wait_for_timeout(400)
            path = target / f"{size}{name}-{theme}.png"
            shown.screenshot(path=path)
            yield path


def main(words: list[str]) -> None:
    """Photograph the states that are kept, or those that are named."""
    looks, target = KEPT, TARGET
    if words[:1] == ["--every"]:
        looks, target, words = EVERY, Path(words[1]), words[2:]
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_FLAGS)
        # A JupyterLab that was made dark stays dark.
        for dark in (False, True):
            with running_lab(Path(folder) / str(dark)) as lab:
                for width, is_dark, names in looks:
                    wanted = [name for name in names if not words or name in words]
                    if is_dark == dark:
                        for path in shoot(browser, lab, target, width, dark, wanted):
                            print(path, flush=True)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
