"""The charts as drawings, made of frames alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import FrameError
from ..framed import FrameSource
from ..frames.latency_frame import STALL_S
from ..prices import prices_of
from .drawing import AMBER, BLUE, GREY, PALETTE, RED, TEAL, VIOLET, Drawing, Rule

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["context", "cost", "gaps", "tokens", "tools", "waterfall"]

MOST_BARS = 60
MOST_LINES = 6
MOST_DOTS = 2_000
OTHERS = "others"

_KINDS = {
    "input, not cached": BLUE,
    "written to cache": AMBER,
    "read from cache": GREY,
    "output, said": TEAL,
    "output, thought": VIOLET,
}


def _frame(source: FrameSource | pd.DataFrame, name: str) -> pd.DataFrame:
    """Return a source's frame, or the one that was given after a look at its schema."""
    if isinstance(source, pd.DataFrame):
        schema = source.attrs.get("schema")
        if schema not in (None, f"dispatch_nb.{name}"):
            raise FrameError(f"This chart is drawn from the frame {name!r}, not from {schema!r}.")
        return source
    if not isinstance(source, FrameSource):
        raise FrameError(
            f"A chart is drawn from a chat, a turn, a store or the frame {name!r}, "
            f"not from {type(source).__name__}."
        )
    return source.frame(name)


def _by_time(times: Series) -> tuple[Series, str, str]:
    """Return where each row stands on the horizontal axis, its kind and its title."""
    if len(times) > MOST_BARS and times.notna().any():
        return times.dt.tz_localize(None).dt.floor("D"), "days", "Day (UTC)"
    return pd.Series(range(1, len(times) + 1), index=times.index), "numbers", "Request"


def tokens(source: FrameSource | pd.DataFrame) -> Drawing:
    """Return tokens by request, or by day where there are many, stacked by kind."""
    steps = _frame(source, "steps")
    counted = steps[steps["input_tokens"].notna()].sort_values("requested_at", kind="stable")
    x, x_kind, x_title = _by_time(counted["requested_at"])
    thought = counted["reasoning_tokens"].fillna(0)
    columns = {
        "input, not cached": counted["uncached_input_tokens"],
        "written to cache": counted["cache_write_tokens"],
        "read from cache": counted["cache_read_tokens"],
        "output, said": counted["output_tokens"] - thought,
        "output, thought": thought,
    }
    parts = [
        pd.DataFrame({"x": x, "y": values.fillna(0).astype("float64"), "group": kind})
        for kind, values in columns.items()
    ]
    data = pd.concat(parts).groupby(["x", "group"], sort=False, as_index=False)["y"].sum()
    total = int(counted["total_tokens"].sum())
    lacking = len(steps) - len(counted)
    return Drawing(
        "bars",
        data[data["y"] > 0],
        "Tokens by request" if x_kind == "numbers" else "Tokens by day",
        f"{total:,} in all" + (f"; {lacking} requests without a count" if lacking else ""),
        x_title,
        "Tokens",
        _KINDS,
        x_kind=x_kind,  # type: ignore[arg-type]
        note="No request has counted tokens yet.",
    )


def cost(source: FrameSource | pd.DataFrame) -> Drawing:
    """Return cost over time, by model."""
    steps = _frame(source, "steps")
    paid = steps[steps["cost_usd"].notna()].sort_values("requested_at", kind="stable")
    x, x_kind, x_title = _by_time(paid["requested_at"])
    model = paid["response_model"].fillna(paid["request_model"]).fillna("unnamed").astype("object")
    by_model = paid["cost_usd"].groupby(model).sum().sort_values(ascending=False)
    names = [str(name) for name in by_model.index[:MOST_LINES]]
    rows = pd.DataFrame(
        {
            "x": x,
            "y": paid["cost_usd"].astype("float64"),
            "group": model.where(model.isin(names), OTHERS),
        }
    )
    data: pd.DataFrame = rows.groupby(["x", "group"], sort=False)["y"].sum().reset_index()
    lacking = len(steps) - len(paid)
    return Drawing(
        "bars",
        data,
        "Cost by model",
        f"${float(paid['cost_usd'].sum()):,.2f} in all"
        + (f"; {lacking} requests without a price are not in it" if lacking else ""),
        x_title,
        "US dollars",
        dict(zip([*names, OTHERS], [*PALETTE[: len(names)], GREY], strict=True)),
        x_kind=x_kind,  # type: ignore[arg-type]
        money=True,
        note="No request has a price: dn.prices.set('PROVIDER:MODEL', …) gives it one, and "
        "dn.reprice works old ones out."
        if len(steps)
        else "No request was made yet.",
    )


def context(source: FrameSource | pd.DataFrame) -> Drawing:
    """Return how the context of conversations grows, against the window of the model."""
    steps = _frame(source, "steps")
    counted = steps[steps["total_tokens"].notna()]
    largest = counted.groupby("conversation_id")["total_tokens"].max().nlargest(MOST_LINES)
    shown = counted[counted["conversation_id"].isin(largest.index)]
    shown = shown.sort_values("requested_at", kind="stable")
    data = pd.DataFrame(
        {
            "x": shown.groupby("conversation_id").cumcount() + 1,
            "y": shown["total_tokens"].astype("float64"),
            "group": shown["conversation_id"].astype("object"),
        }
    )
    names = [str(name) for name in largest.index]
    count = counted["conversation_id"].nunique()
    return Drawing(
        "lines",
        data,
        "Context by request",
        f"the {len(names)} largest of {count} conversations" if count > 1 else "input and output",
        "Request of the conversation",
        "Tokens",
        dict(zip(names, PALETTE, strict=False)),
        rule=_window(shown),
        note="No request has counted tokens yet.",
    )


