"""Images in a real JupyterLab: sent from a cell, chosen, pasted, refused."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image as Pillow
from PIL import ImageDraw
from playwright.sync_api import Browser, Locator, expect

from .lab import Lab, Notebook, open_notebook

CHAT = """
import matplotlib
matplotlib.use("agg")
import dispatch_nb as dn
from matplotlib.figure import Figure
chat = dn.Chat(dn.ScriptedProvider(pace=0), store="images.db", conversation="pictures")
chat
"""
SEND = """
figure = Figure(figsize=(4, 2.4), dpi=100)
figure.subplots().plot([3, 1, 4, 1, 5, 9, 2, 6])
turn = await chat.send("What do these show?", images=[figure, "photo.png", "https://x.invalid/a.png"])
"""
PROMPT = "import json; print(json.dumps([c.chunk.type for c in chat.history().chunks]))"


def photo(size: tuple[int, int], colour: str) -> bytes:
    """A small picture that is easy to recognise."""
    image = Pillow.new("RGB", size, colour)
    ImageDraw.Draw(image).ellipse((8, 8, size[0] - 8, size[1] - 8), fill="gold")
    written = BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


@pytest.fixture(scope="module", params=["light", "dark"])
def notebook(browser: Browser, lab: Lab, request: pytest.FixtureRequest) -> Iterator[Notebook]:
    (lab.root / "photo.png").write_bytes(photo((200, 150), "teal"))
    name = lab.write(f"images-{request.param}.ipynb", [CHAT, SEND, PROMPT])
    for left in lab.root.glob("images.db*"):
        left.unlink()
    with open_notebook(browser, lab, name, dark=request.param == "dark") as opened:
        opened.run(0)
        expect(opened.chat).to_be_visible()
        yield opened


def widths(images: Locator) -> list[int]:
    """The real widths of images that have been decoded; 0 for one that could not be."""
    return [
        int(image.evaluate("e => e.decode().then(() => e.naturalWidth, () => 0)"))
        for image in images.all()
    ]


def picture(notebook: Notebook, name: str) -> None:
    """Keep a screenshot where someone asked for them."""
    folder = os.environ.get("DISPATCH_NB_SCREENSHOTS")
    if folder:
        notebook.chat.screenshot(path=str(Path(folder) / f"{name}.png"))


def test_images_of_a_cell_stand_with_the_text_and_the_web_waits_for_a_click(
    notebook: Notebook, request: pytest.FixtureRequest
) -> None:
    asked: list[str] = []
    notebook.page.on("request", lambda r: asked.append(r.url) if "x.invalid" in r.url else None)
    notebook.run(1)
    section = notebook.chat.locator("[data-role=user]")
    expect(section).to_have_count(1)
    expect(section.locator(".dnb-bubble")).to_have_text("What do these show?")
    expect(section.locator("img")).to_have_count(2)
    assert widths(section.locator("img")) == [400, 200]
    expect(section.locator("button.dnb-image-load")).to_contain_text("x.invalid")
    assert asked == []
    section.scroll_into_view_if_needed()
    notebook.chat.locator(".dnb-log").evaluate("log => { log.scrollTop = 0; }")
    picture(notebook, f"images-{request.node.callspec.id}")
    notebook.run(2)
    assert json.loads(notebook.output(2))[:4] == ["text", "image", "image", "image"]


def test_an_image_is_chosen_another_pasted_one_is_taken_away_and_the_rest_sent(
    notebook: Notebook, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    chosen = tmp_path / "chosen.png"
    chosen.write_bytes(photo((120, 90), "crimson"))
    chat = notebook.chat
    chat.locator("input[type=file]").set_input_files(chosen)
    waiting = chat.locator(".dnb-attached-image")
    expect(waiting).to_have_count(1)
    chat.locator("textarea").evaluate(
        """(area, data) => {
          const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
          const transfer = new DataTransfer();
          transfer.items.add(new File([bytes], 'pasted.png', {type: 'image/png'}));
          area.dispatchEvent(new ClipboardEvent('paste', {clipboardData: transfer, bubbles: true}));
        }""",
        base64.b64encode(photo((140, 60), "navy")).decode(),
    )
    expect(waiting).to_have_count(2)
    chat.locator("textarea").fill("And this one?")
    picture(notebook, f"attached-{request.node.callspec.id}")
    chat.get_by_label("Remove chosen.png").click()
    expect(waiting).to_have_count(1)
    chat.locator("textarea").press("Enter")
    expect(waiting).to_have_count(0)
    expect(chat.locator("[data-sending]")).to_have_count(0)
    expect(chat.locator("[data-role=assistant]")).to_have_count(2)
    last = chat.locator("[data-role=user]").last
    expect(last.locator(".dnb-bubble")).to_have_text("And this one?")
    expect(last.locator("img")).to_have_count(1)
    assert widths(last.locator("img")) == [140]
    expect(chat).to_have_attribute("data-status", "idle")


def drop(notebook: Notebook, files: list[Path]) -> None:
    """Drop files of the person's disk onto the composer, as the browser hands them over."""
    page = notebook.page
    field = notebook.chat.locator("textarea")
    field.scroll_into_view_if_needed()
    box = field.bounding_box()
    assert box is not None
    session = page.context.new_cdp_session(page)
    point = {"x": box["x"] + 60, "y": box["y"] + 10}
    data = {"items": [], "files": [str(file) for file in files], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **point, "data": data})
        if kind == "dragOver":
            expect(notebook.chat.locator(".dnb-composer")).to_have_attribute("data-drop", "")
    expect(notebook.chat.locator(".dnb-composer[data-drop]")).to_have_count(0)
    session.detach()


