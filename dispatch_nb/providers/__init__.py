"""Providers: models behind their APIs, and the scripted one that needs none."""

from .anthropic import AnthropicProvider
from .openai import OpenAIProvider
from .scripted import Pause, ScriptedProvider, ScriptItem

__all__ = ["AnthropicProvider", "OpenAIProvider", "Pause", "ScriptItem", "ScriptedProvider"]
