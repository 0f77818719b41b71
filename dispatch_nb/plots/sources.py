"""What a chart is drawn from: the frame of a chat, a turn or a store, or one that is given."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ..errors import FrameError
from ..framed import FrameSource

__all__ = ["frame_of", "titles_of"]


def frame_of(source: FrameSource | pd.DataFrame, name: str, needs: Sequence[str]) -> pd.DataFrame:
    """Return a source's frame, or the one that was given after a look at its schema.

    Raises
    ------
    FrameError
        If it is another frame, lacks one of the columns that it `needs`, or has no frames.
    """
    if isinstance(source, pd.DataFrame):
        schema = source.attrs.get("schema")
        if schema not in (None, f"dispatch_nb.{name}"):
            raise FrameError(f"This chart is drawn from the frame {name!r}, not from {schema!r}.")
        lacking = [each for each in needs if each not in source.columns]
        if lacking:
            raise FrameError(
                f"This chart is drawn from the frame {name!r} with its {', '.join(lacking)}, "
                "which are not there."
            )
        # Rows may come from anywhere, in any order.
        return source.reset_index(drop=True)
    if not isinstance(source, FrameSource):
        raise FrameError(
            f"A chart is drawn from a chat, a turn, a store or the frame {name!r}, "
            f"not from {type(source).__name__}."
        )
    return source.frame(name)


def titles_of(source: FrameSource | pd.DataFrame, ids: list[str]) -> dict[str, str]:
    """Return what conversations are called: their titles where they are known and differ."""
    if not isinstance(source, FrameSource):
        return {each: each for each in ids}
    columns = ["conversation_id", "title"]
    found = source.frame("conversations", conversation_id=ids, columns=columns)
    titles = found.set_index("conversation_id")["title"].to_dict()
    named = {each: titles.get(each) for each in ids}
    many = {title for title in named.values() if list(named.values()).count(title) > 1}
    return {
        each: each if pd.isna(title) or not title or title in many else str(title)
        for each, title in named.items()
    }
