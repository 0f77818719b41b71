"""The one builder of frames: values in, typed columns out."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .columns import BOOLEAN, FLOAT, INTEGER, TEXT, TIME, Column, ColumnType, FrameSpec
from .otel import otel_names

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = [
    "NO_TIME",
    "as_time",
    "build_frame",
    "category",
    "describe",
    "masked",
    "masked_kind",
    "typed",
]

NO_TIME = int(np.iinfo(np.int64).min)
"""How pandas stores a missing time among microseconds."""

_MASKED: dict[str, tuple[Any, str]] = {
    INTEGER: (pd.arrays.IntegerArray, "int64"),
    FLOAT: (pd.arrays.FloatingArray, "float64"),
    BOOLEAN: (pd.arrays.BooleanArray, "bool"),
}


def typed(values: Any, dtype: ColumnType) -> Series:
    """Return `values` as a series of exactly `dtype`, whatever they are and how many.

    Parameters
    ----------
    values
        A sequence of plain values with None where there is none (numpy's arrays of texts
        are taken over), an array of pandas that is of `dtype` already, a series, or an Arrow
        array; times are integer microseconds since 1970 in UTC. Words may come as their
        places in an Arrow array of integers.
    dtype
        A dtype's name, or the words of a category; a word outside them becomes missing.
    """
    if isinstance(values, pd.api.extensions.ExtensionArray):
        return pd.Series(values, copy=False)
    if isinstance(values, pd.Series):
        return _from_series(values, dtype)
    if hasattr(values, "__arrow_c_array__") or hasattr(values, "__arrow_c_stream__"):
        return pd.Series(_from_arrow(values, dtype), copy=False)
    return pd.Series(_from_values(values, dtype), copy=False)


def _from_series(values: Series, dtype: ColumnType) -> Series:
    if isinstance(dtype, tuple):
        return pd.Series(_from_values(values.astype("object").tolist(), dtype))
    name: Any = dtype
    return values.astype(name).reset_index(drop=True)


def _from_values(values: Sequence[Any], dtype: ColumnType) -> Any:
    if isinstance(dtype, tuple):
        codes = {word: code for code, word in enumerate(dtype)}
        found = (codes.get(value, -1) for value in values)
        return category(np.fromiter(found, "int8", len(values)), dtype)
    if dtype == TEXT:
        return _text(values)
    if dtype == TIME:
        micros = (NO_TIME if value is None else value for value in values)
        return as_time(np.fromiter(micros, "int64", len(values)))
    make, kind = _MASKED[dtype]
    # Most columns lack nothing, and are then made without looking at each value.
    if None not in values:
        return make(np.array(values, kind), np.zeros(len(values), bool))
    mask = np.fromiter((value is None for value in values), bool, len(values))
    given = (0 if value is None else value for value in values)
    return make(np.fromiter(given, kind, len(values)), mask)


def _text(values: Any) -> Any:
    dtype: Any = pd.StringDtype()
    if dtype.storage == "pyarrow":
        import pyarrow

        return dtype.__from_arrow__(pyarrow.array(values, pyarrow.large_string()))
    array = values
    if not isinstance(values, np.ndarray):
        array = np.empty(len(values), dtype=object)
        array[:] = values
    array[_is_none(array)] = pd.NA
    # Made from outside it would look at every value again.
    return pd.array([], dtype=dtype)._from_backing_data(array)


def _is_none(texts: Any) -> Any:
    """Return where an array of objects has None, by its address: to look at each costs more."""
    if not len(texts) or sys.implementation.name != "cpython" or not texts.flags.c_contiguous:
        return pd.isna(texts)
    addresses = (ctypes.c_ssize_t * len(texts)).from_address(texts.ctypes.data)
    return np.ctypeslib.as_array(addresses) == id(None)


def category(codes: Any, words: Sequence[str]) -> Any:
    """Return words by their positions, -1 for none, without copying the positions."""
    return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(list(words)), validate=False)


def masked_kind(dtype: ColumnType) -> str:
    """Return the numpy dtype behind a nullable one."""
    assert isinstance(dtype, str)
    return _MASKED[dtype][1]


def masked(dtype: ColumnType, data: Any, mask: Any) -> Any:
    """Return a nullable array of these values, without copying them."""
    assert isinstance(dtype, str)
    return _MASKED[dtype][0](data, mask)


def as_time(micros: Any) -> Any:
    """Return microseconds as an array of times in UTC, without copying them."""
    return pd.array(micros, dtype=pd.DatetimeTZDtype("us", "UTC"), copy=False)


def _from_arrow(values: Any, dtype: ColumnType) -> Any:
    import pyarrow
    import pyarrow.compute as pc

    if isinstance(dtype, tuple):
        codes = values
        if not pyarrow.types.is_integer(values.type):
            codes = pc.index_in(values, value_set=pyarrow.array(dtype, values.type))
        return category(codes.fill_null(-1).to_numpy(zero_copy_only=False).astype("int8"), dtype)
    if dtype == TEXT:
        text: Any = pd.StringDtype()
        return text.__from_arrow__(values)
    if dtype == TIME:
        return as_time(values.cast("int64").fill_null(NO_TIME).to_numpy(zero_copy_only=False))
    make, kind = _MASKED[dtype]
    mask = values.is_null().to_numpy(zero_copy_only=False)
    plain = values.fill_null(False if pyarrow.types.is_boolean(values.type) else 0)
    data = plain.to_numpy(zero_copy_only=False)
    return make(data.astype(kind, copy=not data.flags.writeable), mask)


def build_frame(spec: FrameSpec, values: Mapping[str, Any]) -> pd.DataFrame:
    """Return the frame that `spec` describes.

    Parameters
    ----------
    spec
        Which columns there are, in which order and of which dtype.
    values
        What `typed` takes for every column that is not computed, all of one length.
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
    frame = pd.DataFrame({name: built[name] for name in spec.names}, copy=False)
    return describe(frame, spec)


def describe(frame: pd.DataFrame, spec: FrameSpec) -> pd.DataFrame:
    """Give a frame the names of its schema, its version and OpenTelemetry's names."""
    frame.attrs = {
        "schema": spec.schema,
        "schema_version": spec.version,
        "otel": otel_names(spec.name, [str(name) for name in frame.columns]),
    }
    return frame
