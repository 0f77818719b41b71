"""A notebook toolkit for conversations with models: live, stored, and as DataFrames."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from . import prices
from .costs.reprice import reprice
from .engine.contracts import DispatchPolicy, ToolContext, ToolOutcome
from .errors import DispatchError
from .framed import Frames
from .library import Store
from .providers.scripted import ScriptedProvider
from .tools.function import function_tool

if TYPE_CHECKING:
    from . import plots
    from .catalog import models
    from .widget.chat import Chat
    from .widget.usage_view import UsageView

__all__ = [
    "Chat",
    "DispatchError",
    "DispatchPolicy",
    "Frames",
    "ScriptedProvider",
    "Store",
    "ToolContext",
    "ToolOutcome",
    "UsageView",
    "function_tool",
    "models",
    "plots",
    "prices",
    "reprice",
]

__version__ = version("dispatch_nb")


def __getattr__(name: str) -> Any:
    """Load what is heavy, such as the widget with its front end, when it is first asked for."""
    if name == "Chat":
        from .widget.chat import Chat

        return Chat
    if name == "UsageView":
        from .widget.usage_view import UsageView

        return UsageView
    if name == "models":
        from .catalog import models

        return models
    if name == "plots":
        return import_module(".plots", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
