"""The conversations that are open in this process, and what their turns are run with."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from time import time_ns
from typing import Any
from uuid import uuid4
from weakref import WeakKeyDictionary, WeakValueDictionary

from ..conversation.images import as_images
from ..conversation.local import LocalConversation
from ..conversation.output import output_form
from ..conversation.request import TurnRequest
from ..conversation.turn_settings import ResolvedModel, TurnSettings
from ..engine.contracts import DispatchPolicy, Provider, ProviderOptions, Tool
from ..engine.retry import BackoffRetry
from ..errors import SettingError, ToolError, UnknownConversationError
from ..keys import hidden
from ..loop import turn_loop
from ..settings import RequestOptions, Settings
from ..store import Store
from ..store.rows import ConversationRow
from ..tools.function import function_tool
from .models import context_window, model_source, resolved_model
from .stores import open_store

__all__ = [
    "change_settings",
    "context_window_of",
    "open_conversation",
    "settings_of",
    "turn_request",
]

MAX_STEPS = 50

# One process has one owner for a conversation, however often it is opened: two of them would
# number the same log.
_conversations: WeakValueDictionary[tuple[int, str], LocalConversation] = WeakValueDictionary()
_settings: WeakKeyDictionary[LocalConversation, Settings] = WeakKeyDictionary()
_open_lock = threading.RLock()


def _as_tools(tools: Sequence[Tool | Callable[..., Any]]) -> list[Tool]:
    """Return functions and tools as tools.

    Raises
    ------
    ToolError
        If a function cannot be described, or two tools have one name.
    """
    made: dict[str, Tool] = {}
    for entry in tools:
        tool = entry if isinstance(entry, Tool) else function_tool(entry)
        if tool.name in made:
            raise ToolError(f"Two tools are named {tool.name!r}: give one of them another name.")
        made[tool.name] = tool
    return list(made.values())


def open_conversation(
    model: str | Provider | None = None,
    *,
    store: Store | str | os.PathLike[str] | None = None,
    conversation_id: str | None = None,
    **choices: Any,
) -> LocalConversation:
    """Open a stored conversation, or begin one.

    A conversation that is open in this process already is returned itself; what is not
    chosen here stays as it was there.

    Parameters
    ----------
    model
        See `Settings`; None takes the conversation's own model, or the scripted one.
    conversation_id
        Opened if the store has it, begun if not; None begins a new one.
    **choices
        The other fields of `Settings`.

    Raises
    ------
    ModelError, ToolError, SettingError, StoreError
        Before anything is stored.
    """
    choices = hidden(choices)
    if conversation_id is not None and not (isinstance(conversation_id, str) and conversation_id):
        raise SettingError(
            f"A conversation is named by some text, not by {conversation_id!r}: leave it out to "
            "begin a new one."
        )
    settings = Settings(model=model, **choices)
    opened = open_store(store)
    with _open_lock:
        conversation = _conversations.get((id(opened), conversation_id or ""))
        if conversation is not None:
            settings = settings.over(_settings[conversation])
        row = _stored(opened, conversation_id)
        prepared = _prepare(settings, row)
        if conversation is None:
            conversation_id = _kept(opened, row, conversation_id, prepared)
            conversation = LocalConversation(
                opened,
                conversation_id,
                loop=turn_loop(),
                model=prepared.name,
                resolve_model=prepared.resolve,
                settings=prepared.turn,
            )
            _conversations[id(opened), conversation_id] = conversation
        else:
            _kept(opened, row, conversation.id, prepared)
            conversation.configure(prepared.name, prepared.resolve, prepared.turn)
        _settings[conversation] = settings
        return conversation


def settings_of(conversation: LocalConversation) -> Settings:
    """Return what was chosen for an open conversation."""
    return _settings[conversation]


def context_window_of(conversation: LocalConversation) -> int | None:
    """Return how many tokens fit into the context of the next answer; None if nobody knows."""
    return context_window(conversation.model, settings_of(conversation))


def change_settings(conversation: LocalConversation, **choices: Any) -> None:
    """Choose anew what the next turns of an open conversation are run with.

    Parameters
    ----------
    **choices
        Fields of `Settings`; one that is None goes back to its default, one that is
        absent stays. A None for the model keeps the model.

    Raises
    ------
    ModelError, ToolError, SettingError, StoreError
        Then nothing has changed.
    """
    choices = hidden(choices)
    unknown = choices.keys() - {each.name for each in fields(Settings)}
    if unknown:
        raise SettingError(
            f"{', '.join(sorted(unknown))}: no such setting. A conversation has "
            f"{', '.join(each.name for each in fields(Settings))}."
        )
    with _open_lock:
        kept = replace(
            _settings[conversation], **{name: None for name in choices if name != "model"}
        )
        settings = Settings(**choices).over(kept)
        row = conversation.store.conversation(conversation.id)
        prepared = _prepare(settings, row)
        _kept(conversation.store, row, conversation.id, prepared)
        conversation.configure(prepared.name, prepared.resolve, prepared.turn)
        _settings[conversation] = settings


def turn_request(images: object = (), output: Any = None, **options: Any) -> TurnRequest:
    """Return what one message asks for beside its text.

    Parameters
    ----------
    images
        What `as_images` takes.
    output
        What `output_form` takes; None asks for no form.
    **options
        The fields of `RequestOptions`.

    Raises
    ------
    ImageError, SettingError
        If a value cannot be what its name says.
    """
    return TurnRequest(
        images=as_images(images),
        options=RequestOptions(**hidden(options)).chosen(),
        output=None if output is None else output_form(output),
    )


@dataclass(frozen=True)
class _Prepared:
    """Settings as what turns are run with."""

    name: str
    system: str | None
    resolve: Callable[[], ResolvedModel]
    turn: TurnSettings


def _prepare(settings: Settings, row: ConversationRow | None) -> _Prepared:
    made = _as_tools(settings.tools or ())
    name, resolve = model_source(settings, row)
    system = settings.system
    if system is None and row is not None:
        system = row.system_prompt
    options = ProviderOptions(
        model=name.partition(":")[2] or None, system_prompt=system, **settings.chosen()
    )
    turn = TurnSettings(
        tools=made,
        dispatch=settings.dispatch or DispatchPolicy(),
        retry=settings.retry or BackoffRetry(),
        max_steps=MAX_STEPS if settings.max_steps is None else settings.max_steps,
    )
    return _Prepared(name, system, lambda: resolved_model(name, resolve(), options), turn)


def _kept(
    store: Store, row: ConversationRow | None, conversation_id: str | None, prepared: _Prepared
) -> str:
    """Return the id of the stored conversation, begun if it is not there yet."""
    if row is None:
        made = conversation_id or str(uuid4())
        begun = ConversationRow(
            conversation_id=made,
            created_us=time_ns() // 1000,
            model=prepared.name,
            system_prompt=prepared.system,
        )
        store.create_conversation(begun).result()
        return made
    if (row.model, row.system_prompt) != (prepared.name, prepared.system):
        store.update_conversation(
            row.conversation_id, model=prepared.name, system_prompt=prepared.system
        ).result()
    return row.conversation_id


def _stored(store: Store, conversation_id: str | None) -> ConversationRow | None:
    if conversation_id is None:
        return None
    try:
        return store.conversation(conversation_id)
    except UnknownConversationError:
        return None
