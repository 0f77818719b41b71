"""The stores that are open in this process."""

from __future__ import annotations

import os
import threading
from weakref import WeakValueDictionary

from ..store import Store, paths

__all__ = ["open_store"]

# One process has one writer for a store: two of them would number the same log.
_stores: WeakValueDictionary[str, Store] = WeakValueDictionary()
_lock = threading.Lock()


def open_store(target: Store | str | os.PathLike[str] | None = None) -> Store:
    """Return the store at `target`, the one already open here if there is one.

    One process uses one writer for a file, however often its path is named.

    Parameters
    ----------
    target
        A store, a file path, ``":memory:"`` (a new one each time), a database URL, or
        None for the default store of this user.

    Raises
    ------
    StoreError
        If it cannot be opened.
    """
    if isinstance(target, Store):
        return target
    place = paths.resolve(target)
    if place.location == ":memory:":
        return Store(target)
    key = str(place.path.resolve()) if place.path is not None else str(place.url)
    with _lock:
        store = _stores.get(key)
        if store is None or store.closed:
            store = Store(target)
            _stores[key] = store
        return store
