"""The composition root: builds provider, tools, store and conversation from what was typed.

The only room that knows providers, tools, store and loop by name.
"""

from .conversations import (
    change_settings,
    context_window_of,
    open_conversation,
    settings_of,
    turn_request,
)
from .models import DEFAULT_MODEL, resolve_provider
from .stores import open_store

__all__ = [
    "DEFAULT_MODEL",
    "change_settings",
    "context_window_of",
    "open_conversation",
    "open_store",
    "resolve_provider",
    "settings_of",
    "turn_request",
]
