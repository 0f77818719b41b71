"""What a function returned, as the text that a model reads."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import uuid
from collections.abc import Mapping, Set
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

__all__ = ["to_content"]

_JSON_TYPES = (
    BaseModel,
    Mapping,
    Set,
    list,
    tuple,
    bool,
    int,
    float,
    enum.Enum,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    decimal.Decimal,
    uuid.UUID,
)


def to_content(value: object) -> str:
    """Return `value` as tool-result text: text as it is, data as JSON, anything else as `str`.

    ``None`` becomes ``null``. NumPy numbers and arrays count as data. NaN and infinity are
    written as ``NaN`` and ``Infinity``: a model reads them, no parser does.
    """
    if isinstance(value, str) and not isinstance(value, enum.Enum):
        return value
    plain = _plain(value)
    if plain is not value or value is None or _is_data(value):
        return to_json(plain, fallback=_fallback, inf_nan_mode="constants").decode()
    return str(value)


def _is_data(value: object) -> bool:
    if isinstance(value, _JSON_TYPES):
        return True
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _plain(value: object) -> Any:
    """Return NumPy and pandas values as Python ones, which is what their `tolist` does."""
    tolist = None if isinstance(value, type) else getattr(value, "tolist", None)
    return tolist() if callable(tolist) else value


def _fallback(value: Any) -> Any:
    plain = _plain(value)
    return str(value) if plain is value else plain
