"""Providers: models behind their APIs, and the scripted one that needs none."""

from .scripted import Pause, ScriptedProvider, ScriptItem

__all__ = ["Pause", "ScriptItem", "ScriptedProvider"]