def test_files_are_dropped_and_what_is_too_large_or_no_image_is_refused_in_words(
    notebook: Notebook, tmp_path: Path
) -> None:
    chat = notebook.chat
    dropped, text, large = (tmp_path / name for name in ("dropped.png", "notes.txt", "large.png"))
    dropped.write_bytes(photo((90, 90), "olive"))
    text.write_text("not an image")
    large.write_bytes(photo((20, 20), "olive") + bytes(7 * 2**20))
    before = len(list(lab_files(notebook)))
    waiting = chat.locator(".dnb-attached-image")
    drop(notebook, [dropped])
    expect(waiting).to_have_count(1)
    expect(chat.locator(".dnb-word")).to_have_count(0)
    drop(notebook, [text])
    expect(chat.locator(".dnb-word")).to_have_text(
        "notes.txt was not added: only PNG, JPEG, GIF and WebP images are."
    )
    drop(notebook, [large])
    expect(chat.locator(".dnb-word")).to_contain_text("large.png was not added: more than 6 MB")
    expect(waiting).to_have_count(1)
    # JupyterLab would have taken a dropped file for itself, into the folder or a cell.
    assert len(list(lab_files(notebook))) == before
    chat.get_by_label("Remove dropped.png").click()
    expect(waiting).to_have_count(0)
    expect(chat.locator("textarea")).to_be_focused()


def lab_files(notebook: Notebook) -> list[str]:
    listed: list[str] = notebook.page.evaluate(
        "async () => (await window.jupyterapp.serviceManager.contents.get('')).content"
        ".map(({ name }) => name)"
    )
    return listed


FAILING = """
import dispatch_nb as dn
from dispatch_nb.engine.contracts import Failure, Finish, TextDelta
steps = [
    [Failure("The model is full.", code="529")],
    [Failure("The model is still full.", code="529")],
    [TextDelta("A circle."), Finish("stop")],
]
chat = dn.Chat(dn.ScriptedProvider(steps=steps, pace=0), store=":memory:")
display(chat)
try:
    await chat.send("What is this?", images=["photo.png", "https://x.invalid/a.png"])
except dn.errors.TurnFailedError:
    pass
"""
SAID = """
print(json.dumps([[s.chunk.type, getattr(s.chunk, "url", s.chunk.to_wire().get("text", ""))]
                  for s in chat.history().chunks if s.role == "user"]))
"""


def test_a_prompt_with_images_that_failed_is_tried_again_and_edited_with_them(
    browser: Browser, lab: Lab
) -> None:
    (lab.root / "photo.png").write_bytes(photo((200, 150), "teal"))
    name = lab.write("again.ipynb", [FAILING, "import json\n" + SAID])
    with open_notebook(browser, lab, name) as notebook:
        asked: list[str] = []
        notebook.page.on("request", lambda r: asked.append(r.url) if "x.invalid" in r.url else None)
        notebook.run(0)
        chat = notebook.chat
        field = chat.locator("textarea.dnb-input")
        chat.get_by_role("button", name="Try again").press("Enter")
        expect(chat.locator(".dnb-error")).to_have_count(2)
        expect(chat.locator("[data-role=user]")).to_have_count(2)
        expect(chat).to_have_attribute("data-status", "idle")
        chat.get_by_role("button", name="Edit the message").last.press("Enter")
        expect(field).to_have_value("What is this?")
        expect(field).to_be_focused()
        expect(chat.locator(".dnb-attached-image")).to_have_count(2)
        assert widths(chat.locator(".dnb-attached-image img")) == [200]
        chat.get_by_label("Remove image 2").click()
        field.fill("What is this shape?")
        field.press("Enter")
        expect(chat.locator("[data-role=assistant]").last).to_contain_text("A circle.")
        notebook.run(1)
        said = json.loads(notebook.output(1))
        stored = said[1][1]
        assert stored.startswith("images/")
        twice = [["text", "What is this?"], ["image", stored], ["image", "https://x.invalid/a.png"]]
        assert said == [*twice, *twice, ["text", "What is this shape?"], ["image", stored]]
        assert asked == []


def test_a_file_that_is_no_image_is_refused_in_words(notebook: Notebook, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not an image")
    notebook.chat.locator("input[type=file]").set_input_files(text)
    expect(notebook.chat.locator(".dnb-word")).to_contain_text("notes.txt was not added")
    expect(notebook.chat.locator(".dnb-attached-image")).to_have_count(0)
