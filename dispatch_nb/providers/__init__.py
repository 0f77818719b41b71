"""Providers: models behind their APIs, and the scripted one that needs none."""

from .openai import OpenAIProvider
from .scripted import Pause, ScriptedProvider, ScriptItem

__all__ = ["OpenAIProvider", "Pause", "ScriptItem", "ScriptedProvider"]
