"""What may be sent, and the name a conversation gets from it."""

from __future__ import annotations

from ..errors import MessageError
from ..wire.base import mend_surrogates

__all__ = ["UNTITLED", "checked_message", "title_of"]

UNTITLED = "Untitled"
# The first prompt names a conversation, cut as the Dispatch wire contract cuts it.
TITLE_LENGTH = 80


def title_of(text: str) -> str:
    """Return the title of a conversation that begins with `text`."""
    return text if len(text) <= TITLE_LENGTH else text[:TITLE_LENGTH] + "…"


def checked_message(text: str) -> str:
    """Return `text` ready to be sent.

    Raises
    ------
    MessageError
        If it is not text, or holds nothing but white space.
    """
    if not isinstance(text, str):
        raise MessageError(
            f"A message is text, not {type(text).__name__}: write chat.send(str(value))."
        )
    if not text.strip():
        raise MessageError("The message is empty: write something to send.")
    return mend_surrogates(text)
