"""What is shown of one conversation: its traits, its stream of events, and who hears the views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets
from pydantic import MISSING

from ..compose import change_settings, context_window_of, settings_of
from ..conversation.local import LocalConversation
from ..engine.usage import add_usage
from ..errors import WireError
from ..framed import FrameSource, Part
from ..loop import turn_loop
from ..store.rows import EventRow
from ..wire.base import WireModel
from ..wire.conversation import Usage
from ..wire.events import TurnSealedEvent, UsageEvent
from ..wire.extensions import ChunksCommittedEvent
from ..wire.parse import parse_kernel_message
from ..wire.view import AnswerSettings, ConfigureMessage, Meter, ResyncMessage
from .acts import Acts
from .assets import load_bundle
from .model_lists import ModelLists
from .outbox import Outbox
from .saved import saved_snapshot
from .updates import Updates
from .view_context import ViewContext

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LiveWidget"]

# As text: anywidget holds on to every widget whose module is a file that it could watch.
_module, _styles = (file.read_text(encoding="utf-8") for file in load_bundle())

# What is sent again after a wait: small, unlike the module that every widget carries.
_STATE = (
    *("conversation_id", "status", "title", "model", "settings", "notice"),
    *("queue", "last_seq", "totals", "meter", "stops", "saved"),
)
_ANSWER_SETTINGS = tuple(AnswerSettings.model_fields)


class LiveWidget(FrameSource, anywidget.AnyWidget):
    """The widget of one conversation; it decides nothing.

    Parameters
    ----------
    conversation
        What is shown, and what the people at the views act on.
    """

    _esm = _module
    _css = _styles

    conversation_id = traitlets.Unicode(read_only=True).tag(sync=True)
    status = traitlets.Unicode("idle", read_only=True).tag(sync=True)
    title = traitlets.Unicode("", read_only=True).tag(sync=True)
    model = traitlets.Unicode("", read_only=True).tag(sync=True)
    notice = traitlets.Unicode("", read_only=True).tag(sync=True)
    settings = traitlets.Dict(read_only=True).tag(sync=True)
    queue: traitlets.List[Any] = traitlets.List(read_only=True).tag(sync=True)
    last_seq = traitlets.Int(0, read_only=True).tag(sync=True)
    totals = traitlets.Dict(read_only=True).tag(sync=True)
    meter = traitlets.Dict(read_only=True).tag(sync=True)
    stops: traitlets.List[Any] = traitlets.List(read_only=True).tag(sync=True)
    saved = traitlets.Dict(None, allow_none=True, read_only=True).tag(sync=True)
    usage = traitlets.Any(read_only=True)
    _used: Usage
    _meter: Meter

    def __init__(self, conversation: LocalConversation) -> None:
        self._conversation = conversation
        super().__init__()
        self._views = ViewContext(
            lambda: self._conversation.status != "idle", lambda: self.send_state("status")
        )
        self._outbox = Outbox(self._tell_views, self._conversation.position)
        self._updates = Updates()
        lists = ModelLists(self._conversation, self._tell_views)
        self._acts = Acts(self._conversation, self._tell_views, self._choose, lists.ask)
        self.set_trait("conversation_id", self._conversation.id)
        self._count()
        self.on_status()
        self._save()
        self._unsubscribe = self._conversation.subscribe(self)
        self.on_msg(self._on_message)

    def _frame_parts(self) -> Sequence[Part]:
        conversation = self._conversation
        return [Part(conversation.store, conversation.id, live=conversation.live)]

    def close(self) -> None:
        """Take the widget away; a running turn goes on and is stored.

        What is queued is kept for the person, and not sent.
        """
        # A chat that could not be opened is closed too, when it is collected.
        unsubscribe = self.__dict__.get("_unsubscribe")
        if unsubscribe is not None:
            unsubscribe()
            self._updates.clear()
            self._conversation.queue.keep()
        super().close()

    def on_events(self, rows: Sequence[EventRow]) -> None:
        """Take committed events (called by the conversation)."""
        self._views.run(self._take_events, rows)

    def _take_events(self, rows: Sequence[EventRow]) -> None:
        self._outbox.events(rows)
        committed = [row.event for row in rows if isinstance(row.event, ChunksCommittedEvent)]
        if committed:
            self.set_trait("last_seq", committed[-1].first_seq + committed[-1].count - 1)
        reported = [row.event.usage for row in rows if isinstance(row.event, UsageEvent)]
        for usage in reported:
            self._used = add_usage(self._used, usage)
        if reported:
            self.set_trait("totals", self._used.to_wire())
        if committed and self._usage_is_looked_at():
            self.set_trait("usage", self.frame("usage"))
        if any(isinstance(row.event, TurnSealedEvent) for row in rows):
            self._tell_ends()
            self._save()
        self._updates.tell()

    def on_reset(self) -> None:
        """Show the conversation afresh (called by the conversation)."""
        self._count()
        self._outbox.snapshot()

    def on_status(self) -> None:
        """Look again at the conversation's state (called by the conversation)."""
        self._views.run(self._take_status)

    def _take_status(self) -> None:
        self.set_trait("title", self._conversation.title)
        self.set_trait("model", self._conversation.model)
        self.set_trait("settings", self._answer_settings().to_wire())
        self.set_trait("notice", self._conversation.notice)
        self.set_trait("queue", [each.to_wire() for each in self._conversation.queue.texts])
        self._tell_meter()
        self.set_trait("status", self._conversation.status)

    def _choose(self, message: ConfigureMessage) -> None:
        # A provider object has no name that could be typed: it stays.
        named = {} if message.model == self._conversation.model else {"model": message.model}
        chosen = message.settings
        given = {name: getattr(chosen, name) for name in _ANSWER_SETTINGS}
        change_settings(self._conversation, **named, **given)
        self.on_status()

    def _answer_settings(self) -> AnswerSettings:
        settings = settings_of(self._conversation)
        return AnswerSettings(**{name: getattr(settings, name) for name in _ANSWER_SETTINGS})

    @traitlets.default("usage")
    def _default_usage(self) -> pd.DataFrame:
        return self.frame("usage")

    def _count(self) -> None:
        self._used = Usage(input_tokens=0, output_tokens=0)
        for turn in self._conversation.metrics():
            self._used = add_usage(self._used, turn.usage)
        self.set_trait("last_seq", self._conversation.history(limit=1).latest_seq)
        self.set_trait("totals", self._used.to_wire())
        self._tell_ends()

    def _tell_ends(self) -> None:
        self._meter = self._conversation.meter()
        self._tell_meter()
        self.set_trait("stops", self._conversation.stops())

    def _tell_meter(self) -> None:
        # The window is that of the next answer: a fuller context may have to fit a smaller one.
        meter = self._meter
        if meter.context_size is not MISSING:
            window = context_window_of(self._conversation)
            known = MISSING if window is None else window
            meter = meter.model_copy(update={"context_window": known})
        self.set_trait("meter", meter.to_wire())

    def _usage_is_looked_at(self) -> bool:
        # A frame costs a read; nobody has asked for one until the trait has a value.
        return "usage" in self._trait_values or bool(self._trait_notifiers.get("usage"))

    def _on_message(self, _widget: object, content: Any, _buffers: object) -> None:
        self._views.heard()
        try:
            message = parse_kernel_message(content)
        except WireError as error:
            raise WireError(
                f"The front end sent something this version cannot read: {error}"
            ) from error
        self._acts.take(message, self._outbox)
        if isinstance(message, ResyncMessage):
            # What was lost may have been a trait.
            self._views.run(self.send_state, [name for name in _STATE if name != "saved"])

    def _tell_views(self, message: WireModel) -> None:
        self._views.run(super().send, message.to_wire())

    def _save(self) -> None:
        self.set_trait("saved", saved_snapshot(self._conversation).to_wire())

    def _resend_state(self) -> None:
        """Send the state again from the cell that waited.

        A notebook that is run without a browser keeps only what it is told while a cell
        runs, by that cell.
        """
        turn_loop().call(lambda: None)
        self.send_state(key=list(_STATE))
