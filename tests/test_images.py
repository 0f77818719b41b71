"""Images of a message: recognised, stored once, sent whole, and addressed shortly elsewhere."""

from __future__ import annotations

import base64
import json
import sqlite3
import time
import zlib
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

import dispatch_nb as dn
from dispatch_nb.conversation.images import LARGEST_IMAGE, as_images
from dispatch_nb.conversation.unstored import unstored_messages
from dispatch_nb.engine.contracts import Finish, ProviderEvent, TextDelta, ToolCall
from dispatch_nb.errors import ImageError, MessageError
from dispatch_nb.store import Store
from dispatch_nb.transcript.live import fold_live, initial_live
from dispatch_nb.widget.saved import MOST_IMAGE_TEXT
from dispatch_nb.wire.conversation import ChatMessage, ImageChunk, TextChunk
from dispatch_nb.wire.events import TextDeltaEvent, UserMessageEvent
from dispatch_nb.wire.extensions import PromptImagesEvent
from tests.test_details import Keeper, add
from tests.waiting import wait_until


def picture(form: str, colour: str = "red", size: int = 64) -> bytes:
    """A real image file's bytes, too irregular to compress to nothing."""
    written = BytesIO()
    image = Pillow.effect_noise((size, size), 90).convert("RGB")
    image.paste(colour, (0, 0, size // 2, size // 2))
    image.save(written, format=form)
    return written.getvalue()


PNG = picture("PNG")
ANSWER: list[list[ProviderEvent]] = [[TextDelta("ok"), Finish("stop")]]


@pytest.mark.parametrize(
    ("form", "mime_type"),
    [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("GIF", "image/gif"), ("WEBP", "image/webp")],
)
def test_an_image_is_recognised_by_its_bytes_however_it_is_given(
    tmp_path: Path, form: str, mime_type: str
) -> None:
    data = picture(form)
    path = tmp_path / "misleading.txt"
    path.write_bytes(data)
    url = "data:text/plain;base64," + base64.b64encode(data).decode()
    for given in (data, bytearray(data), memoryview(data), path, str(path), url):
        (image,) = as_images([given])
        assert (image.mime_type, image.data) == (mime_type, data)
        assert image.url == f"images/{sha256(data).hexdigest()}"
        assert as_images(given) == [image]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "F", "HSV"])
def test_a_pil_image_of_any_mode_becomes_a_png(mode: str) -> None:
    (image,) = as_images(Pillow.new(mode, (3, 2)))
    assert image.mime_type == "image/png"
    assert Pillow.open(BytesIO(image.data)).size == (3, 2)


def test_a_figure_and_its_axes_become_pngs() -> None:
    figure_module = pytest.importorskip("matplotlib.figure")
    figure = figure_module.Figure(figsize=(2, 1), dpi=50)
    axes = figure.subplots()
    for given in (figure, axes):
        (image,) = as_images(given)
        assert Pillow.open(BytesIO(image.data)).size == (100, 50)


def test_an_image_on_the_web_stays_there() -> None:
    (image,) = as_images("https://example.org/a.png")
    assert (image.url, image.mime_type, image.digest) == ("https://example.org/a.png", None, None)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b"hello world", r"The bytes value is not a PNG.*begins with b'hello wo'"),
        (b"", "it is empty"),
        ("nowhere.png", "'nowhere.png' cannot be read: .*No such file"),
        ("a\0b", "cannot be read"),
        ("data:image/png,abc", "reads 'data:image/png;base64"),
        ("data:image/png;base64,@@@", "not valid base64"),
        (7, "An image is a path, bytes, .* not int"),
        (b"\x89PNG\r\n\x1a\n" + bytes(LARGEST_IMAGE), r"has 20\.0 MB, more than the 20 MB"),
        ([PNG, {"url": "x"}], "not dict"),
    ],
)
def test_what_is_no_image_is_refused_before_anything_is_stored(
    tmp_path: Path, given: Any, said: str
) -> None:
    with Store(tmp_path / "lab.db") as store:
        chat = dn.Chat(Keeper(*ANSWER), store=store)
        with pytest.raises(ImageError, match=said):
            chat.send("what is this?", images=given)
        assert store.history(chat.conversation_id).chunks == []
        chat.close()


