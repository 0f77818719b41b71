"""The composition root: builds provider, tools, store and conversation from what was typed.

The only room that knows providers, tools, store and loop by name.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from time import time_ns
from typing import Any
from uuid import uuid4
from weakref import WeakValueDictionary

from .conversation.local import LocalConversation, ResolvedModel
from .conversation.turn_run import TurnSettings
from .engine.contracts import DispatchPolicy, Provider, ProviderOptions, RetryStrategy, Tool
from .engine.retry import BackoffRetry
from .errors import ModelError, ToolError, UnknownConversationError
from .loop import turn_loop
from .providers.openai import OpenAIProvider
from .providers.scripted import ScriptedProvider
from .store import Store, paths
from .store.rows import ConversationRow
from .tools.function import function_tool

__all__ = ["DEFAULT_MODEL", "as_tools", "open_conversation", "open_store", "resolve_provider"]

DEFAULT_MODEL = "scripted:demo"
# What stands in the store for a provider that was given as an object.
CUSTOM = ":custom"
PROVIDERS = ("scripted", "openai")

# One process has one writer for a store and one owner for a conversation, however often
# they are opened: two of them would number the same log.
_stores: WeakValueDictionary[str, Store] = WeakValueDictionary()
_conversations: WeakValueDictionary[tuple[int, str], LocalConversation] = WeakValueDictionary()
_open_lock = threading.Lock()


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
    model: str, *, base_url: str | None = None, api_key: str | None = None
) -> Provider:
    """Return the provider that a model name such as ``"openai:NAME"`` asks for.

    Raises
    ------
    ModelError
        If the name has no provider, an unknown one, or lacks what the provider needs.
    """
    if not isinstance(model, str):
        raise ModelError(
            f"A model is named by text such as 'openai:MODEL', not by {type(model).__name__}."
        )
    provider, colon, name = model.partition(":")
    known = " or ".join(f"'{p}:…'" for p in PROVIDERS)
    if not colon:
        raise ModelError(
            f"{model!r} names no provider: write {known}, such as 'openai:{model or 'MODEL'}'."
        )
    if model.endswith(CUSTOM):
        raise ModelError(
            f"This conversation was held with a provider object of yours ({provider}): "
            "give it again, or name a model."
        )
    if provider not in PROVIDERS:
        raise ModelError(
            f"{provider!r} is not a known provider: write {known}. For a server that speaks "
            f"the OpenAI protocol write 'openai:{name or 'MODEL'}' with base_url=…"
        )
    if not name:
        raise ModelError(f"{model!r} names no model: write '{provider}:MODEL'.")
    if provider == "scripted":
        return ScriptedProvider()
    return OpenAIProvider(model=name, base_url=base_url, api_key=api_key)


def as_tools(tools: Sequence[Tool | Callable[..., Any]]) -> list[Tool]:
    """Return functions and tools as tools.

    Raises
    ------
    ToolError
        If a function cannot be described, two tools have one name, or a tool stands alone.
    """
    if not isinstance(tools, Iterable):
        raise ToolError("Tools come as a list: write tools=[…], also for a single one.")
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
    tools: Sequence[Tool | Callable[..., Any]] = (),
    system: str | None = None,
    store: Store | str | os.PathLike[str] | None = None,
    conversation_id: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    max_steps: int = 50,
    dispatch: DispatchPolicy | None = None,
    retry: RetryStrategy | None = None,
) -> LocalConversation:
    """Open a stored conversation, or begin one.

    A conversation that is open in this process already is returned itself, with the
    settings given here for its next turns.

    Parameters
    ----------
    model
        ``"openai:MODEL"``, ``"scripted:demo"`` or a provider of your own; None takes the
        conversation's own model, or the scripted one.
    conversation_id
        Opened if the store has it, begun if not; None begins a new one.
    temperature, max_tokens
        Passed to the provider; `max_tokens` counts tokens of one answer.
    max_steps
        Model round trips a turn may take; 0 is unlimited.

    Raises
    ------
    ModelError, ToolError, StoreError
        Before anything is stored.
    """
    made = as_tools(tools)
    opened = open_store(store)
    row = _stored(opened, conversation_id)
    name, resolve = _model_source(model, row, base_url=base_url, api_key=api_key)
    system = system if system is not None else row.system_prompt if row is not None else None
    options = ProviderOptions(
        model=name.partition(":")[2] or None,
        temperature=temperature,
        max_tokens=max_tokens,
        system_prompt=system,
    )
    if row is None:
        conversation_id = conversation_id or str(uuid4())
        opened.create_conversation(
            ConversationRow(
                conversation_id=conversation_id,
                created_us=time_ns() // 1000,
                model=name,
                system_prompt=system,
            )
        ).result()
    elif (row.model, row.system_prompt) != (name, system):
        opened.update_conversation(row.conversation_id, model=name, system_prompt=system).result()
    assert conversation_id is not None
    resolve_model = _resolver(name, resolve, options)
    turn_settings = TurnSettings(
        tools=made,
        dispatch=dispatch or DispatchPolicy(),
        retry=retry or BackoffRetry(),
        max_steps=max_steps,
    )
    with _open_lock:
        key = (id(opened), conversation_id)
        conversation = _conversations.get(key)
        if conversation is None:
            conversation = LocalConversation(
                opened,
                conversation_id,
                loop=turn_loop(),
                model=name,
                resolve_model=resolve_model,
                settings=turn_settings,
            )
            _conversations[key] = conversation
        else:
            conversation.configure(name, resolve_model, turn_settings)
        return conversation


def _stored(store: Store, conversation_id: str | None) -> ConversationRow | None:
    if conversation_id is None:
        return None
    try:
        return store.conversation(conversation_id)
    except UnknownConversationError:
        return None


def _resolver(
    name: str, resolve: Callable[[], Provider], options: ProviderOptions
) -> Callable[[], ResolvedModel]:
    return lambda: ResolvedModel(name, resolve(), options)


def _model_source(
    model: str | Provider | None,
    row: ConversationRow | None,
    *,
    base_url: str | None,
    api_key: str | None,
) -> tuple[str, Callable[[], Provider]]:
    """Return the model's name and where its provider comes from.

    A model that was named is checked at once. A stored one is looked for only when it is
    asked, so that an old conversation can be read without the key it was held with.
    """
    if isinstance(model, Provider):
        given = model
        return given.id + CUSTOM, lambda: given
    stored = row.model if row is not None and row.model else DEFAULT_MODEL
    name = model if model is not None else stored
    resolve = cache(lambda: resolve_provider(name, base_url=base_url, api_key=api_key))
    if model is not None:
        resolve()
    return name, resolve
