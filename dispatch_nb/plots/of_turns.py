"""Charts of turns: where their time went, how their answers came, what their tools did."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..errors import FrameError
from ..framed import FrameSource
from ..frames.latency_frame import STALL_S
from .drawing import AMBER, BLUE, GREY, RED, TEAL, Drawing, Rule
from .sources import frame_of
from .words import duration, short_names, shortened

__all__ = ["gaps", "tools", "waterfall"]

MOST_DOTS = 2_000
MOST_TOOLS = 30

_SPANS = {
    "waiting for the model": GREY,
    "answering": BLUE,
    "waiting for approval": AMBER,
    "tool": TEAL,
    "failed tool": RED,
}


def waterfall(source: FrameSource, turn_id: str | None = None) -> Drawing:
    """Return where the time of one turn went: waits, answers and tools, one below the other."""
    if not isinstance(source, FrameSource):
        raise FrameError("A waterfall is drawn from a chat, a turn or a store, not from a frame.")
    turns, steps, calls = source.turns, source.steps, source.tool_calls
    if turn_id is None and len(turns):
        turn_id = str(turns.sort_values("started_at", kind="stable")["turn_id"].iloc[-1])
    turn = turns[turns["turn_id"] == turn_id]
    if turn_id is not None and turn.empty:
        raise FrameError(f"There is no turn {turn_id!r} here.")
    rows: list[dict[str, object]] = []
    began = turn["started_at"].iloc[0] if len(turn) else None

    def add(label: str, group: str, since: Any, until: Any) -> None:
        if pd.notna(since) and pd.notna(until):
            x, x2 = ((each - began).total_seconds() for each in (since, until))
            rows.append({"label": label, "group": group, "x": x, "x2": x2, "y": x2 - x})

    made: Any = steps[steps["turn_id"] == turn_id].itertuples()
    for number, step in enumerate(made, 1):
        first = step.first_chunk_at if pd.notna(step.first_chunk_at) else step.completed_at
        add(f"request {number}", "waiting for the model", step.requested_at, first)
        add(f"request {number}", "answering", first, step.completed_at)
        of_step = calls[calls["step_id"] == step.step_id]
        run: Any = of_step.itertuples()
        for index, call in enumerate(run, 1):
            label = f"{number}.{index} {shortened(str(call.tool_name))}"
            if pd.notna(call.approved_at):
                add(label, "waiting for approval", call.requested_at, call.approved_at)
            failed = call.status in ("error", "aborted", "denied")
            group = "failed tool" if failed else "tool"
            add(label, group, call.started_at, call.completed_at)
    data = pd.DataFrame(rows, columns=["label", "group", "x", "x2", "y"])
    ends = {label: duration(took) for label, took in data.groupby("label")["y"].sum().items()}
    return Drawing(
        "spans",
        data,
        "Where the time of the turn went",
        "" if turn.empty else _told(turn.iloc[0], data),
        "Seconds since the message",
        "",
        _SPANS,
        ends=ends,
        note="No turn has a finished request yet.",
    )


def _told(turn: pd.Series[Any], data: pd.DataFrame) -> str:
    """Return how long a turn took for what, and what was asked."""
    took = data.groupby("group")["y"].sum()
    parts = {
        "waiting for the model": ["waiting for the model"],
        "answering": ["answering"],
        "approval": ["waiting for approval"],
        "tools": ["tool", "failed tool"],
    }
    told = [
        f"{name} {duration(float(took.reindex(groups).sum()))}"
        for name, groups in parts.items()
        if took.reindex(groups).notna().any()
    ]
    whole = turn["duration_s"]
    if pd.notna(whole):
        told.insert(0, f"{duration(float(whole))} in all")
    prompt = "" if pd.isna(turn["prompt_text"]) else " ".join(str(turn["prompt_text"]).split())
    asked = prompt if len(prompt) <= 80 else f"{prompt[:79]}…"
    return f"“{asked}”: {', '.join(told)}" if asked else ", ".join(told)


def gaps(source: FrameSource | pd.DataFrame) -> Drawing:
    """Return each gap between neighbouring deltas, or how many there are of a length."""
    deltas = frame_of(source, "deltas", ("t_s", "gap_s"))
    timed = deltas[deltas["gap_s"].notna() & deltas["t_s"].notna()]
    gap = np.maximum(timed["gap_s"].astype("float64").to_numpy(), 1e-4)
    stalled = gap > STALL_S
    stall = "stall, over 1 s"
    group = np.where(stalled, stall, "gap")
    told = ""
    if len(timed):
        count = int(stalled.sum())
        middle, high = (duration(float(np.percentile(gap, each))) for each in (50, 95))
        stalls = f"{count:,} {'stall' if count == 1 else 'stalls'} over 1\u00a0s"
        told = f"median {middle}, 95\u00a0% within {high}; {stalls}"
        told += f", {duration(float(gap[stalled].sum()))} of waiting" if count else ""
    groups = {"gap": BLUE, stall: RED}
    note = "No deltas with times are stored yet."
    if len(timed) <= MOST_DOTS:
        data = pd.DataFrame({"x": timed["t_s"].astype("float64"), "y": gap, "group": group})
        return Drawing(
            "dots", data, "Time between deltas", told,
            "Seconds since the request", "Seconds since the delta before", groups,
            log=True, rule=Rule(STALL_S, "stalls"), note=note,
        )  # fmt: skip
    edges = np.array([0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, np.inf])
    names = [f"{bound}\nms" for bound in (10, 20, 50, 100, 200, 500)]
    names += ["1\ns", "2\ns", "5\ns", "more"]
    counts, _ = np.histogram(gap, edges)
    share = counts / counts.sum()
    data = pd.DataFrame({"x": names, "y": share * 100, "group": ["gap"] * 7 + [stall] * 3})
    ends = {name: f"{count:,}" for name, count in zip(names, counts, strict=True) if count}
    of_all = f"% of all {len(gap):,} gaps"
    return Drawing(
        "bars", data, "Time between deltas", told, "Gap, up to", of_all, groups,
        x_kind="names", ends=ends, note=note,
    )  # fmt: skip


def tools(source: FrameSource | pd.DataFrame) -> Drawing:
    """Return how often each tool was called, how often it failed, and its median time."""
    calls = frame_of(source, "tool_calls", ("tool_name", "status", "duration_s"))
    failed = calls["status"].isin(["error", "aborted", "denied"])
    open_ = calls["status"].isin(["pending", "awaiting_approval", "running"])
    group = np.where(failed, "failed", np.where(open_, "open", "done"))
    name = calls["tool_name"].fillna("unnamed").astype("object")
    order = list(name.value_counts().index)
    hidden = order[MOST_TOOLS - 1 :] if len(order) > MOST_TOOLS else []
    name = name.where(~name.isin(hidden), f"{len(hidden)} other tools")
    order = [*order[: len(order) - len(hidden)], *([f"{len(hidden)} other tools"] * bool(hidden))]
    short = short_names(order)
    median = calls["duration_s"].groupby(name).median()
    lost = failed.astype("float64").groupby(name).mean()
    rows = pd.DataFrame({"x": name, "group": group, "y": 1.0})
    data: pd.DataFrame = rows.groupby(["x", "group"], sort=False)["y"].sum().reset_index()
    place = {each: index for index, each in enumerate(order)}
    data = data.assign(label=data["x"].map(short), place=data["x"].map(place))
    data = data.sort_values("place", kind="stable", ignore_index=True).drop(columns="place")
    ends: dict[Any, str] = {}
    for each in order:
        middle, share = median.get(each), float(lost[each])
        told = [f"median {duration(float(middle))}"] if pd.notna(middle) else []
        ends[short[each]] = ", ".join([*told, *([f"{share:.0%} failed"] * (share > 0))])
    count = int(failed.sum())
    return Drawing(
        "rows",
        data,
        "Tool calls",
        f"{len(calls):,} calls, {count:,} failed" + (f" ({failed.mean():.1%})" if count else ""),
        "Calls",
        "",
        {"done": TEAL, "failed": RED, "open": AMBER},
        ends=ends,
        note="No tool was called yet.",
    )
