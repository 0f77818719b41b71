"""Frames as files: Parquet, CSV and JSON Lines, read back with the dtypes they had."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import FrameError
from ..frames.build import build_frame, describe, typed
from ..frames.columns import BOOLEAN, FLOAT, INTEGER, TIME, Column, ColumnType, FrameSpec
from ..frames.request import FRAMES, Backend, as_arrow, require, spec_of

__all__ = ["load", "save"]

_MISSING = "\\N"
_SUFFIXES = (".parquet", ".csv", ".jsonl")


def save(frame: pd.DataFrame, path: str | os.PathLike[str]) -> Path:
    r"""Write a frame to a file; its suffix says how.

    Parameters
    ----------
    frame
        A frame of this package, or some of its columns or rows.
    path
        Ends in ``.parquet`` (needs the extra ``parquet``), ``.csv`` or ``.jsonl``. In CSV what
        is missing is ``\N``, and a text that begins with a backslash gets one more. Times are
        ISO text in UTC.

    Raises
    ------
    FrameError
        If the suffix is none of these, or the frame is none of ours.
    """
    target = _file(path)
    spec = _spec(frame)
    plain = {column.name: typed(frame[column.name], column.dtype) for column in spec.columns}
    attrs, frame = frame.attrs, pd.DataFrame(plain, copy=False)
    frame.attrs = attrs
    match target.suffix:
        case ".parquet":
            require("pyarrow", "parquet", "A Parquet file")
            frame.to_parquet(target, index=False)
        case ".csv":
            with target.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(spec.names)
                for row in _rows(frame, spec):
                    writer.writerow([_MISSING if cell is None else _escaped(cell) for cell in row])
        case _:
            with target.open("w", encoding="utf-8") as file:
                for row in _rows(frame, spec):
                    record = dict(zip(spec.names, row, strict=True))
                    file.write(json.dumps(record, ensure_ascii=False) + "\n")
    return target


def load(
    path: str | os.PathLike[str],
    name: str | None = None,
    *,
    dtype_backend: Backend = "numpy_nullable",
) -> pd.DataFrame:
    """Read a frame that `save` wrote, with its dtypes.

    Parameters
    ----------
    path
        The file.
    name
        Which frame it is, such as ``"steps"``; found by its columns where it is not given.
    dtype_backend
        ``"pyarrow"`` for Arrow's own dtypes in place of pandas' nullable ones.

    Raises
    ------
    FrameError
        If there is no such file, its columns are those of no frame, or `name` does not fit them.
    """
    source = _file(path)
    if not source.is_file():
        raise FrameError(f"There is no file {source}.")
    try:
        spec, frame = _read(source, name)
    except FrameError:
        raise
    except (json.JSONDecodeError, csv.Error, UnicodeDecodeError, KeyError, ValueError) as error:
        raise FrameError(f"{source} cannot be read as a frame that was saved: {error}") from error
    return frame if dtype_backend == "numpy_nullable" else as_arrow(frame, spec)


def _read(source: Path, name: str | None) -> tuple[FrameSpec, pd.DataFrame]:
    if source.suffix == ".parquet":
        require("pyarrow", "parquet", "A Parquet file")
        frame = pd.read_parquet(source)
        schema = str(frame.attrs.get("schema", "")).rpartition(".")[2]
        spec = _named(list(frame.columns), name or schema or None, source)
        columns = {column.name: typed(frame[column.name], column.dtype) for column in spec.columns}
        return spec, describe(pd.DataFrame(columns, copy=False), spec)
    if source.suffix == ".csv":
        with source.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            names = next(reader, [])
            spec = _named(names, name, source)
            cells = list(zip(*reader, strict=True)) or [()] * len(names)
        texts = {each: [_unescaped(cell) for cell in column] for each, column in
                 zip(names, cells, strict=True)}  # fmt: skip
    else:
        with source.open(encoding="utf-8") as file:
            records = [json.loads(line) for line in file]
        if not records and name is None:
            raise FrameError(f"{source} is empty: say which frame it is, such as name='steps'.")
        spec = spec_of(name) if not records and name else _named(list(records[0]), name, source)
        texts = {each: [record[each] for record in records] for each in spec.names}
    values = {column.name: _values(texts[column.name], column.dtype) for column in spec.columns}
    plain = FrameSpec(spec.name, spec.row, tuple(_uncomputed(column) for column in spec.columns))
    return spec, build_frame(plain, values)


def _file(path: str | os.PathLike[str]) -> Path:
    file = Path(path)
    if file.suffix not in _SUFFIXES:
        raise FrameError(f"{file} must end in {', '.join(_SUFFIXES)} to say what it is.")
    return file


def _uncomputed(column: Column) -> Column:
    return replace(column, source=None, needs=())


def _spec(frame: pd.DataFrame) -> FrameSpec:
    schema = str(frame.attrs.get("schema", "")).rpartition(".")[2]
    names = [str(each) for each in frame.columns]
    more = [each for each in names if each not in spec_of(schema).names] if schema else []
    if more:
        raise FrameError(
            f"The frame {schema} has no {', '.join(more)}: drop what was added, or write the frame "
            "with pandas itself, such as by frame.to_parquet(…)."
        )
    return _named(names, schema or None, None)


def _named(names: Sequence[str], name: str | None, source: Path | None) -> FrameSpec:
    if name is not None:
        return spec_of(name).only(names)
    for spec in FRAMES:
        if list(names) == spec.names:
            return spec
    what = "The frame" if source is None else f"The file {source}"
    raise FrameError(
        f"{what} has the columns of none of the frames ({', '.join(names)}): "
        "say which it is, such as name='steps'."
    )


def _rows(frame: pd.DataFrame, spec: FrameSpec) -> Iterator[tuple[Any, ...]]:
    columns = [_plain(frame[column.name], column.dtype) for column in spec.columns]
    return zip(*columns, strict=True)


def _plain(values: Any, dtype: ColumnType) -> list[Any]:
    """Return values as JSON knows them, None for what is missing."""
    if dtype == TIME:
        values = values.dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    listed = values.astype("object")
    plain: list[Any] = listed.where(listed.notna(), None).tolist()
    return plain


def _escaped(cell: Any) -> Any:
    return f"\\{cell}" if isinstance(cell, str) and cell.startswith("\\") else cell


def _unescaped(cell: str) -> str | None:
    if cell == _MISSING:
        return None
    return cell[1:] if cell.startswith("\\\\") else cell


def _values(cells: Sequence[Any], dtype: ColumnType) -> Any:
    """Return cells, perhaps of text, as `typed` takes them."""
    if dtype == TIME:
        times = pd.to_datetime(pd.Series(cells, dtype="object"), utc=True, format="ISO8601")
        return times.dt.as_unit("us")
    make: Any = {INTEGER: int, FLOAT: float, BOOLEAN: _truth}.get(str(dtype))
    if make is None:
        return list(cells)
    return [None if cell is None else make(cell) for cell in cells]


def _truth(cell: Any) -> bool:
    return cell is True or cell == "True"
