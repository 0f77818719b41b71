"""Panel's ChatInterface, streamed into as its manual says."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import panel as pn

from .pace import HISTORY_TEXT, due

shown: list[Any] = []


def show(history: int) -> Any:
    """Return the chat with its earlier messages."""
    # The page may have no way to a server of scripts: they come with the cell.
    pn.extension(inline=True)
    chat = pn.chat.ChatInterface()
    for number in range(history):
        chat.send(HISTORY_TEXT.format(number), user="User", respond=False)
    shown[:] = [chat]
    return chat


async def stream(tokens: Sequence[str], rate: float) -> tuple[float, float]:
    """Stream token by token into one message."""
    started, message = time.time(), None
    async for token in due(tokens, rate):
        message = shown[0].stream(token, message=message, user="Assistant")
    return started, time.time()
