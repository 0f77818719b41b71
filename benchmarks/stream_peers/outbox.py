"""Ours from the outbox on: committed events in, the whole front end behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import anywidget
import traitlets

from dispatch_nb.loop import turn_loop
from dispatch_nb.store.rows import EventRow
from dispatch_nb.transcript.live import LiveState, fold_live, live_from_history
from dispatch_nb.widget.assets import load_bundle, read_typesetter
from dispatch_nb.widget.outbox import Outbox
from dispatch_nb.widget.view_context import ViewContext
from dispatch_nb.wire.base import WireModel
from dispatch_nb.wire.conversation import StoredChunk, TextChunk
from dispatch_nb.wire.events import (
    DoneEvent,
    TextDeltaEvent,
    TurnStartEvent,
    UserMessageEvent,
)
from dispatch_nb.wire.extensions import LiveEvent
from dispatch_nb.wire.view import FileMessage

from .pace import HISTORY_TEXT, due

_module, _styles = load_bundle()


class Replay(anywidget.AnyWidget):
    """The front end of a chat over events that are at hand, without engine and store."""

    _esm = _module
    _css = _styles
    conversation_id = traitlets.Unicode("replay").tag(sync=True)
    status = traitlets.Unicode("idle").tag(sync=True)
    title = traitlets.Unicode("Replay").tag(sync=True)
    model = traitlets.Unicode("").tag(sync=True)
    notice = traitlets.Unicode("").tag(sync=True)
    queue: traitlets.List[Any] = traitlets.List().tag(sync=True)
    last_seq = traitlets.Int(0).tag(sync=True)
    totals = traitlets.Dict().tag(sync=True)
    saved = traitlets.Dict(None, allow_none=True).tag(sync=True)

    def __init__(self, texts: Sequence[str]) -> None:
        super().__init__(last_seq=len(texts))
        self._live: LiveState = live_from_history(
            StoredChunk(
                seq=number + 1,
                role="assistant" if number % 2 else "user",
                chunk=TextChunk(text=text),
            )
            for number, text in enumerate(texts)
        )
        self._n = 0
        self._views = ViewContext(
            lambda: self._live.transcript.generating, lambda: self.send_state("status")
        )
        self._outbox = Outbox(self._tell, lambda: (self._live, self._n + 1))
        self.on_msg(self._hear)

    def happen(self, events: Sequence[LiveEvent]) -> None:
        """Take events as committed ones (on the turn loop)."""
        rows = []
        for event in events:
            self._n += 1
            self._live = fold_live(self._live, event)
            rows.append(EventRow(self._n, 0, 0, event))
        self._views.run(self._outbox.events, rows)

    def _tell(self, message: WireModel) -> None:
        self._views.run(self.send, message.to_wire())

    def _hear(self, _widget: object, content: Any, _buffers: object) -> None:
        self._views.heard()
        if content["type"] == "ack":
            turn_loop().post(self._outbox.painted, content["upto"])
        elif content["type"] in ("ready", "resync"):
            turn_loop().post(self._outbox.snapshot)
        elif content["type"] == "fetch":
            self._tell(FileMessage(name=content["name"], text=read_typesetter()))


shown: list[Replay] = []


def show(history: int) -> Replay:
    """Return the widget with its earlier messages."""
    shown[:] = [Replay([HISTORY_TEXT.format(number) for number in range(history)])]
    return shown[0]


def warm() -> Replay:
    """Return a chat with a formula: its page has the typesetter from then on."""
    return Replay(["How large?", "$\\pi r^2$"])


async def stream(tokens: Sequence[str], rate: float) -> tuple[float, float]:
    """Hand the tokens over as text deltas, on the turn loop as a conversation does."""
    replay = shown[0]

    async def run() -> tuple[float, float]:
        started = time.time()
        replay.happen([UserMessageEvent(conversation_id="replay", turn_id="t", text="go")])
        replay.happen([TurnStartEvent(conversation_id="replay", turn_id="t")])
        if rate == 0:
            for first in range(0, len(tokens), 100):
                batch = tokens[first : first + 100]
                replay.happen([_delta(token) for token in batch])
                await asyncio.sleep(0)
        else:
            async for token in due(tokens, rate):
                replay.happen([_delta(token)])
        ended = time.time()
        replay.happen([DoneEvent(conversation_id="replay", turn_id="t", reason="stop")])
        return started, ended

    return await asyncio.wrap_future(turn_loop().submit(run()))


def _delta(token: str) -> TextDeltaEvent:
    return TextDeltaEvent(conversation_id="replay", turn_id="t", delta=token)
