"""What a view is told, and when: numbered, joined, paced; a snapshot on demand.

Everything here runs on the turn loop's thread. The first event goes out at once; what
follows waits for the end of a short interval, or for the view to have painted what it
has, and is joined meanwhile. So neither a fast model nor a slow page can flood anything:
above its rate limit a notebook server drops messages without a word. A view that cannot be
heard, because a cell keeps the kernel busy, is told what is new now and then all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from pydantic import MISSING

from ..store.rows import EventRow
from ..transcript.coalesce import join_deltas
from ..transcript.live import LiveState, to_snapshot
from ..wire.base import WireModel
from ..wire.extensions import ChunkDetailEvent, LiveEvent, RequestToldEvent
from ..wire.view import EventsMessage

__all__ = ["Outbox"]

INTERVAL_S = 1 / 30
# Messages a view may have unpainted before the outbox holds back; it tells of several at once.
WINDOW = 16
# How long a full window holds back: what views paint may not be heard before a cell ends.
PATIENCE_S = 0.5
# How often the views are asked, each time after twice the wait, whether they have the last
# message: a notebook server may drop it, and then no later one tells them of a gap.
QUESTIONS = 4
# Committed chunks that a snapshot carries; older ones are asked for when they are scrolled to.
SNAPSHOT_CHUNKS = 128
_UNTOLD = dict.fromkeys(
    ("response_id", "response_model", "usage", "reasoning_tokens", "raw_usage"), MISSING
)


class Outbox:
    """The stream of one conversation's events to its views.

    Parameters
    ----------
    send
        Hands one message to the views.
    position
        Returns the transcript and the number of the next event, as one moment.
    """

    def __init__(
        self,
        send: Callable[[WireModel], None],
        position: Callable[[], tuple[LiveState, int]],
    ) -> None:
        self._send = send
        self._position = position
        self._pending: list[EventRow] = []
        self._unpainted: list[int] = []
        self._timer: asyncio.TimerHandle | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._question: asyncio.TimerHandle | None = None
        self._watched = False

    def snapshot(self) -> None:
        """Tell the views all they need to show now; events follow from there on."""
        live, upcoming = self._position()
        self._watched = True
        self._pending.clear()
        self._unpainted = [upcoming - 1]
        self._send(to_snapshot(live, next=upcoming, window=SNAPSHOT_CHUNKS))
        self._ask_later(upcoming - 1)

    def events(self, rows: Sequence[EventRow]) -> None:
        """Take committed events; nothing is kept while nobody looks."""
        if not self._watched:
            return
        self._pending.extend(rows)
        if self._timer is not None and any(row.event.type == "done" for row in rows):
            # The last word of an answer waits for nothing that could be joined to it.
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._flush()

    def painted(self, upto: int) -> None:
        """Note that a view has painted every event up to number `upto`."""
        self._unpainted = [n for n in self._unpainted if n > upto]
        if not self._unpainted and self._question is not None:
            self._question.cancel()
        if self._pending and self._timer is None:
            self._flush()

    def _flush(self) -> None:
        self._timer = None
        if not self._pending:
            return
        if len(self._unpainted) < WINDOW:
            self._tell()
        elif self._patience is None:
            self._patience = asyncio.get_running_loop().call_later(PATIENCE_S, self._tell)

    def _tell(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        rows, self._pending = self._pending, []
        if not rows:
            return
        self._send(
            EventsMessage(
                from_=rows[0].n,
                upto=rows[-1].n,
                events=join_deltas([_for_views(row.event) for row in rows]),
            )
        )
        self._unpainted.append(rows[-1].n)
        self._ask_later(rows[-1].n)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL_S, self._flush)

    def _ask_later(self, last: int, wait: float = PATIENCE_S, left: int = QUESTIONS) -> None:
        if self._question is not None:
            self._question.cancel()
        if left > 0:
            self._question = asyncio.get_running_loop().call_later(
                wait, self._ask, last, 2 * wait, left - 1
            )

    def _ask(self, last: int, wait: float, left: int) -> None:
        """Say where the log stands, with no events: a view that lacks some asks for them."""
        if self._pending:
            return  # what goes out next will tell
        self._send(EventsMessage(from_=last + 1, upto=last, events=[]))
        self._ask_later(last, wait, left)


def _for_views(event: LiveEvent) -> LiveEvent:
    """Return an event without what only its provider can read."""
    if isinstance(event, ChunkDetailEvent):
        return event.model_copy(update={"data": MISSING})
    if isinstance(event, RequestToldEvent):
        return event.model_copy(update=_UNTOLD)
    return event
