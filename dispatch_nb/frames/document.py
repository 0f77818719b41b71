"""The frames' column lists as a markdown page: ``python -m dispatch_nb.frames.document``."""

from __future__ import annotations

import sys
from inspect import getdoc

from .columns import Column, FrameSpec
from .model_columns import MODELS
from .request import FRAMES

__all__ = ["render"]

_INTRODUCTION = """\
# Frames

Every frame is a pandas DataFrame with a plain RangeIndex and exactly the columns below, in
this order and of these dtypes, also when it is empty and while a turn runs. Join keys:
`conversation_id` → `turn_id` → `step_id` → `seq` or `tool_call_id`. Times are UTC, columns
ending in `_s` are seconds, in `_usd` US dollars, in `_json` JSON as text. What is not known
is `<NA>`. `frame.attrs` names the schema and its version.

This page is made from the column lists by `python -m dispatch_nb.frames.document`.
"""


def _dtype(column: Column) -> str:
    if isinstance(column.dtype, tuple):
        return "category: " + ", ".join(f"`{word}`" for word in column.dtype)
    return f"`{column.dtype}`"


def _meaning(column: Column) -> str:
    if not callable(column.source):
        return column.meaning
    rule = (getdoc(column.source) or "").removeprefix("Return ").rstrip(".")
    return f"{column.meaning}. Computed: {rule}"


def _section(spec: FrameSpec) -> str:
    rows = [
        f"| `{column.name}` | {_dtype(column)} | {_meaning(column)} |" for column in spec.columns
    ]
    return "\n".join(
        [
            f"## {spec.name}",
            "",
            f"A row is {spec.row}. Schema `{spec.schema}`, version {spec.version}.",
            "",
            "| column | dtype | meaning |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def render() -> str:
    """Return the page."""
    return "\n".join([_INTRODUCTION, *(_section(spec) for spec in (*FRAMES, MODELS))])


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.write(render())
