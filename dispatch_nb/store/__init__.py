"""Where conversations live: SQLite by default, PostgreSQL by URL."""

from .changes import Change
from .rows import (
    ChunkSide,
    CommitStamp,
    ConversationRow,
    EventRow,
    QueuedRow,
    StepRow,
    ToolCallRow,
    TurnRow,
)
from .store import Store

__all__ = [
    "Change",
    "ChunkSide",
    "CommitStamp",
    "ConversationRow",
    "EventRow",
    "QueuedRow",
    "StepRow",
    "Store",
    "ToolCallRow",
    "TurnRow",
]
