"""Where conversations live: SQLite by default, PostgreSQL by URL."""

from .rows import (
    ChunkSide,
    CommitStamp,
    ConversationRow,
    EventRow,
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
    "StepRow",
    "Store",
    "ToolCallRow",
    "TurnRow",
]
