"""From a database's error to a sentence for the person at the notebook."""

from __future__ import annotations

import difflib
import sqlite3

import sqlalchemy as sa

from ..errors import StoreError, UnknownConversationError

__all__ = ["store_error", "unknown_conversation"]

_SENTENCES = {
    "SQLITE_BUSY": "is locked by another program. Close what else has it open, then try again",
    "SQLITE_LOCKED": "is locked by another program. Close what else has it open, then try again",
    "SQLITE_READONLY": (
        "cannot be written: it is read-only, or was moved or deleted while it was open. "
        "Put it back or allow writing, then open it again"
    ),
    "SQLITE_FULL": "has no room left: the disk is full. Free some space, then try again",
    "SQLITE_IOERR": "could not be read or written: the disk reported an error",
    "SQLITE_CORRUPT": "is damaged. Restore a copy, or try `sqlite3 FILE .recover`",
    "SQLITE_NOTADB": (
        "is not an SQLite database; it was left as it is. "
        "Choose the path of a store, or of a file that does not exist yet"
    ),
    "SQLITE_CANTOPEN": "cannot be opened. Check that its folder exists and can be written",
}


def store_error(
    error: sa.exc.SQLAlchemyError | sqlite3.Error | OSError, location: str
) -> StoreError:
    """Return the error to raise in place of a database's own.

    Parameters
    ----------
    error
        What SQLAlchemy, SQLite or the operating system raised.
    location
        How the person knows the store: its path or address.
    """
    original = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if isinstance(original, sqlite3.Error):
        code = getattr(original, "sqlite_errorname", "")
        for prefix, sentence in _SENTENCES.items():
            if code.startswith(prefix):
                return StoreError(f"The store {location} {sentence} ({original}).")
    return StoreError(f"The store {location} refused: {original}")


def unknown_conversation(
    conversation_id: str, known: list[str], location: str
) -> UnknownConversationError:
    """Return the error for an id that the store does not hold, naming the nearest it does."""
    said = f"The store {location} holds no conversation {conversation_id!r}."
    if not known:
        return UnknownConversationError(f"{said} It holds none yet.")
    nearest = difflib.get_close_matches(conversation_id, known, n=3, cutoff=0.4) or known[:3]
    return UnknownConversationError(
        f"{said} Nearest: {', '.join(map(repr, nearest))}. "
        "`store.conversation_ids()` lists all of them."
    )
