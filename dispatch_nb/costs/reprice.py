"""What stored steps cost by the prices of today."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..framed import FrameSource
from ..store import Store
from .step import Money, money, priced

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["reprice"]

_CHANGED = tuple(Money.__annotations__)


def reprice(source: FrameSource, *, keep: bool = False, **filters: Any) -> pd.DataFrame:
    """Return the steps with what they cost by today's price table and prices of one's own.

    Nothing that is stored changes unless `keep` says so, and no tokens ever do. A price that
    holds since a certain day is applied to requests since then.

    Parameters
    ----------
    source
        A store, a chat, a turn, or several as `Frames`.
    keep
        Whether the store is to keep these costs in place of those it has.
    **filters
        As for ``source.frame``: ``conversation_id=``, ``since=``, ``models=``.

    Returns
    -------
    DataFrame
        The frame of steps, with the new `cost_usd`, `price_ref` and so on, and the cost that
        is stored as `stored_cost_usd`.

    Raises
    ------
    FrameError, StoreError
        If a filter is wrong, or the store cannot be read or written.
    """
    from ..frames.build import typed
    from ..frames.columns import FLOAT, TEXT

    frame = source.frame("steps", **filters)
    frame = frame.assign(stored_cost_usd=frame["cost_usd"])
    wanted = set(frame["step_id"])
    new: dict[str, Money] = {}
    for store in {id(part.store): part.store for part in source._frame_parts()}.values():
        assert isinstance(store, Store)
        mine = {row.step_id: money(priced(row)) for row in store.steps() if row.step_id in wanted}
        if keep and mine:
            store.price_steps(mine).result()
        new |= mine
    rows = [dict(new[step_id]) for step_id in frame["step_id"]]
    for name in _CHANGED:
        dtype = TEXT if name == "price_ref" else FLOAT
        frame[name] = typed([row[name] for row in rows], dtype)
    return frame
