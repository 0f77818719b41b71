"""`StoreView`: the conversations of a store in a cell, to look for one and to open it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anywidget
import ipywidgets
import traitlets
from pydantic import MISSING

from ..errors import DispatchError
from ..store.rows import ListedRow
from ..wire import library as w
from ..wire.base import WireModel
from ..wire.parse import parse_library_kernel_message
from ..wire.view import ReplyMessage
from .assets import load_library
from .chat import Chat

if TYPE_CHECKING:
    from ..store import Store

__all__ = ["StoreView"]

MOST_ROWS = 200


class StoreView(anywidget.AnyWidget):
    """The conversations of one store.

    Parameters
    ----------
    store
        What is listed; a conversation is opened with the model it was held with.
    """

    _esm, _css = load_library()

    location = traitlets.Unicode(read_only=True).tag(sync=True)
    opened = traitlets.Instance(Chat, allow_none=True, read_only=True).tag(
        sync=True, **ipywidgets.widget_serialization
    )
    revision = traitlets.Int(0, read_only=True).tag(sync=True)

    def __init__(self, store: Store) -> None:
        # Before the page is told of the widget: its view reads the place once.
        self.set_trait("location", store.location)
        super().__init__()
        self._store = store
        self._chats: dict[str, Chat] = {}
        self.on_msg(self._on_message)

    def __repr__(self) -> str:
        """Return a line that names the store and counts its conversations."""
        return f"<StoreView {self.location}, {len(self._store.conversation_ids())} conversations>"

    def _on_message(self, _widget: object, content: Any, _buffers: object) -> None:
        match message := parse_library_kernel_message(content):
            case w.ListConversationsMessage():
                self._list(message)
            case w.OpenConversationMessage():
                self._open(message)
            case w.CloseConversationMessage():
                self.set_trait("opened", None)
                self._changed()

    def _list(self, message: w.ListConversationsMessage) -> None:
        limit = max(0, min(message.limit, MOST_ROWS))
        offset = max(0, message.offset)
        total, rows = self._store.list_page(message.query, offset=offset, limit=limit)
        listed = [_listed(row) for row in rows]
        self._tell(w.ListingMessage(request_id=message.request_id, total=total, rows=listed))

    def _open(self, message: w.OpenConversationMessage) -> None:
        refusal = None
        try:
            # Through the store first: a chat would begin what is not there.
            self._store.conversation(message.conversation_id)
            chat = self._chats.get(message.conversation_id)
            if chat is None:
                chat = Chat(store=self._store, conversation=message.conversation_id)
                chat.observe(self._changed, names=["status", "title"])
                self._chats[message.conversation_id] = chat
            self.set_trait("opened", chat)
        except DispatchError as error:
            refusal = str(error)
        self._tell(
            ReplyMessage(
                request_id=message.request_id,
                accepted=refusal is None,
                reason=MISSING if refusal is None else refusal,
            )
        )

    def _changed(self, _change: object = None) -> None:
        self.set_trait("revision", self.revision + 1)

    def _tell(self, message: WireModel) -> None:
        self.send(message.to_wire())


def _listed(row: ListedRow) -> w.ListedConversation:
    return w.ListedConversation(
        id=row.conversation_id,
        title=row.title or "Untitled",
        model=row.model or "",
        updated_ms=row.updated_us // 1000,
        turns=row.turn_count,
        tokens=row.tokens,
        cost_usd=row.cost_usd,
        is_cost_partial=row.unpriced > 0,
    )
