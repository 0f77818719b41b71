"""Providers: models behind their APIs, and the scripted one that needs none."""

from .anthropic import AnthropicProvider
from .ollama import OllamaProvider
from .openai import OpenAIProvider
from .responses import OpenAIResponsesProvider
from .scripted import Pause, ScriptedProvider, ScriptItem

__all__ = [
    "AnthropicProvider",
    "OllamaProvider",
    "OpenAIProvider",
    "OpenAIResponsesProvider",
    "Pause",
    "ScriptItem",
    "ScriptedProvider",
]
