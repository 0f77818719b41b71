"""`Store`: everything that was ever said, as DataFrames, and the way back into it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .compose import open_store
from .framed import FrameSource, Part
from .keys import hidden

if TYPE_CHECKING:
    import pandas as pd

    from .frames.sql import Parameters
    from .widget.chat import Chat

__all__ = ["Store"]


class Store(FrameSource):
    """A store of conversations, to read as frames and to take up again.

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

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Show the conversations in a cell, to look for one and to open it."""
        from .widget.store_view import StoreView

        return StoreView(self._store)._repr_mimebundle_(**options)

    def _frame_parts(self) -> Sequence[Part]:
        return [Part(self._store)]

    @property
    def usage(self) -> pd.DataFrame:
        """The tokens of all steps in long form, one row for each kind of token."""
        return self.frame("usage")

    def sql(self, query: str, parameters: Parameters = ()) -> pd.DataFrame:
        """Return what a SELECT finds, over tables named and made as the frames are.

        Parameters
        ----------
        query
            One statement; ``steps``, ``deltas`` and so on have the columns of the frames, times
            as ISO text, and the rows that are stored. Of deltas and latency only the
            conversations are read that it asks for.
        parameters
            What its ``?`` or ``:name`` stand for.

        Raises
        ------
        FrameError
            If the statement cannot be run, or the store is none of SQLite.
        StoreError
            If the store cannot be read.
        """
        from .frames.sql import query as read

        return read(self._store, query, parameters)

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
