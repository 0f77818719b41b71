"""`Store`: everything that was ever said, as DataFrames, and the way back into it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .compose import open_store
from .keys import hidden

if TYPE_CHECKING:
    import pandas as pd

    from .widget.chat import Chat

__all__ = ["Store"]


class Store:
    """A store of conversations, to read and to take up again.

    Parameters
    ----------
    target
        A file path, ``":memory:"``, a database URL, or None for this user's default.

    Raises
    ------
    StoreError
        If it cannot be opened; the sentence says what is wrong with it.
    """

    def __init__(self, target: str | os.PathLike[str] | None = None) -> None:
        self._store = open_store(target)

    def __repr__(self) -> str:
        """Return a line that names the store and counts its conversations."""
        count = len(self._store.conversation_ids())
        return f"<Store {self._store.location}, {count} conversations>"

    @property
    def conversations(self) -> pd.DataFrame:
        """The conversations, one row each."""
        return self._frame("conversations")

    @property
    def turns(self) -> pd.DataFrame:
        """The turns of all conversations, one row each."""
        return self._frame("turns")

    @property
    def steps(self) -> pd.DataFrame:
        """The steps of all conversations, one row for each model request."""
        return self._frame("steps")

    @property
    def messages(self) -> pd.DataFrame:
        """The messages of all conversations, one row each."""
        return self._frame("messages")

    @property
    def chunks(self) -> pd.DataFrame:
        """The committed chunks of all conversations, one row each."""
        return self._frame("chunks")

    @property
    def tool_calls(self) -> pd.DataFrame:
        """The tool calls of all conversations, one row each."""
        return self._frame("tool_calls")

    @property
    def deltas(self) -> pd.DataFrame:
        """The streams of all conversations, one row for each delta."""
        return self._frame("deltas")

    @property
    def usage(self) -> pd.DataFrame:
        """The tokens of all steps in long form, one row for each kind of token."""
        return self._frame("usage")

    def chat(self, conversation_id: str, **settings: Any) -> Chat:
        """Open a conversation of this store as a widget.

        Parameters
        ----------
        conversation_id
            Which one.
        **settings
            Anything else that `Chat` takes, such as ``model`` and ``tools``.

        Raises
        ------
        UnknownConversationError
            If the store does not hold it.
        """
        settings = hidden(settings)
        from .widget.chat import Chat

        self._store.conversation(conversation_id)
        return Chat(store=self._store, conversation=conversation_id, **settings)

    def close(self) -> None:
        """Close the store; what is committed stays."""
        self._store.close()

    def _frame(self, name: str) -> pd.DataFrame:
        from . import frames

        frame: pd.DataFrame = getattr(frames, f"{name}_frame")(self._store)
        return frame
