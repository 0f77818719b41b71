"""Photographs the usage widget in a real JupyterLab: `python -m tests.browser.usage_pictures`.

Writes docs/images/usage-<state>-<light|dark>.png, of a sample store that is made anew.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, sync_playwright

from notebooks.sample_store import make_sample

from .lab import CHROMIUM_FLAGS, chromium_path, open_notebook, running_lab

TARGET = Path(__file__).parents[2] / "docs" / "images"
SHOW = "import dispatch_nb as dn\ndn.UsageView(dn.Store('sample.db'))"


def press(usage: Locator, name: str) -> None:
    """Press a button and wait until what it leads to is drawn."""
    usage.get_by_role("button", name=name, exact=True).click()
    usage.page.wait_for_timeout(700)


def over_time(usage: Locator) -> None:
    """Point at a day."""
    usage.locator(".dnb-usage-bar").nth(8).hover()


def conversations(usage: Locator) -> None:
    """List what cost most."""
    press(usage, "By conversation")
    usage.page.mouse.move(0, 0)


def steps(usage: Locator) -> None:
    """Go to the steps of one of them."""
    usage.locator(".dnb-usage-row").nth(4).click()
    usage.locator(".dnb-usage-step").wait_for()
    usage.locator(".dnb-usage-bar").nth(5).hover()


STATES: dict[str, Callable[[Locator], None]] = {
    "time": over_time,
    "conversations": conversations,
    "steps": steps,
}


def main() -> None:
    """Photograph all states: light, dark, and dark where there is little room."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_FLAGS)
        with running_lab(Path(folder)) as lab:
            make_sample(lab.root / "sample.db")
            # A JupyterLab that was made dark stays dark.
            for width, dark in ((1000, False), (1000, True), (520, True)):
                file = lab.write(f"usage-{width}-{dark}.ipynb", [SHOW])
                with open_notebook(browser, lab, file, width=width + 260, dark=dark) as notebook:
                    notebook.page.evaluate(
                        "() => window.jupyterapp.commands.execute('application:toggle-left-area')"
                    )
                    notebook.run(0)
                    usage = notebook.page.locator(".dnb-usage").first
                    usage.locator(".dnb-usage-bar").first.wait_for()
                    for name, reach in STATES.items():
                        reach(usage)
                        notebook.page.wait_for_timeout(500)
                        size = "narrow-" if width < 600 else ""
                        path = TARGET / f"{size}usage-{name}-{'dark' if dark else 'light'}.png"
                        usage.screenshot(path=path)
                        print(path)
        browser.close()


if __name__ == "__main__":
    main()
