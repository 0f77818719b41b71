"""`ipywidgets.HTML`, whose value grows (no Markdown: plain text)."""

from __future__ import annotations

import html
import time
from collections.abc import Sequence

import ipywidgets

from .pace import HISTORY_TEXT, due

shown: list[ipywidgets.HTML] = []


def show(history: int) -> ipywidgets.VBox:
    """Return earlier messages and the one that grows."""
    shown[:] = [ipywidgets.HTML("")]
    earlier = [ipywidgets.HTML(HISTORY_TEXT.format(number)) for number in range(history)]
    return ipywidgets.VBox([*earlier, shown[0]])


async def stream(tokens: Sequence[str], rate: float) -> tuple[float, float]:
    """Assign the longer text for each token."""
    started = time.time()
    async for token in due(tokens, rate):
        shown[0].value += html.escape(token)
    return started, time.time()
