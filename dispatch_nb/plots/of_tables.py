"""A chart of any small table: its columns side by side, such as what is and what could be."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from ..errors import FrameError
from .drawing import BLUE, GREY, PALETTE, TEAL, Drawing
from .words import short_names

__all__ = ["compare"]

MOST_ROWS = 40


def compare(table: pd.DataFrame, title: str, subtitle: str, unit: str) -> Drawing:
    """Return a table's numbers as bars, row below row, its columns below each other in a row."""
    if not isinstance(table, pd.DataFrame):
        raise FrameError(
            f"A comparison is drawn from a DataFrame, not from {type(table).__name__}."
        )
    texts = [str(name) for name in table.columns if not pd.api.types.is_numeric_dtype(table[name])]
    if texts:
        raise FrameError(
            f"Every column of a comparison is of numbers, which {', '.join(texts)} is not: "
            "names belong into the index (`table.set_index(…)`)."
        )
    if len(table.columns) > len(PALETTE) or len(table) > MOST_ROWS:
        raise FrameError(
            f"A comparison of {len(table)} rows and {len(table.columns)} columns is none that a "
            f"person can read: at most {MOST_ROWS} rows and {len(PALETTE)} columns."
        )
    if table.index.has_duplicates or table.columns.has_duplicates:
        raise FrameError("Rows and columns of a comparison need names that differ.")
    labels = short_names((_name(each) for each in table.index), 36)
    groups = short_names(str(each) for each in table.columns)
    values = table.to_numpy(dtype="float64", na_value=np.nan)
    rows: list[dict[str, Any]] = [
        {"label": label, "group": group, "y": float(values[row, column])}
        for row, label in enumerate(labels.values())
        for column, group in enumerate(groups.values())
        if not np.isnan(values[row, column])
    ]
    money = unit == "usd"
    # Two columns are before and after: grey steps back behind the colour.
    colours = (GREY, TEAL) if len(groups) == 2 else (BLUE, *PALETTE[1:])
    ends: dict[Any, str] = {(row["label"], row["group"]): _written(row["y"], money) for row in rows}
    return Drawing(
        "pairs",
        pd.DataFrame(rows, columns=["label", "group", "y"]),
        title,
        subtitle,
        "US dollars" if money else unit,
        "",
        dict(zip(groups.values(), colours, strict=False)),
        money=money,
        ends=ends,
        note="The table has no numbers.",
    )


def _name(key: Hashable) -> str:
    return ", ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _written(value: float, money: bool) -> str:
    if money:
        return f"${value:,.2f}" if abs(value) >= 0.01 or value == 0 else f"${value:.4f}"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.3g}"
