"""The payload of a stream, and its pace."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

__all__ = ["HISTORY_TEXT", "due", "payload", "word"]

HISTORY_TEXT = "An *earlier* message, number {}: a sentence or two of plain words, and `code`."

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
# Before the token of that number modulo 200: a little of everything that Markdown has.
_MARKS = {
    0: "\n\n## ",
    12: "\n\n",
    40: "\n\n- ",
    50: "\n- ",
    60: "\n- **bold** and `code` ",
    80: "\n\nThe area is $\\pi r^2$ here. ",
    100: "\n\n```python\n",
    110: "\n",
    120: "\n",
    130: "\n```\n\n",
    160: "\n\n$$\\int_a^b f(x)\\,dx$$\n\n",
}


def word(number: int) -> str:
    """Return the word of a token: a digit and two base-36 digits, found again on the page."""
    return str(number // 1296 % 10) + _DIGITS[number // 36 % 36] + _DIGITS[number % 36]


def payload(count: int) -> list[str]:
    """Return `count` tokens of about four bytes each, with Markdown, code and formulas."""
    return [_MARKS.get(number % 200, "") + word(number) + " " for number in range(count)]


async def due(tokens: Sequence[str], rate: float) -> AsyncIterator[str]:
    """Yield tokens one by one, as they become due.

    Parameters
    ----------
    rate
        Tokens a second; 0 is as fast as they are taken.
    """
    if rate == 0:
        for token in tokens:
            yield token
        return
    started, sent = time.perf_counter(), 0
    while sent < len(tokens):
        upto = min(len(tokens), int((time.perf_counter() - started) * rate) + 1)
        for token in tokens[sent:upto]:
            yield token
        sent = max(sent, upto)
        await asyncio.sleep(1 / rate)
