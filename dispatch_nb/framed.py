"""What a chat, a turn and a store have in common: they are read as frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from .frames import Filters
    from .frames.read import FrameStore
    from .frames.request import Backend
    from .transcript.live import LiveState

__all__ = ["FrameSource", "Frames", "Part"]


@dataclass(frozen=True)
class Part:
    """Where rows come from: a store, a conversation or a turn of it, and what is not stored."""

    store: FrameStore
    conversation_id: str | None = None
    turn_id: str | None = None
    live: LiveState | None = None


class FrameSource:
    """Gives its rows as DataFrames, by property or, narrowed, by `frame`.

    Frames are valid at every moment, also while a turn runs; each call gives a new one, which
    is yours to change. A whole frame of a SQLite store or chat that was read before is read
    again by what is new or changed alone. Handing it over copies nothing, but for the numbers
    in a column of which an earlier row has changed, and in the frames of a turn that runs and
    of several stores at once: these are copied as memory is, a few bytes for each row.
    """

    def _frame_parts(self) -> Sequence[Part]:
        raise NotImplementedError

    def frame(
        self,
        name: str,
        *,
        conversation_id: str | Sequence[str] | None = None,
        since: object = None,
        models: str | Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
        dtype_backend: Backend = "numpy_nullable",
    ) -> pd.DataFrame:
        """Return a frame by its name, narrowed; what is left out is not even read.

        Parameters
        ----------
        name
            ``"conversations"``, ``"turns"``, ``"steps"``, ``"messages"``, ``"chunks"``,
            ``"tool_calls"``, ``"deltas"``, ``"usage"`` or ``"latency"``.
        conversation_id
            Rows of this conversation, or of these.
        since
            Rows of turns that began then or later: a datetime, a date, or ISO text; UTC
            where it names no zone.
        models
            Steps that asked for, or were answered by, one of these models; in the other
            frames the rows of turns with such a step.
        columns
            These columns alone, in this order.
        dtype_backend
            ``"pyarrow"`` for Arrow's own dtypes in place of pandas' nullable ones.

        Raises
        ------
        FrameError
            If a name is not known, or a filter is not of its kind.
        StoreError
            If the store cannot be read.
        """
        from .frames import Filters

        filters = Filters(conversation_id, since, models, columns, dtype_backend)
        parts = self._frame_parts()
        if len(parts) == 1:
            return self._read(parts[0], name, filters)
        return _stacked(parts, name, filters)

    @staticmethod
    def _read(part: Part, name: str, filters: Filters) -> pd.DataFrame:
        # pandas costs half a second to import, which nobody pays who wants no frame.
        from .frames import read_frame

        return read_frame(
            part.store,
            name,
            filters,
            conversation_id=part.conversation_id,
            turn_id=part.turn_id,
            live=part.live,
        )

    @property
    def conversations(self) -> pd.DataFrame:
        """The conversations, one row each."""
        return self.frame("conversations")

    @property
    def turns(self) -> pd.DataFrame:
        """The turns, one row each."""
        return self.frame("turns")

    @property
    def steps(self) -> pd.DataFrame:
        """The steps, one row for each model request."""
        return self.frame("steps")

    @property
    def messages(self) -> pd.DataFrame:
        """The messages, one row each."""
        return self.frame("messages")

    @property
    def chunks(self) -> pd.DataFrame:
        """The chunks, one row each; a running step's have no `seq` yet."""
        return self.frame("chunks")

    @property
    def tool_calls(self) -> pd.DataFrame:
        """The tool calls, one row each."""
        return self.frame("tool_calls")

    @property
    def deltas(self) -> pd.DataFrame:
        """The stream itself, one row for each delta with its arrival time."""
        return self.frame("deltas")

    @property
    def latency(self) -> pd.DataFrame:
        """How long each step let one wait for what, one row for each model request."""
        return self.frame("latency")


class Frames(FrameSource):
    """Several stores, chats or turns as one set of frames.

    With more than one, every frame begins with a column `store` that says where the row is
    from.

    Parameters
    ----------
    *sources
        Stores, chats and turns.
    """

    def __init__(self, *sources: FrameSource) -> None:
        self._parts = [part for source in sources for part in source._frame_parts()]

    def _frame_parts(self) -> Sequence[Part]:
        return self._parts

    @property
    def usage(self) -> pd.DataFrame:
        """The tokens of all steps in long form, one row for each kind of token."""
        return self.frame("usage")


def _stacked(parts: Sequence[Part], name: str, filters: Filters) -> pd.DataFrame:
    import pandas as pd

    from .frames.buffers import same_text

    columns = filters.columns
    if columns is not None:
        filters = replace(filters, columns=[each for each in columns if each != "store"])
    frames = []
    for part in parts:
        frame = FrameSource._read(part, name, filters)
        if columns is None or "store" in columns:
            place = 0 if columns is None else list(columns).index("store")
            frame.insert(place, "store", same_text(part.store.location, len(frame)))
        frames.append(frame)
    whole = pd.concat(frames, ignore_index=True)
    whole.attrs = frames[0].attrs
    return whole
