"""Where conversations live: SQLite by default, PostgreSQL by URL."""

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