def _window(steps: pd.DataFrame) -> Rule | None:
    """Return the smallest context window among the models that were asked."""
    asked = steps[["provider_name", "request_model", "response_model"]].drop_duplicates()
    known = [
        (found.context_window, found.model)
        for row in asked.itertuples()
        for model in (row.request_model, row.response_model)
        if isinstance(model, str)
        and isinstance(row.provider_name, str)
        and row.provider_name != "scripted"
        and (found := prices_of(row.provider_name, model)) is not None
        and found.context_window
    ]
    if not known:
        return None
    size, name = min(known)
    return Rule(size, f"window of {name}: {size:,}")


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
            label = f"{number}.{index} {call.tool_name}"
            if pd.notna(call.approved_at):
                add(label, "waiting for approval", call.requested_at, call.approved_at)
            failed = call.status in ("error", "aborted", "denied")
            group = "failed tool" if failed else "tool"
            add(label, group, call.started_at, call.completed_at)
    prompt = "" if turn.empty else str(turn["prompt_text"].fillna("").iloc[0])
    return Drawing(
        "spans",
        pd.DataFrame(rows, columns=["label", "group", "x", "x2", "y"]),
        "Where the time of the turn went",
        prompt if len(prompt) <= 80 else prompt[:79] + "…",
        "Seconds since the message",
        "",
        {
            "waiting for the model": GREY,
            "answering": BLUE,
            "waiting for approval": AMBER,
            "tool": TEAL,
            "failed tool": RED,
        },
        note="No turn has a finished request yet.",
    )


def gaps(source: FrameSource | pd.DataFrame) -> Drawing:
    """Each gap between neighbouring deltas, or how many there are of a length."""
    deltas = _frame(source, "deltas")
    timed = deltas[deltas["gap_s"].notna() & deltas["t_s"].notna()]
    gap = np.maximum(timed["gap_s"].astype("float64").to_numpy(), 1e-4)
    stalled = gap > STALL_S
    group = np.where(stalled, "stall", "gap")
    told = (
        ""
        if timed.empty
        else f"median {np.median(gap) * 1000:,.0f} ms, {int(stalled.sum()):,} stalls over 1 s"
    )
    groups = {"gap": BLUE, "stall": RED}
    note = "No deltas with times are stored yet."
    if len(timed) <= MOST_DOTS:
        data = pd.DataFrame({"x": timed["t_s"].astype("float64"), "y": gap, "group": group})
        return Drawing(
            "dots", data, "Time between deltas", told,
            "Seconds since the request", "Seconds since the delta before", groups,
            log=True, rule=Rule(STALL_S, "stall"), note=note,
        )  # fmt: skip
    edges = np.array([0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, np.inf])
    names = ["< 10 ms", "10-20", "20-50", "50-100", "100-200", "200-500 ms"]
    names += ["0.5-1 s", "1-2 s", "2-5 s", "> 5 s"]
    counts, _ = np.histogram(gap, edges)
    share = counts / counts.sum()
    data = pd.DataFrame({"x": names, "y": share * 100, "group": ["gap"] * 7 + ["stall"] * 3})
    return Drawing(
        "bars", data, "Time between deltas", told, "Gap", "% of all gaps", groups,
        x_kind="names", note=note,
    )  # fmt: skip


def tools(source: FrameSource | pd.DataFrame) -> Drawing:
    """Return how often each tool was called, how often it failed, and its median time."""
    calls = _frame(source, "tool_calls")
    failed = calls["status"].isin(["error", "aborted", "denied"])
    open_ = calls["status"].isin(["pending", "awaiting_approval", "running"])
    group = np.where(failed, "failed", np.where(open_, "open", "done"))
    median = calls.groupby("tool_name")["duration_s"].median()
    order = calls["tool_name"].value_counts().index
    names = {
        name: str(name) if pd.isna(median[name]) else f"{name}  ({_time(float(median[name]))})"
        for name in order
    }
    rows = pd.DataFrame({"x": calls["tool_name"].astype("object"), "group": group, "y": 1.0})
    data: pd.DataFrame = rows.groupby(["x", "group"], sort=False)["y"].sum().reset_index()
    place = {name: index for index, name in enumerate(order)}
    data = data.assign(place=data["x"].map(place)).sort_values("place", kind="stable")
    data = data.assign(label=data["x"].map(names)).drop(columns="place")
    count = int(failed.sum())
    return Drawing(
        "rows",
        data,
        "Tool calls",
        f"{len(calls):,} calls, {count:,} failed; median time in brackets",
        "Calls",
        "",
        {"done": TEAL, "failed": RED, "open": AMBER},
        note="No tool was called yet.",
    )


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