def test_a_file_that_is_too_large_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(LARGEST_IMAGE * 50)
    with pytest.raises(MessageError, match=r"huge\.png has 1000\.0 MB"):
        as_images(path)


def images_in(messages: list[ChatMessage]) -> list[ImageChunk]:
    return [chunk for m in messages for chunk in m.chunks if isinstance(chunk, ImageChunk)]


def test_every_prompt_has_the_image_whole_and_the_log_has_it_once(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    whole = "data:image/png;base64," + base64.b64encode(PNG).decode()
    steps: list[list[ProviderEvent]] = [
        [ToolCall("c", "add", {"a": 1, "b": 2}), Finish("tool_calls")],
        *ANSWER,
    ]
    provider = Keeper(*steps)
    web = "https://example.org/a.png"
    with Store(path) as store:
        chat = dn.Chat(provider, tools=[add], store=store, conversation="c")
        chat.send("what is this?", images=[PNG, web]).result(20)
        chat.send("and this?", images=PNG).result(20)
        chat.close()
        store.compact("c").result(20)
    again = Keeper(*ANSWER)
    with Store(path) as store:
        chat = dn.Chat(again, store=store, conversation="c")
        chat.send("well?").result(20)
        short = f"images/{sha256(PNG).hexdigest()}"
        for prompt in (*provider.prompts, *again.prompts):
            first = prompt[0]
            assert first.chunks == [
                TextChunk(text="what is this?"),
                ImageChunk(url=whole, mime_type="image/png"),
                ImageChunk(url=web),
            ]
        assert [image.url for image in images_in(again.prompts[0])] == [whole, web, whole]
        history = chat.history().chunks
        assert [stored.seq for stored in history] == list(range(1, len(history) + 1))
        assert [s.chunk.url for s in history if isinstance(s.chunk, ImageChunk)] == [
            short,
            web,
            short,
        ]
        messages = store.messages("c")
        assert [len(m.chunks) for m in messages if m.role == "user"] == [3, 2, 1]
        told = [row.event.to_wire() for row in store.events("c")]
        assert base64.b64encode(PNG)[:60].decode() not in json.dumps(told)
        for frame in (chat.chunks, chat.turns, chat.steps, chat.deltas):
            assert len(frame.to_csv()) < 20_000
        chat.close()
    database = sqlite3.connect(path)
    assert database.execute("SELECT count(*), sum(length(data)) FROM images").fetchone() == (
        1,
        len(PNG),
    )
    others = [
        value if isinstance(value, bytes) else str(value).encode()
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if table != "images"
        for row in database.execute(f"SELECT * FROM {table}")
        for value in row
    ]
    database.close()
    packed = [zlib.decompress(each) for each in others if each[:1] == b"\x78"]
    for each in (*others, *packed):
        assert PNG[:40] not in each
        assert base64.b64encode(PNG)[:40] not in each


def test_the_prompt_has_its_seqs_before_the_first_step(tmp_path: Path) -> None:
    seen: list[list[tuple[int, str]]] = []
    with Store(tmp_path / "lab.db") as store:

        async def look() -> None:
            seen.append([(s.seq, s.chunk.type) for s in store.history("c").chunks])

        script: list[list[Any]] = [[look, TextDelta("ok"), Finish("stop")]]
        chat = dn.Chat(dn.ScriptedProvider(steps=script), store=store, conversation="c")
        chat.send("?", images=[PNG, picture("GIF")]).result(20)
        assert seen == [[(1, "text"), (2, "image"), (3, "image")]]
        assert list(chat.state.transcript.committed) == store.history("c").chunks
        chat.close()


def test_a_notebook_keeps_the_newest_images_within_its_bounds(tmp_path: Path) -> None:
    large, small = picture("PNG", size=1100), picture("PNG", "blue")
    assert len(large) * 4 / 3 < MOST_IMAGE_TEXT < len(large) * 8 / 3
    with Store(tmp_path / "lab.db") as store:
        chat = dn.Chat(Keeper(*ANSWER), store=store)
        other = picture("PNG", "green", size=1100)
        for image in (other, small, large, small):
            chat.send("?", images=image).result(20)
        wait_until(lambda: len(chat.saved["transcript"]["committed"]) == 12)
        kept = {image["url"]: image["data"] for image in chat.saved["images"]}
        assert set(kept) == {f"images/{sha256(data).hexdigest()}" for data in (small, large)}
        assert sum(map(len, kept.values())) <= MOST_IMAGE_TEXT
        chat.close()


def test_a_view_gets_an_image_and_sends_one_but_never_a_path(tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []

    class Watched(dn.Chat):
        def _tell_views(self, message: Any) -> None:
            told.append(message.to_wire())

    def said(kind: str) -> list[dict[str, Any]]:
        return [message for message in told if message["type"] == kind]

    url = "data:image/png;base64," + base64.b64encode(PNG).decode()
    secret = tmp_path / "secret.png"
    secret.write_bytes(PNG)
    with Store(tmp_path / "lab.db") as store:
        chat = Watched(Keeper(*ANSWER), store=store)
        for number, image in enumerate([str(secret), "https://x.invalid/a.png", url]):
            message = {"type": "send", "requestId": f"r{number}", "text": "?", "images": [image]}
            chat._on_message(None, message, [])
        wait_until(lambda: len(said("reply")) == 3)
        assert [reply["accepted"] for reply in said("reply")] == [False, False, True]
        wait_until(lambda: chat.status == "idle")
        short = f"images/{sha256(PNG).hexdigest()}"
        for wanted in (short, "images/0000", "../secret.png"):
            chat._on_message(None, {"type": "want-image", "url": wanted}, [])
        assert said("image") == [
            {"type": "image", "url": short, "data": url},
            {"type": "image", "url": "images/0000"},
            {"type": "image", "url": "../secret.png"},
        ]
        chat.close()


def test_a_view_sends_the_images_of_an_earlier_message_again(tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []

    class Watched(dn.Chat):
        def _tell_views(self, message: Any) -> None:
            told.append(message.to_wire())

    def replies() -> list[dict[str, Any]]:
        return [message for message in told if message["type"] == "reply"]

    web = "https://x.invalid/a.png"
    with Store(tmp_path / "lab.db") as store:
        chat = Watched(Keeper(*ANSWER, *ANSWER), store=store)
        chat.send("?", images=[PNG, web]).result(timeout=20)
        urls = [s.chunk.url for s in chat.history().chunks if s.chunk.type == "image"]
        unknown = [*urls, "https://x.invalid/other.png"]
        for number, again in enumerate([urls, unknown], 1):
            message = {"type": "send", "requestId": f"r{number}", "text": "?", "images": again}
            chat._on_message(None, message, [])
            while len(replies()) < number:
                time.sleep(0.01)
            wait_until(lambda: chat.status == "idle")
        assert [reply["accepted"] for reply in replies()] == [True, False]
        seen = [s.chunk.url for s in chat.history().chunks if s.chunk.type == "image"]
        assert seen == [*urls, *urls]
        assert len(store.images([urls[0].removeprefix("images/")])) == 1
        chat.close()


def test_a_prompt_that_was_shown_and_not_stored_keeps_its_images_in_one_message() -> None:
    ids: dict[str, Any] = {"conversation_id": "c", "turn_id": "t"}
    image = ImageChunk(url="images/aa", mime_type="image/png")
    live = initial_live()
    for event in (
        UserMessageEvent(**ids, text="what?"),
        PromptImagesEvent(**ids, images=[image, image]),
        TextDeltaEvent(**ids, delta="a c"),
    ):
        live = fold_live(live, event)
    prompt, answer = unstored_messages(live.transcript, "t")
    assert prompt == ChatMessage(role="user", chunks=[TextChunk(text="what?"), image, image])
    assert answer == ChatMessage(role="assistant", chunks=[TextChunk(text="a c")])
