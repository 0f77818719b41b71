"""What the rules of every provider's API have in common: text, names, closed objects."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

__all__ = [
    "bad_fields",
    "bad_name",
    "bad_text",
    "is_base64",
    "is_image_address",
    "is_web_address",
]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_IMAGE_HEAD = re.compile(r"data:image/[\w.+-]+;base64,", re.IGNORECASE)
_WEB_ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)


def bad_text(where: str, text: object) -> Iterator[str]:
    """Yield what is wrong with a text that must say something."""
    if not isinstance(text, str):
        yield f"{where} must be text, not {type(text).__name__}."
    elif not text.strip():
        yield f"{where} is blank."
    elif any("\ud800" <= character <= "\udfff" for character in text):
        yield f"{where} holds a lone surrogate, which is not Unicode text."


def bad_name(where: str, name: object) -> Iterator[str]:
    """Yield what is wrong with the name of a tool."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield f"{where} must be 1 to 64 letters, digits, _ or -, not {name!r}."


def bad_fields(
    where: str, given: Mapping[str, Any], needed: Collection[str], optional: Collection[str] = ()
) -> Iterator[str]:
    """Yield which fields of an object are missing, and which it must not have."""
    for name in needed:
        if name not in given:
            yield f"{where} lacks the field {name!r}."
    for name in given:
        if name not in needed and name not in optional:
            yield f"{where} must not have the field {name!r}."


def is_web_address(url: object) -> bool:
    """Return whether a server could fetch `url`."""
    return isinstance(url, str) and _WEB_ADDRESS.fullmatch(url) is not None


def is_image_address(url: object) -> bool:
    """Return whether `url` is a web address, or a base64 data URL that holds an image."""
    if not isinstance(url, str):
        return False
    head = _IMAGE_HEAD.match(url)
    return is_base64(url[head.end() :]) if head else is_web_address(url)


def is_base64(data: object) -> bool:
    """Return whether `data` is base64 text that holds at least a byte."""
    try:
        return isinstance(data, str) and bool(base64.b64decode(data, validate=True))
    except ValueError:
        return False
