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
is `<NA>`, never 0. Rows come as they were stored; a conversation's chunks by `seq`.

```python
chat.chunks, turn.chunks, store.chunks  # of a chat, a turn, a store
dn.Frames(store, other).chunks  # of several: begins with a column `store`

store.frame("steps", since="2026-01-31", models="gpt-4o-mini", columns=["step_id", "cost_usd"])
store.frame("chunks", conversation_id="monday", dtype_backend="pyarrow")
```

What a filter or `columns` leaves out is not read. `since` and `models` choose turns: those that
began then or later, those in which such a model was asked; of steps and usage `models` chooses the
steps themselves.

`frame.attrs` has the `schema` and its `schema_version`, and in `otel` what OpenTelemetry's GenAI
conventions call the columns. A frame is yours to change; none that is asked for later is changed
with it.

Whole frames of a SQLite store, or of a conversation in it, are kept once they were read, and the
next one reads and derives again what was added or changed alone, whoever wrote it: rows of chunks,
messages, steps, usage and tool calls one by one, turns, deltas, latency and conversations by the
turn or conversation that anything came to. The rest is shared, not copied, but for the numbers in
a column of which an earlier row changed. Kept frames of all stores take at most a quarter of the
machine's memory; those asked for longest ago go first. On a database server every frame is read
anew. A frame of many rows is read as Arrow by processes beside this one where the extra `parquet`
is installed.

`store.sql("SELECT …")` asks a SQLite store by the names of the frames, all of them, times being ISO
text:

```python
store.sql("SELECT role, MAX(gap_s) FROM deltas JOIN chunks USING (conversation_id, seq) GROUP BY 1")
```

Other programs see the same as views of its file, `steps_frame` for `steps` and so on. Deltas and
latency are not among these: the events of a finished turn are compressed, which SQL cannot undo;
`store.sql` unpacks those that a query asks for. What SQLite's text cannot hold, such as NUL, is
U+FFFD in SQL and whole in the frames. Long text is whole in every frame; pandas cuts it when it
shows one (`display.max_colwidth`).

`dispatch_nb.interchange` writes frames to `.parquet`, `.csv` and `.jsonl` and reads them back with
their dtypes (`save`, `load`), writes events and chunks as JSON Lines (`save_events`,
`save_chunks`), gives spans to OpenTelemetry (`to_otel`), and brings in OpenAI-style messages,
Inspect AI logs and `llm` logs (`import_messages`, `import_inspect`, `import_llm`). DuckDB and
polars take the frames as they are.

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
