"""The composition root: builds provider, tools, store and conversation from what was typed.

The only room that knows providers, tools, store and loop by name.
"""

from __future__ import annotations

import difflib
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from time import time_ns
from typing import Any
from uuid import uuid4
from weakref import WeakKeyDictionary, WeakValueDictionary

from pydantic import SecretStr

from .conversation.images import as_images
from .conversation.local import LocalConversation
from .conversation.output import output_form
from .conversation.request import TurnRequest
from .conversation.turn_settings import ResolvedModel, TurnSettings
from .costs.step import pricing
from .engine.contracts import DispatchPolicy, Provider, ProviderOptions, Tool
from .engine.retry import BackoffRetry
from .errors import ModelError, SettingError, ToolError, UnknownConversationError
from .keys import as_key, hidden
from .loop import turn_loop
from .providers.anthropic import AnthropicProvider
from .providers.connected import ConnectedProvider
from .providers.endpoints import ENDPOINTS
from .providers.ollama import OllamaProvider
from .providers.openai import OpenAIProvider
from .providers.responses import OpenAIResponsesProvider
from .providers.scripted import ScriptedProvider
from .settings import RequestOptions, Settings
from .store import Store, paths
from .store.rows import ConversationRow
from .tools.function import function_tool

__all__ = [
    "DEFAULT_MODEL",
    "as_tools",
    "change_settings",
    "open_conversation",
    "open_store",
    "resolve_provider",
    "settings_of",
    "turn_request",
]

DEFAULT_MODEL = "scripted:demo"
# What stands in the store for a provider that was given as an object.
CUSTOM = ":custom"
MAX_STEPS = 50
SCRIPTED = "scripted"
# The class that speaks each API.
_PROVIDERS: dict[str, Callable[..., Provider]] = {
    "chat": OpenAIProvider,
    "messages": AnthropicProvider,
    "responses": OpenAIResponsesProvider,
    "ollama": OllamaProvider,
}

# One process has one writer for a store and one owner for a conversation, however often
# they are opened: two of them would number the same log.
_stores: WeakValueDictionary[str, Store] = WeakValueDictionary()
_conversations: WeakValueDictionary[tuple[int, str], LocalConversation] = WeakValueDictionary()
_settings: WeakKeyDictionary[LocalConversation, Settings] = WeakKeyDictionary()
_open_lock = threading.RLock()


def open_store(target: Store | str | os.PathLike[str] | None = None) -> Store:
    """Return the store at `target`, the one already open here if there is one.

    One process uses one writer for a file, however often its path is named.

    Parameters
    ----------
    target
        A store, a file path, ``":memory:"`` (a new one each time), a database URL, or
        None for the default store of this user.

    Raises
    ------
    StoreError
        If it cannot be opened.
    """
    if isinstance(target, Store):
        return target
    place = paths.resolve(target)
    if place.location == ":memory:":
        return Store(target)
    key = str(place.path.resolve()) if place.path is not None else str(place.url)
    with _open_lock:
        store = _stores.get(key)
        if store is None or store.closed:
            store = Store(target)
            _stores[key] = store
        return store


def resolve_provider(
    model: str,
    *,
    base_url: str | SecretStr | None = None,
    api_key: str | SecretStr | None = None,
) -> Provider:
    """Return the provider that a model name such as ``"openai:NAME"`` asks for.

    Raises
    ------
    ModelError
        If the name has no provider, an unknown one, or lacks what the provider needs.
    """
    api_key, base_url = as_key(api_key), as_key(base_url)
    if not isinstance(model, str):
        raise ModelError(
            f"A model is named by text such as 'openai:MODEL', not by {type(model).__name__}."
        )
    provider, colon, name = model.partition(":")
    if not colon:
        raise ModelError(
            f"{model!r} names no provider: write 'PROVIDER:MODEL', "
            f"such as 'openai:{model or 'MODEL'}'. {_known_providers()}"
        )
    if model.endswith(CUSTOM):
        raise ModelError(
            f"This conversation was held with a provider object of yours ({provider}): "
            "give it again, or name a model."
        )
    if provider not in (SCRIPTED, *ENDPOINTS):
        near = difflib.get_close_matches(provider.lower(), (SCRIPTED, *ENDPOINTS), n=1)
        meant = f" Did you mean '{near[0]}:{name or 'MODEL'}'?" if near else ""
        raise ModelError(
            f"{provider or model!r} is not a known provider.{meant} {_known_providers()} For "
            "another server that speaks the OpenAI protocol write "
            f"'openai:{name or 'MODEL'}' with base_url=…"
        )
    if not name:
        raise ModelError(f"{model!r} names no model: write '{provider}:MODEL'.")
    if provider == SCRIPTED:
        if model != DEFAULT_MODEL:
            raise ModelError(f"{model!r} is not known: the scripted model is {DEFAULT_MODEL!r}.")
        return ScriptedProvider()
    make = _PROVIDERS[ENDPOINTS[provider].api]
    return make(name, endpoint=provider, base_url=base_url, api_key=api_key)


def _known_providers() -> str:
    return f"Known are {', '.join((SCRIPTED, *ENDPOINTS))}."


def as_tools(tools: Sequence[Tool | Callable[..., Any]]) -> list[Tool]:
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
    made = as_tools(settings.tools or ())
    name, resolve = _model_source(settings, row)
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
    return _Prepared(name, system, lambda: _resolved(name, resolve(), options), turn)


def _resolved(name: str, provider: Provider, options: ProviderOptions) -> ResolvedModel:
    if isinstance(provider, ConnectedProvider):
        price = pricing(provider.server_address, provider.model)
    else:
        price = pricing(None, None)
    return ResolvedModel(name, provider, options, price)


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


def _model_source(
    settings: Settings, row: ConversationRow | None
) -> tuple[str, Callable[[], Provider]]:
    """Return the model's name and where its provider comes from.

    A model that was named is checked at once. A stored one is looked for only when it is
    asked, so that an old conversation can be read without the key it was held with.
    """
    model = settings.model
    if isinstance(model, Provider):
        given = model
        return given.id + CUSTOM, lambda: given
    stored = row.model if row is not None and row.model else DEFAULT_MODEL
    name = model if model is not None else stored
    resolve = cache(
        lambda: resolve_provider(name, base_url=settings.base_url, api_key=settings.api_key)
    )
    if model is not None:
        resolve()
    return name, resolve
