"""From the name of a model, or a provider object, to what answers."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import cache

from pydantic import SecretStr

from ..conversation.turn_settings import ResolvedModel
from ..costs import step
from ..engine.contracts import Provider, ProviderOptions
from ..errors import ModelError
from ..keys import as_key
from ..providers.anthropic import AnthropicProvider
from ..providers.connected import ConnectedProvider
from ..providers.endpoints import ENDPOINTS
from ..providers.ollama import OllamaProvider
from ..providers.openai import OpenAIProvider
from ..providers.responses import OpenAIResponsesProvider
from ..providers.scripted import ScriptedProvider
from ..settings import Settings
from ..store.rows import ConversationRow

__all__ = ["DEFAULT_MODEL", "context_window", "model_source", "resolve_provider", "resolved_model"]

DEFAULT_MODEL = "scripted:demo"
# What stands in the store for a provider that was given as an object.
CUSTOM = ":custom"
SCRIPTED = "scripted"
# The class that speaks each API.
_PROVIDERS: dict[str, Callable[..., Provider]] = {
    "chat": OpenAIProvider,
    "messages": AnthropicProvider,
    "responses": OpenAIResponsesProvider,
    "ollama": OllamaProvider,
}


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


def model_source(
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


def context_window(name: str, settings: Settings) -> int | None:
    """Return how many tokens fit into the context of a model; None where nobody knows it.

    Parameters
    ----------
    name
        Its full name, as the conversation has it.
    settings
        What was chosen for the conversation: where the model is, or the provider object.
    """
    provider, model = settings.model, name.partition(":")[2]
    if not isinstance(provider, Provider):
        if settings.base_url is None:
            return step.context_window(name.partition(":")[0], model, None)
        try:
            provider = resolve_provider(name, base_url=settings.base_url, api_key=settings.api_key)
        except ModelError:
            return None  # said where it matters: when the model is asked
    if isinstance(provider, ConnectedProvider):
        return step.context_window(provider.id, provider.model, provider.server_address)
    return step.context_window(provider.id, model, None)


def resolved_model(name: str, provider: Provider, options: ProviderOptions) -> ResolvedModel:
    """Return a model that is ready to be asked, with what prices its steps."""
    if isinstance(provider, ConnectedProvider):
        price = step.pricing(provider.server_address, provider.model)
    else:
        price = step.pricing(None, None)
    return ResolvedModel(name, provider, options, price)
