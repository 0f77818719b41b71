"""Data in and out: files of frames, lines of events, OpenTelemetry, and old work of others."""

from .files import load, save
from .imported import Imported
from .inspect_logs import import_inspect
from .lines import save_chunks, save_events
from .llm_logs import import_llm
from .messages import import_messages
from .spans import to_otel

__all__ = [
    "Imported",
    "import_inspect",
    "import_llm",
    "import_messages",
    "load",
    "save",
    "save_chunks",
    "save_events",
    "to_otel",
]
