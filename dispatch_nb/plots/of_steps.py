"""Charts of model requests: their tokens, their cost, their context."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ..framed import FrameSource
from ..prices import prices_of
from .drawing import AMBER, BLUE, GREY, PALETTE, TEAL, VIOLET, Drawing, Rule
from .slots import Slots, slots_of
from .sources import frame_of, titles_of
from .words import short_names, shortened

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["context", "cost", "tokens"]

MOST_GROUPS = 6
OTHERS = "others"
MODELS = ("request_model", "response_model")
TOKENS = tuple(
    f"{kind}_tokens"
    for kind in (
        *("input", "uncached_input", "cache_read", "cache_write"),
        *("output", "reasoning", "total"),
    )
)

_KINDS = {
    "input, not cached": BLUE,
    "written to cache": AMBER,
    "read from cache": GREY,
    "output, said": TEAL,
    "output, thought": VIOLET,
}


def tokens(source: FrameSource | pd.DataFrame) -> Drawing:
    """Return tokens by request, or by time where there are many, stacked by kind."""
    steps = frame_of(source, "steps", ("requested_at", *TOKENS))
    counted = steps[steps["input_tokens"].notna()].sort_values("requested_at", kind="stable")
    slots = slots_of(counted["requested_at"])
    thought = counted["reasoning_tokens"].fillna(0)
    columns = {
        "input, not cached": counted["uncached_input_tokens"],
        "written to cache": counted["cache_write_tokens"],
        "read from cache": counted["cache_read_tokens"],
        "output, said": counted["output_tokens"] - thought,
        "output, thought": thought,
    }
    parts = [
        pd.DataFrame({"x": slots.x, "y": values.fillna(0).astype("float64"), "group": kind})
        for kind, values in columns.items()
    ]
    data = _summed(pd.concat(parts))
    total = int(counted["total_tokens"].sum())
    told = f"{total:,} in all{_timeless(slots)}{_lacking(len(steps) - len(counted), 'a count')}"
    return _bars(
        data[data["y"] > 0], slots, "Tokens", told, "Tokens", _KINDS,
        note="No request has counted tokens yet.",
    )  # fmt: skip


def cost(source: FrameSource | pd.DataFrame) -> Drawing:
    """Return cost over time, by model."""
    steps = frame_of(source, "steps", ("requested_at", "cost_usd", "input_tokens", *MODELS))
    model = steps["response_model"].fillna(steps["request_model"]).fillna("unnamed")
    paid = steps[steps["cost_usd"].notna()].sort_values("requested_at", kind="stable")
    slots = slots_of(paid["requested_at"])
    of_paid = model[paid.index].astype("object")
    by_model = paid["cost_usd"].groupby(of_paid).sum().sort_values(ascending=False)
    most = MOST_GROUPS if len(by_model) > MOST_GROUPS + 1 else MOST_GROUPS + 1
    names = short_names(str(name) for name in by_model.index[:most])
    rows = pd.DataFrame(
        {
            "x": slots.x,
            "y": paid["cost_usd"].astype("float64"),
            "group": of_paid.map(names).fillna(OTHERS),
        }
    )
    unpriced = model[steps["cost_usd"].isna() & steps["input_tokens"].notna()]
    told = f"${float(paid['cost_usd'].sum()):,.2f} in all{_timeless(slots)}"
    uncounted = len(steps) - len(paid) - len(unpriced)
    told += _lacking(len(unpriced), f"a price ({_named(unpriced)})")
    told += _lacking(uncounted, "counted tokens")
    note = "No request was made yet."
    if len(unpriced):
        note = (
            f"No price is known for {_named(unpriced)}: dn.prices.set('PROVIDER:MODEL', …) gives "
            "one, and dn.reprice(…, keep=True) applies it to old requests."
        )
    elif len(steps):
        note = "No request has counted tokens yet."
    groups = dict(zip([*names.values(), OTHERS], [*PALETTE[: len(names)], GREY], strict=True))
    return _bars(_summed(rows), slots, "Cost", told, "US dollars", groups, money=True, note=note)


def _bars(
    data: pd.DataFrame,
    slots: Slots,
    what: str,
    told: str,
    y_title: str,
    groups: dict[str, str],
    **more: Any,
) -> Drawing:
    title = f"{what} per {slots.word}" + (" and model" if more.get("money") else "")
    return Drawing(
        "bars", data, title, told, slots.title, y_title, groups,
        x_kind=slots.kind, x_unit=slots.unit, x_format=slots.format, **more,
    )  # fmt: skip


def _summed(rows: pd.DataFrame) -> pd.DataFrame:
    summed: pd.DataFrame = rows.groupby(["x", "group"], sort=False)["y"].sum().reset_index()
    return summed


def _timeless(slots: Slots) -> str:
    """Say how many requests are in no bar, as nobody knows when they were made."""
    count = int(slots.x.isna().sum())
    return f"; {count:,} {_requests(count)} without a time are in no bar" if count else ""


def _lacking(count: int, what: str) -> str:
    return f"; {count:,} {_requests(count)} without {what} not in it" if count else ""


def _named(models: Series) -> str:
    """Return the names of a few models, those with most requests first."""
    names = models.value_counts().index
    few = ", ".join(shortened(str(each)) for each in names[:2])
    return f"{few} and {len(names) - 2} more" if len(names) > 2 else few


def _requests(count: int) -> str:
    return "request" if count == 1 else "requests"


def context(source: FrameSource | pd.DataFrame) -> Drawing:
    """Return how the context of conversations grows, against the window of the model."""
    needs = ("conversation_id", "requested_at", "total_tokens", "provider_name", *MODELS)
    steps = frame_of(source, "steps", needs)
    counted = steps[steps["total_tokens"].notna()]
    largest = counted.groupby("conversation_id")["total_tokens"].max().nlargest(MOST_GROUPS)
    shown = counted[counted["conversation_id"].isin(largest.index)]
    shown = shown.sort_values("requested_at", kind="stable")
    ids = [str(each) for each in largest.index]
    titles = titles_of(source, ids) if ids else {}
    short = short_names(titles.values())
    names = {each: short[titles[each]] for each in ids}
    data = pd.DataFrame(
        {
            "x": shown.groupby("conversation_id").cumcount() + 1,
            "y": shown["total_tokens"].astype("float64"),
            "group": shown["conversation_id"].astype("object").map(names),
        }
    )
    rule = _window(shown)
    told = ""
    if ids:
        most = int(largest.iloc[0])
        told = f"at most {most:,} tokens" + (f", {most / rule.value:.0%} of it" if rule else "")
        count = counted["conversation_id"].nunique()
        told += f"; the {len(ids)} largest of {count:,} conversations" if count > len(ids) else ""
    return Drawing(
        "lines",
        data,
        "Context against the model's window" if rule else "Context per request",
        told,
        "Request of the conversation",
        "Tokens, input and output",
        dict(zip(names.values(), PALETTE, strict=False)),
        rule=rule,
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
    return Rule(size, f"window of {shortened(name)}: {size:,}")
