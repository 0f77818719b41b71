"""`Chat`: a conversation as a notebook widget, and its handle in Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from ..compose import change_settings, open_conversation, turn_request
from ..conversation.turn import Turn
from ..engine.contracts import DispatchPolicy, Provider, RetryStrategy, Tool
from ..keys import as_key, hidden_headers
from ..store.rows import EventRow
from ..transcript.live import LiveState
from ..wire.conversation import ConversationHistoryResponse, ReasoningEffort
from ..wire.view import QueuedText
from .live_widget import LiveWidget

if TYPE_CHECKING:
    from ..store import Store

__all__ = ["Chat"]


class Chat(LiveWidget):
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
        opened = open_conversation(
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
        super().__init__(opened)

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

    def _watched(self, turn: Turn) -> Turn:
        turn._after_wait = self._resend_state
        return turn
