"""`Chat`: a conversation as a notebook widget, and its handle in Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets
from pydantic import SecretStr

from ..compose import change_settings, open_conversation, settings_of, turn_request
from ..conversation.turn import Turn
from ..engine.contracts import DispatchPolicy, Provider, RetryStrategy, Tool
from ..engine.usage import add_usage
from ..errors import WireError
from ..framed import FrameSource, Part
from ..keys import as_key, hidden_headers
from ..loop import turn_loop
from ..store.rows import EventRow
from ..transcript.live import LiveState
from ..wire.base import WireModel
from ..wire.conversation import ConversationHistoryResponse, ReasoningEffort, Usage
from ..wire.events import TurnSealedEvent, UsageEvent
from ..wire.extensions import ChunksCommittedEvent
from ..wire.parse import parse_kernel_message
from ..wire.view import AnswerSettings, ConfigureMessage, QueuedText, ResyncMessage
from .acts import Acts
from .assets import load_bundle
from .outbox import Outbox
from .saved import saved_snapshot
from .updates import Updates
from .view_context import ViewContext

if TYPE_CHECKING:
    import pandas as pd

    from ..store import Store

__all__ = ["Chat"]

# As text: anywidget holds on to every widget whose module is a file that it could watch.
_module, _styles = (file.read_text(encoding="utf-8") for file in load_bundle())

# What is sent again after a wait: small, unlike the module that every widget carries.
_STATE = (
    *("conversation_id", "status", "title", "model", "settings", "notice"),
    *("queue", "last_seq", "totals", "meter", "stops", "saved"),
)


_ANSWER_SETTINGS = tuple(AnswerSettings.model_fields)


class Chat(FrameSource, anywidget.AnyWidget):
    """A conversation: show it in a cell, talk to it, read it as DataFrames.

    Parameters
    ----------
    model
        ``"openai:MODEL"`` (with `base_url` for any server that speaks the protocol),
        ``"ollama:MODEL"`` or another provider by its name, ``"scripted:demo"`` (no model at
        all) or a provider object; None takes the conversation's own, or the scripted one,
        which works offline at once.
    tools
        Python functions, with type hints, that the model may call.
    system
        The system prompt.
    store
        Where the conversation is kept: a file path, ``":memory:"``, a database URL or a
        store; None is this user's default store.
    conversation
        The id of a conversation to open, or to begin under that id; None begins one.
    base_url, api_key
        For the provider; a key that is not given comes from the environment or the keyring,
        and none is ever written anywhere.
    temperature, top_p, max_tokens, seed, reasoning_effort, cache, extra_body, extra_headers
        What every request asks for; see `dispatch_nb.settings.RequestOptions`. `send` takes
        them for one turn.
    max_steps, dispatch, retry
        How turns run; see `dispatch_nb.settings.Settings`. What is not given stays as it is in
        a conversation that is open already.

    Attributes
    ----------
    status, title, model, last_seq, usage
        Read-only traits to observe or link: ``"idle"``, ``"running"`` or ``"stopping"``;
        the title; the model's name; the newest stored `seq`; the usage DataFrame.
        Observers are called on the thread that runs the turns.

    Raises
    ------
    ModelError, ToolError, SettingError, StoreError
        At once, before anything is stored.
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

    def __init__(
        self,
        model: str | Provider | None = None,
        *,
        tools: Sequence[Tool | Callable[..., Any]] | None = None,
        system: str | None = None,
        store: Store | str | os.PathLike[str] | None = None,
        conversation: str | None = None,
        base_url: str | SecretStr | None = None,
        api_key: str | SecretStr | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        max_tokens: int | None = None,
        seed: int | None = None,
        reasoning_effort: ReasoningEffort | None = None,
        cache: bool | None = None,
        extra_body: Mapping[str, Any] | None = None,
        extra_headers: Mapping[str, str] | None = None,
        max_steps: int | None = None,
        dispatch: DispatchPolicy | None = None,
        retry: RetryStrategy | None = None,
    ) -> None:
        # First of all: no traceback shall have a key in the open.
        api_key, base_url = as_key(api_key), as_key(base_url)
        extra_headers = hidden_headers(extra_headers)
        self._conversation = open_conversation(
            model,
            tools=tools,
            system=system,
            store=store,
            conversation_id=conversation,
            base_url=base_url,
            api_key=api_key,
            temperature=temperature,
            top_p=top_p,
            max_tokens=max_tokens,
            seed=seed,
            reasoning_effort=reasoning_effort,
            cache=cache,
            extra_body=extra_body,
            extra_headers=extra_headers,
            max_steps=max_steps,
            dispatch=dispatch,
            retry=retry,
        )
        super().__init__()
        self._views = ViewContext(
            lambda: self._conversation.status != "idle", lambda: self.send_state("status")
        )
        self._outbox = Outbox(
            self._tell_views, self._conversation.position, unheard=self._views.unheard
        )
        self._updates = Updates()
        self._acts = Acts(self._conversation, self._tell_views, self._choose)
        self.set_trait("conversation_id", self._conversation.id)
        self._count()
        self.on_status()
        self._save()
        self._unsubscribe = self._conversation.subscribe(self)
        self.on_msg(self._on_message)

    def __repr__(self) -> str:
        """Return a line that says which conversation this is and how it stands."""
        return f"<Chat {self.title!r} model={self.model} {self.status}, {self.last_seq} chunks>"

    def send(
        self,
        text: str,
        *,
        images: Any = (),
        output: Any = None,
        temperature: float | None = None,
        top_p: float | None = None,
        max_tokens: int | None = None,
        seed: int | None = None,
        reasoning_effort: ReasoningEffort | None = None,
        cache: bool | None = None,
        extra_body: Mapping[str, Any] | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> Turn:
        """Start a turn and return its handle at once.

        ``await`` the handle or call its ``result()`` to wait for the end; the turn runs
        and shows itself either way.

        Parameters
        ----------
        images
            Paths, bytes, PIL images, matplotlib figures, data: URLs or https:// URLs.
        output
            A pydantic model class, or a JSON schema as a dict: the model is asked for an
            answer of this form, and `turn.parsed` gives it.
        temperature, top_p, max_tokens, seed, reasoning_effort, cache, extra_body, extra_headers
            For this turn alone; None is what the conversation has.

        Raises
        ------
        MessageError, ImageError, SettingError, ModelError, TurnActiveError
            The message was not taken; the sentence says why.
        """
        extra_headers = hidden_headers(extra_headers)  # first of all, as in `__init__`
        request = turn_request(
            images,
            output,
            temperature=temperature,
            top_p=top_p,
            max_tokens=max_tokens,
            seed=seed,
            reasoning_effort=reasoning_effort,
            cache=cache,
            extra_body=extra_body,
            extra_headers=extra_headers,
        )
        return self._watched(self._conversation.send(text, request))

    def configure(self, **choices: Any) -> None:
        """Choose anew what the next turns are run with; the running one goes on as it is.

        Parameters
        ----------
        **choices
            What `Chat` takes, except `store` and `conversation`. What is not given stays;
            None goes back to the default. An address and a key stay with their provider: a
            model of another one looks for its own.

        Raises
        ------
        ModelError, ToolError, SettingError, StoreError
            Then nothing has changed.
        """
        change_settings(self._conversation, **choices)
        self.on_status()

    def rename(self, title: str) -> None:
        """Call the conversation something else; a blank title gives it none.

        Raises
        ------
        StoreError
            If it could not be stored.
        """
        self._conversation.rename(title)

    @property
    def queued(self) -> list[QueuedText]:
        """What was typed while a turn ran and no model has got yet.

        It waits for the running turn's next tool-result border or its end; after a stop or
        a failure it is `kept` for the person, and nothing sends it but `send_queued`.
        """
        return self._conversation.queue.texts

    def edit_queued(self, id: str, text: str) -> bool:
        """Change a queued text; False if it is not waiting any more.

        Raises
        ------
        MessageError
            If `text` is not text, or blank.
        TurnActiveError
            If it waits for a turn that runs in another process.
        """
        return self._conversation.queue.edit(id, text)

    def cancel_queued(self, id: str) -> bool:
        """Take a queued text away; False if it is not waiting any more.

        Raises
        ------
        TurnActiveError
            If it waits for a turn that runs in another process.
        """
        return self._conversation.queue.cancel(id)

    def send_queued(self) -> Turn:
        """Start a turn with all that was kept, joined by blank lines.

        Raises
        ------
        MessageError, ModelError, TurnActiveError, StoreError
            The texts stay kept; the sentence says why.
        """
        return self._watched(self._conversation.send_queued())

    def stop(self) -> bool:
        """End the running turn, keeping what it said; False if none runs."""
        return self._conversation.stop()

    def history(
        self, since_seq: int = 0, before_seq: int | None = None, limit: int | None = None
    ) -> ConversationHistoryResponse:
        """Return committed chunks with ``since_seq < seq < before_seq``, newest `limit`.

        Right at every moment, also while a turn runs.
        """
        return self._conversation.history(since_seq, before_seq, limit)

    def events(self, turn: Turn | str | None = None) -> list[EventRow]:
        """Return every event with its number and arrival times, exactly as it was shown.

        Parameters
        ----------
        turn
            A turn, or its id; None gives the events of all turns.
        """
        return self._conversation.events(turn)

    @property
    def state(self) -> LiveState:
        """The transcript as it stands, the value that the views show; immutable."""
        return self._conversation.live

    def on_update(self, function: Callable[[Chat], object]) -> Callable[[], None]:
        """Call ``function(chat)`` whenever the frames have changed, also while a turn runs.

        It runs on a thread of its own and delays no turn. What changes during a call makes
        one call more, so a slow function is called less often, and always after the last
        change. One that raises is logged, and called no more.

        Returns
        -------
        callable
            Ends it.
        """
        return self._updates.add(lambda: function(self))

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
        self.set_trait("status", self._conversation.status)

    def _choose(self, message: ConfigureMessage) -> None:
        # A provider object has no name that could be typed: it stays.
        named = {} if message.model == self._conversation.model else {"model": message.model}
        chosen = message.settings
        self.configure(**named, **{name: getattr(chosen, name) for name in _ANSWER_SETTINGS})

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
        self.set_trait("meter", self._conversation.meter().to_wire())
        self.set_trait("stops", self._conversation.stops())

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

    def _watched(self, turn: Turn) -> Turn:
        turn._after_wait = self._resend_state
        return turn

    def _resend_state(self) -> None:
        """Send the state again from the cell that waited.

        A notebook that is run without a browser keeps only what it is told while a cell
        runs, by that cell.
        """
        turn_loop().call(lambda: None)
        self.send_state(key=list(_STATE))
