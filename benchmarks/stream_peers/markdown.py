"""`display(Markdown)` and `update_display`: what notebooks and chat libraries mostly do."""

from __future__ import annotations

import time
from collections.abc import Sequence

from IPython.display import DisplayHandle, Markdown, display

from .pace import HISTORY_TEXT, due

shown: list[DisplayHandle] = []


def show(history: int) -> None:
    """Display earlier messages and the one that grows."""
    for number in range(history):
        display(Markdown(HISTORY_TEXT.format(number)))  # type: ignore[no-untyped-call]
    handle = display(Markdown("…"), display_id=True)  # type: ignore[no-untyped-call]
    shown[:] = [handle]


async def stream(tokens: Sequence[str], rate: float) -> tuple[float, float]:
    """Update the display with the longer text for each token."""
    text, started = "", time.time()
    async for token in due(tokens, rate):
        text += token
        shown[0].update(Markdown(text))  # type: ignore[no-untyped-call]
    return started, time.time()
