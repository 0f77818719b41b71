"""Rows in fewer values: what is small together in one number, and texts that exclude each other.

Each value that a driver hands over has its price, whatever it holds; SQLite itself is cheap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .build import NO_TIME, as_time, category, masked, masked_kind
from .columns import BOOLEAN, FLOAT, INTEGER, TEXT, TIME, Column, FrameSpec
from .read import Columns, sql_columns

__all__ = ["MISFIT", "Plan", "plan"]

MISFIT = -1
"""A packed number for a row that has a value which is too large, or texts that should not meet."""

_BITS = 62


@dataclass(frozen=True, slots=True)
class _Field:
    """A part of a packed number: a value from 1 on, or 0 for none.

    `sql` is NULL for what does not fit in `bits`. `name` is the column's, or that of the first
    of those texts of which it says which one is there.
    """

    name: str
    sql: str
    bits: int
    packed: int = 0
    shift: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """How rows of some columns are packed.

    Parameters
    ----------
    columns
        What comes out, in order.
    texts
        Columns of text that share a value, by the first of them.
    numbers
        Columns that have a number of their own.
    fields
        What is in the packed numbers.
    """

    columns: tuple[Column, ...]
    texts: Mapping[str, tuple[str, ...]]
    numbers: tuple[Column, ...]
    fields: tuple[_Field, ...]

    @property
    def selected(self) -> list[str]:
        """The values of a row in SQL: texts, numbers, packed numbers."""
        sources = {column.name: column.source for column in self.columns}
        texts = [_first([sources[name] for name in names]) for names in self.texts.values()]
        numbers = [f"COALESCE({column.source}, {NO_TIME})" for column in self.numbers]
        return [*texts, *numbers, *self._packed()]

    def _packed(self) -> Iterator[str]:
        for number in range(1 + max((field.packed for field in self.fields), default=-1)):
            # In SQLite << and | bind alike.
            parts = [
                f"(({each.sql}) << {each.shift})" for each in self.fields if each.packed == number
            ]
            yield f"COALESCE({' | '.join(parts)}, {MISFIT})"

    def unpacked(self, texts: list[Any], numbers: list[Any]) -> Columns:
        """Return the columns of rows.

        Parameters
        ----------
        texts, numbers
            Arrays of objects and of 64-bit integers, as many as `selected` has of them.
        """
        packed = numbers[len(self.numbers) :]
        small = {
            field.name: (packed[field.packed] >> field.shift) & ((1 << field.bits) - 1)
            for field in self.fields
        }
        found: Columns = {}
        for (first, names), values in zip(self.texts.items(), texts, strict=True):
            if len(names) == 1:
                found[first] = values
            else:
                for place, name in enumerate(names, 1):
                    found[name] = np.where(small[first] == place, values, None)
        for column, values in zip(self.numbers, numbers[: len(self.numbers)], strict=True):
            found[column.name] = _own_number(column, values)
        for column in self.columns:
            if column.name not in found:
                found[column.name] = _small_number(column, small[column.name])
        return found


def plan(spec: FrameSpec) -> Plan | None:
    """Return how to read the columns of `spec` that have a SQL source; None if it cannot pack."""
    columns = tuple(sql_columns(spec))
    if not columns or any(column.dtype == FLOAT for column in columns):
        return None
    names = {column.name for column in columns}
    texts: dict[str, tuple[str, ...]] = {}
    fields: list[_Field] = []
    for group in spec.apart:
        shared = tuple(name for name in group if name in names)
        if len(shared) > 1:
            texts[shared[0]] = shared
            sources = [each.source for name in shared for each in columns if each.name == name]
            fields.append(_Field(shared[0], _which(sources), len(shared).bit_length()))
    alone = names.difference(*texts.values())
    texts |= {
        each.name: (each.name,) for each in columns if each.dtype == TEXT and each.name in alone
    }
    small = [each for each in columns if _is_small(each)]
    fields += [_field(column) for column in small]
    numbers = tuple(each for each in columns if each.dtype in (INTEGER, TIME) and not each.bits)
    return Plan(columns, texts, numbers, tuple(_placed(fields)))


def _is_small(column: Column) -> bool:
    return isinstance(column.dtype, tuple) or column.dtype == BOOLEAN or bool(column.bits)


def _field(column: Column) -> _Field:
    name, value = column.name, column.source
    if isinstance(column.dtype, tuple):
        places = " ".join(f"WHEN '{word}' THEN {at}" for at, word in enumerate(column.dtype, 1))
        return _Field(name, f"CASE {value} {places} ELSE 0 END", len(column.dtype).bit_length())
    if column.dtype == BOOLEAN:
        return _Field(name, f"CASE WHEN {value} IS NULL THEN 0 WHEN {value} THEN 2 ELSE 1 END", 2)
    most = (1 << column.bits) - 2
    fits = f"WHEN {value} BETWEEN 0 AND {most} THEN {value} + 1"
    return _Field(name, f"CASE WHEN {value} IS NULL THEN 0 {fits} END", column.bits)


def _which(texts: Sequence[object]) -> str:
    """Return SQL of which of some texts is there, from 1 on; NULL if there are two."""
    there = " + ".join(f"({text} IS NOT NULL) * {1 << at}" for at, text in enumerate(texts))
    places = " ".join(f"WHEN {1 << at} THEN {at + 1}" for at in range(len(texts)))
    return f"CASE {there} WHEN 0 THEN 0 {places} END"


def _first(texts: Sequence[object]) -> str:
    return str(texts[0]) if len(texts) == 1 else f"COALESCE({', '.join(map(str, texts))})"


def _placed(fields: list[_Field]) -> Iterator[_Field]:
    packed = shift = 0
    for field in fields:
        if shift + field.bits > _BITS:
            packed, shift = packed + 1, 0
        yield replace(field, packed=packed, shift=shift)
        shift += field.bits


def _own_number(column: Column, values: Any) -> Any:
    if column.dtype == TIME:
        return as_time(values)
    missing = values == NO_TIME
    return masked(column.dtype, np.where(missing, 0, values), missing)


def _small_number(column: Column, values: Any) -> Any:
    if isinstance(column.dtype, tuple):
        return category((values - 1).astype("int8"), column.dtype)
    missing = values == 0
    data = np.where(missing, 0, values - 1).astype(masked_kind(column.dtype))
    return masked(column.dtype, data, missing)
