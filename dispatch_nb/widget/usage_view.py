"""`UsageView`: live figures of a chat or a store, and the way from a bar to its transcript."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, cast

import anywidget
import ipywidgets
import traitlets
from pydantic import MISSING

from ..errors import DispatchError, SettingError
from ..framed import FrameSource
from ..wire import usage_view as w
from ..wire.base import WireModel
from ..wire.parse import parse_usage_kernel_message
from ..wire.view import ReplyMessage
from .assets import load_usage
from .chat import Chat
from .usage_text import as_html, as_text
from .usage_watch import watch
from .view_context import ViewContext

if TYPE_CHECKING:
    from ..metering import Figures
    from ..store import Store
    from ..transcript.live import LiveState

__all__ = ["UsageView"]

# Messages that a page may have unpainted before it is told more seldom.
WINDOW = 3
SELDOM_S = 2.0
SAVE_S = 2.0


class UsageView(anywidget.AnyWidget):
    """What a chat or a store has used, live: cost, tokens, waits and failures.

    Bars tell steps, days, models or conversations apart; a bar of a step leads to its place
    in the transcript.

    Parameters
    ----------
    source
        A `Chat` or a `Store`.

    Raises
    ------
    SettingError
        If it is neither.
    StoreError
        If the store cannot be read.
    """

    _esm, _css = load_usage()

    of = traitlets.Unicode(read_only=True).tag(sync=True)
    conversation_id = traitlets.Unicode("", read_only=True).tag(sync=True)
    opened = traitlets.Instance(Chat, allow_none=True, read_only=True).tag(
        sync=True, **ipywidgets.widget_serialization
    )
    latest = traitlets.Int(0, read_only=True).tag(sync=True)
    saved = traitlets.Dict(None, allow_none=True, read_only=True).tag(sync=True)

    _is_watched = False

    def __init__(self, source: FrameSource) -> None:
        # Loads pandas, which nobody pays who wants no figures.
        from ..metering import UsageMeter

        chat, store = _parts(source)
        self._chat = chat
        self._store = store
        self._chats: dict[str, Chat] = {} if chat is None else {chat.conversation_id: chat}
        self._meter = UsageMeter(store, None if chat is None else chat.conversation_id)
        self._lock = threading.RLock()
        self._changed = threading.Event()
        self._seen_version: int | None = None
        self._painted = 0
        self._told_at = self._saved_at = 0.0
        self._views = ViewContext(self._is_running, lambda: self.send_state("latest"))
        self.set_trait("of", "store" if chat is None else "chat")
        self.set_trait("conversation_id", "" if chat is None else chat.conversation_id)
        self._told = self._meter.figures(_first_look(chat is not None), self._live(None))
        if chat is None and self._told.head.totals.priced:
            look = self._told.look.model_copy(update={"measure": "cost"})
            self._told = self._meter.figures(look)
        self._save()
        # Last: what a page is told of a new widget is what it has at this moment.
        super().__init__()
        self._stop_hearing = None if chat is None else chat.on_update(self._hear)
        self.on_msg(self._on_message)

    def __repr__(self) -> str:
        """Return the figures in a line."""
        return f"<UsageView {as_text(self._told.head)}>"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Show the widget; where there is none, the figures as they are now."""
        with self._lock:
            told = self._told = self._figures(self._told.look)
            self._save()
        shown = super()._repr_mimebundle_(**options)
        if shown is None:
            return None
        data, metadata = shown
        data["text/html"] = as_html(told.head, told.bars, told.look)
        data["text/plain"] = repr(self)
        return data, metadata

    def close(self) -> None:
        """Take the widget away; nothing is watched any more."""
        # One that could not be made is closed too, when it is collected.
        stop_hearing = self.__dict__.get("_stop_hearing")
        if stop_hearing is not None:
            stop_hearing()
        self._is_watched = False
        super().close()

    def _hear(self, _chat: object) -> None:
        self._changed.set()

    def _is_running(self) -> bool:
        return any(chat.status != "idle" for chat in self._chats.values())

    def _live(self, conversation_id: str | None) -> LiveState | None:
        id = self.conversation_id or conversation_id
        chat = self._chats.get(id or "")
        return None if chat is None else chat.state

    def _figures(self, look: w.UsageLook) -> Figures:
        return self._meter.figures(look, self._live(look.conversation_id))

    def _on_message(self, _widget: object, content: Any, _buffers: object) -> None:
        self._views.heard()
        match message := parse_usage_kernel_message(content):
            case w.LookMessage():
                self._attempt(message.request_id, lambda: self._look(message))
            case w.PaintedMessage():
                self._painted = max(self._painted, message.n)
            case w.OpenTranscriptMessage():
                self._attempt(message.request_id, lambda: self._open(message))
            case w.CloseTranscriptMessage():
                self._views.run(self.set_trait, "opened", None)

    def _look(self, message: w.LookMessage) -> None:
        with self._lock:
            self._told = self._figures(message.look)
            n = self._next()
            # A view that asks has nothing left to paint.
            self._painted = n - 1
            self._tell(
                w.FiguresMessage(
                    n=n,
                    request_id=message.request_id,
                    look=self._told.look,
                    head=self._told.head,
                    bars=self._told.bars,
                )
            )
            self._save()
            if not self._is_watched:
                self._is_watched = True
                watch(self, self._changed)

    def refresh(self) -> None:
        """Tell the views what is new, if anything is (called by the watch, on its thread)."""
        if not self._is_watched:
            return
        is_slow = self.latest - self._painted >= WINDOW
        if is_slow and time.monotonic() < self._told_at + SELDOM_S:
            return
        with self._lock:
            if not self._has_changed():
                return
            before, self._told = self._told, self._figures(self._told.look)
            update = _update(before, self._told)
            if update is not None:
                self._tell(update.model_copy(update={"n": self._next()}))
            if not self._told.head.running or time.monotonic() > self._saved_at + SAVE_S:
                self._save()

    @property
    def is_watched(self) -> bool:
        """Whether a view has looked, and the widget is not closed."""
        return self._is_watched

    def _has_changed(self) -> bool:
        if self._chat is not None:
            is_changed = self._changed.is_set()
            self._changed.clear()
            return is_changed
        version = self._store.version()
        is_changed, self._seen_version = version != self._seen_version, version
        return is_changed

    def _open(self, message: w.OpenTranscriptMessage) -> None:
        id = message.conversation_id
        # Through the store first: a chat would begin what is not there.
        row = self._store.conversation(id)
        if message.in_place:
            if id not in self._chats:
                self._chats[id] = Chat(store=self._store, conversation=id)
            self._views.run(self.set_trait, "opened", self._chats[id])
        place: tuple[int, int] | None = None
        if message.seq is not MISSING:
            place = (message.seq, message.seq)
        elif message.step_id is not MISSING:
            # What still runs is at the end.
            place = self._meter.place(id, message.step_id) or (row.last_seq + 1, row.last_seq + 1)
        if place is None:
            self._reply(message.request_id, None)
            return
        first, last = place
        self._tell(
            w.PlaceMessage(
                request_id=message.request_id, conversation_id=id, first_seq=first, last_seq=last
            )
        )

    def _attempt(self, request_id: str, act: Callable[[], None]) -> None:
        try:
            act()
        except DispatchError as error:
            self._reply(request_id, str(error))

    def _reply(self, request_id: str, refusal: str | None) -> None:
        self._tell(
            ReplyMessage(
                request_id=request_id,
                accepted=refusal is None,
                reason=MISSING if refusal is None else refusal,
            )
        )

    def _next(self) -> int:
        n = self.latest + 1
        self._told_at = time.monotonic()
        self._views.run(self.set_trait, "latest", n)
        return n

    def _save(self) -> None:
        told = self._told
        saved = w.SavedFigures(look=told.look, head=told.head, bars=told.bars).to_wire()
        self._saved_at = time.monotonic()
        if saved != self.saved:
            self._views.run(self.set_trait, "saved", saved)

    def _tell(self, message: WireModel) -> None:
        self._views.run(self.send, message.to_wire())


def _parts(source: FrameSource) -> tuple[Chat | None, Store]:
    parts = source._frame_parts() if isinstance(source, FrameSource) else ()
    chat = source if isinstance(source, Chat) else None
    if len(parts) != 1 or parts[0].conversation_id not in (None, chat and chat.conversation_id):
        raise SettingError(f"UsageView shows a Chat or a Store, not {source!r}.")
    return chat, cast("Store", parts[0].store)


def _first_look(is_chat: bool) -> w.UsageLook:
    by: Literal["step", "time"] = "step" if is_chat else "time"
    return w.UsageLook(
        by=by,
        measure="tokens",
        conversation_id=None,
        before=None,
        models=[],
        statuses=[],
        since_ms=None,
        until_ms=None,
        words="",
    )


def _update(before: Figures, now: Figures) -> w.UsageUpdateMessage | None:
    """Return what changed; its number is still to be given."""
    if before.head == now.head and before.bars == now.bars:
        return None
    known = {bar.key: bar for bar in before.bars}
    order = [bar.key for bar in now.bars]
    return w.UsageUpdateMessage(
        n=0,
        head=now.head,
        bars=[bar for bar in now.bars if known.get(bar.key) != bar],
        order=MISSING if order == list(known) else order,
    )
