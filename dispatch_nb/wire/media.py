"""Images by their first bytes: names and labels are not believed."""

from __future__ import annotations

__all__ = ["image_type"]


def image_type(data: bytes) -> str | None:
    """Return the media type of an image that every provider takes, None if it is none."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return None
