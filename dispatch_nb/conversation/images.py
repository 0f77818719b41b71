"""Images of a person's message: recognised by their bytes, named by their content."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

from pydantic import MISSING

from ..errors import ImageError
from ..wire.conversation import ImageChunk
from ..wire.media import image_type

__all__ = ["LARGEST_IMAGE", "Image", "as_images", "data_url", "digest_of", "from_data_url"]

LARGEST_IMAGE = 20 * 2**20
"""Bytes of one image: what the most generous APIs take."""

_REFERENCE = "images/"

_WANTED = (
    "An image is a path, bytes, a PIL image, a matplotlib figure, a data: URL or an https:// URL"
)


@dataclass(frozen=True, slots=True)
class Image:
    """An image to send, addressed by its content; of one on the web only `url` is known."""

    url: str
    mime_type: str | None = None
    data: bytes = field(default=b"", repr=False)

    @property
    def digest(self) -> str | None:
        """The SHA-256 of the bytes; None for an image on the web."""
        return digest_of(self.url)

    def to_chunk(self) -> ImageChunk:
        """Return the image as the transcript holds it, by address."""
        mime_type = MISSING if self.mime_type is None else self.mime_type
        return ImageChunk(url=self.url, mime_type=mime_type)


def as_images(given: object) -> list[Image]:
    """Return what a person gave as images; a single one need not be in a list.

    Raises
    ------
    ImageError
        If something is not an image, or too large.
    """
    single = isinstance(given, str | bytes | bytearray | memoryview | os.PathLike)
    if single or not isinstance(given, Iterable):
        given = [given]
    return [_as_image(each) for each in given]


def from_data_url(url: str) -> Image:
    """Return the image that a data: URL holds.

    Raises
    ------
    ImageError
        If it is no such URL, or holds something else.
    """
    return _from_bytes(_decoded(url), "The data: URL")


def digest_of(url: str) -> str | None:
    """Return the SHA-256 by which a stored image is addressed; None for another address."""
    return url.removeprefix(_REFERENCE) if url.startswith(_REFERENCE) else None


def data_url(mime_type: str, data: bytes) -> str:
    """Return an image as a URL that holds all of it."""
    return f"data:{mime_type};base64,{base64.b64encode(data).decode('ascii')}"


def _as_image(given: object) -> Image:
    if isinstance(given, str):
        if given.startswith("data:"):
            return from_data_url(given)
        if given.startswith(("https://", "http://")):
            return Image(given)
        return _from_file(Path(given))
    if isinstance(given, os.PathLike):
        return _from_file(Path(given))
    if isinstance(given, bytes | bytearray | memoryview):
        return _from_bytes(bytes(given), f"The {type(given).__name__} value")
    if _is_from(given, "PIL"):
        return _from_bytes(_pil_png(given), "The PIL image")
    figure = given if hasattr(given, "savefig") else getattr(given, "figure", None)
    if _is_from(figure, "matplotlib"):
        written = BytesIO()
        figure.savefig(written, format="png")
        return _from_bytes(written.getvalue(), "The figure")
    raise ImageError(f"{_WANTED}, not {type(given).__name__}.")


def _from_file(path: Path) -> Image:
    path = path.expanduser()
    try:
        size = path.stat().st_size
        if size > LARGEST_IMAGE:
            raise _too_large(str(path), size)
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise ImageError(f"The image {str(path)!r} cannot be read: {error}.") from error
    return _from_bytes(data, str(path))


def _from_bytes(data: bytes, name: str) -> Image:
    mime_type = image_type(data)
    if mime_type is None:
        begins = f"it begins with {data[:8]!r}" if data else "it is empty"
        raise ImageError(f"{name} is not a PNG, JPEG, GIF or WebP image: {begins}.")
    if len(data) > LARGEST_IMAGE:
        raise _too_large(name, len(data))
    return Image(_REFERENCE + sha256(data).hexdigest(), mime_type, data)


def _decoded(url: str) -> bytes:
    head, comma, body = url.partition(",")
    if not (head.startswith("data:") and comma and head.endswith(";base64")):
        raise ImageError("A data: URL of an image reads 'data:image/png;base64,…'; this one not.")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageError(f"The data: URL is not valid base64: {error}.") from error


def _pil_png(image: Any) -> bytes:
    written = BytesIO()
    plain = image if image.mode in ("1", "L", "LA", "P", "RGB", "RGBA") else image.convert("RGB")
    plain.save(written, format="PNG")
    return written.getvalue()


def _is_from(value: object, package: str) -> bool:
    """Return whether a value's class is of `package`, which need not be installed."""
    return any(kind.__module__.partition(".")[0] == package for kind in type(value).__mro__)


def _too_large(name: str, size: int) -> ImageError:
    return ImageError(
        f"{name} has {size / 2**20:.1f} MB, more than the {LARGEST_IMAGE // 2**20} MB that an "
        "image may have: make it smaller."
    )
