"""The one builder of frames: lists of values in, typed columns out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .columns import INTEGER, TIME, Column, ColumnType, FrameSpec

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["build_frame", "typed"]

_NO_TIME = np.iinfo(np.int64).min


def _objects(values: Sequence[Any] | Series) -> np.ndarray[Any, np.dtype[np.object_]]:
    if isinstance(values, pd.Series):
        return np.asarray(values, dtype=object)
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def typed(values: Sequence[Any] | Series, dtype: ColumnType) -> Series:
    """Return `values` as a series of exactly `dtype`, whatever they are and how many.

    Parameters
    ----------
    values
        Plain values with None where there is none; times are integer microseconds since
        1970 in UTC. A series is converted.
    dtype
        A dtype's name, or the words of a category; a word outside them becomes missing.
    """
    if isinstance(dtype, tuple):
        words = pd.Index(dtype)
        codes = words.get_indexer(pd.Index(_objects(values), dtype=object))
        return pd.Series(pd.Categorical.from_codes(codes, categories=words))
    name: Any = dtype
    if isinstance(values, pd.Series):
        return values.astype(name)
    if dtype == TIME:
        micros = typed(values, INTEGER).to_numpy(dtype="int64", na_value=_NO_TIME)
        return pd.Series(micros.view("M8[us]")).dt.tz_localize("UTC")
    return pd.Series(pd.array(_objects(values), dtype=name))


def build_frame(spec: FrameSpec, values: Mapping[str, Sequence[Any] | Series]) -> pd.DataFrame:
    """Return the frame that `spec` describes.

    Parameters
    ----------
    spec
        Which columns there are, in which order and of which dtype.
    values
        One sequence for every column that is not computed, all of one length.
    """
    built: dict[str, Series] = {}
    computed: list[Column] = []
    for column in (*spec.inputs, *spec.columns):
        if callable(column.source):
            computed.append(column)
        else:
            built[column.name] = typed(values[column.name], column.dtype)
    for column in computed:
        assert callable(column.source)
        built[column.name] = typed(column.source(built), column.dtype)
    frame = pd.DataFrame({column.name: built[column.name] for column in spec.columns}, copy=False)
    frame.attrs = {"schema": spec.schema, "schema_version": spec.version}
    return frame
