"""Photographs every chart in a real JupyterLab: `python -m tests.browser.chart_pictures`.

Writes the contact sheets docs/images/charts-<light|dark>.png; with a folder as its word, also
each picture there, and those of the matplotlib fallback and of a narrow page.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from notebooks.sample_store import make_sample

from .lab import CHROMIUM_FLAGS, Lab, chromium_path, open_notebook, running_lab

TARGET = Path(__file__).parents[2] / "docs" / "images"
PREPARE = """import time
import pandas as pd
import dispatch_nb as dn
store = dn.Store({path!r})
steps = store.steps
# The conversation whose context grew longest, a short one, and the turn that used most tools.
long = steps.groupby("conversation_id").size().idxmax()
turn = store.turns.sort_values("tool_call_count").iloc[-1]["turn_id"]
few = store.frame("deltas", conversation_id=long).head(900)
table = pd.DataFrame(
    {{"as it is": [39.18, 24.58, 3.69, 1.33], "Sonnet in place of Opus": [8.56, 8.07, 3.69, 1.33]}},
    index=["Weekly report", "Contract review", "Support reply", "Code question"],
)"""
LIVE = """from dispatch_nb.engine.contracts import (
    Finish, ReasoningDelta, TextDelta, ToolCall, UsageReport,
)
from dispatch_nb.wire.conversation import Usage


def look_up(city: str) -> str:
    "Look something up."
    time.sleep(0.3)
    return "found"


def asked(number, calls):
    sent, cached = 900 + 700 * number, 600 * number
    usage = Usage(input_tokens=sent, output_tokens=150, cache_read_tokens=cached)
    said = [ReasoningDelta("hm"), TextDelta("I look."), UsageReport(usage, reasoning_tokens=60)]
    return [*said, *([ToolCall(str(number), "look_up", {"city": "Oslo"})] * calls), Finish("stop")]


script = [asked(number, number < 5) for number in range(6)]
provider = dn.ScriptedProvider(steps=script, pace=0.02)
chat = dn.Chat(provider, tools=[look_up], store=":memory:")
view = dn.plots.live(chat)
turn = chat.send("Where is it warm?")
turn.result(60)
time.sleep(2)
view"""
CHARTS = {
    "tokens": "dn.plots.tokens(store{more})",
    "tokens-by-request": "dn.plots.tokens(store.frame('steps', conversation_id=long){more})",
    "cost": "dn.plots.cost(store{more})",
    "context": "dn.plots.context(store{more})",
    "waterfall": "dn.plots.waterfall(store, turn{more})",
    "tools": "dn.plots.tools(store{more})",
    "gaps": "dn.plots.gaps(store{more})",
    "gaps-of-one": "dn.plots.gaps(few{more})",
    "compare": "dn.plots.compare(table, 'Opus takes 86% of the money; Sonnet would save 69%', "
    "'$68.78 in four weeks as it is, $21.65 with the smaller model', unit='usd'{more})",
    "live": LIVE,
}


def photograph(
    browser: Browser, lab: Lab, folder: Path, *, dark: bool, width: int = 1100, more: str = ""
) -> list[Path]:
    """Run a cell for each chart and photograph what it shows."""
    cells = [PREPARE.format(path=str(lab.root / "sample.db"))]
    cells += [cell.replace("{more}", more) for cell in CHARTS.values()]
    theme = f"{'dark' if dark else 'light'}{'-narrow' if width < 800 else ''}"
    name = lab.write(f"charts-{theme}{'-mpl' if more else ''}.ipynb", cells)
    made = []
    with open_notebook(browser, lab, name, width=width, dark=dark) as notebook:
        notebook.page.evaluate(
            "() => window.jupyterapp.commands.execute('application:toggle-left-area')"
        )
        notebook.run(0)
        for index, chart in enumerate(CHARTS, 1):
            notebook.run(index)
            shown = notebook.page.locator(".jp-Notebook .jp-Cell").nth(index)
            output = shown.locator(".jp-OutputArea-output").last
            output.locator("img, svg").first.wait_for()
            output.scroll_into_view_if_needed()
            notebook.page.wait_for_timeout(300)
            path = folder / f"{chart}-{theme}{'-mpl' if more else ''}.png"
            output.locator("img, svg").first.screenshot(path=path)
            made.append(path)
    return made


def sheet(pictures: list[Path], target: Path) -> Path:
    """Put pictures into two columns of one, each where there is more room."""
    images = [Image.open(path).convert("RGB") for path in pictures]
    width = max(image.width for image in images)
    heights = [0, 0]
    places = []
    for image in images:
        column = heights.index(min(heights))
        places.append((column * width, heights[column]))
        heights[column] += image.height
    whole = Image.new("RGB", (2 * width, max(heights)), images[0].getpixel((1, 1)))
    for image, place in zip(images, places, strict=True):
        whole.paste(image, place)
    # As many colours as there are bytes are enough, and half the size.
    few = whole.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(target, optimize=True)
    return target


def main(words: list[str]) -> None:
    """Photograph all charts, in light and in dark."""
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        folder = Path(words[0]) if words else Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_FLAGS)
        with running_lab(Path(temporary) / "lab") as lab:
            make_sample(lab.root / "sample.db")
            # A JupyterLab that was made dark stays dark.
            for dark in (False, True):
                made = photograph(browser, lab, folder, dark=dark)
                theme = "dark" if dark else "light"
                print(sheet(made, TARGET / f"charts-{theme}.png"))
                if words:
                    photograph(browser, lab, folder, dark=dark, more=", kind='mpl'")
                    photograph(browser, lab, folder, dark=dark, width=520)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
