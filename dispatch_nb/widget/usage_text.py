"""Figures as text and as plain HTML, for where no widget is shown: GitHub, mail, paper."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape

from ..wire.usage_view import UsageBar, UsageHead, UsageLook, UsageSums

__all__ = ["as_html", "as_text", "compact", "money"]

_COLUMNS = {"step": "Step", "time": "From (UTC)", "model": "Model", "conversation": "Conversation"}
_CELL = "text-align:right;padding:2px 12px"


def compact(value: float) -> str:
    """Return a count in few signs: 812, 3.4k, 128k, 1.2M."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        # 999,950 and more would be written as 1000.0k.
        if value >= size * 0.99995 and value >= 1000:
            text = f"{value / size:.1f}" if value < 99.95 * size else f"{value / size:.0f}"
            return text.removesuffix(".0") + unit
    return f"{value:.0f}"


def money(usd: float) -> str:
    """Return an amount of US dollars, small ones with the digits that tell them apart."""
    if usd == 0:
        return "$0"
    if usd < 0:
        return f"-{money(-usd)}"
    if usd < 0.00005:
        return "< $0.0001"
    if usd < 0.1:
        return f"${usd:.4f}"
    return f"${usd:.2f}" if usd < 100 else f"${usd:,.0f}"


def as_text(head: UsageHead) -> str:
    """Return the figures in a line."""
    return f"{head.title}: {_summary(head)}"


def as_html(head: UsageHead, bars: Sequence[UsageBar], look: UsageLook) -> str:
    """Return the figures as a table without scripts or styles of its own page."""
    rows = "".join(
        f'<tr><td style="padding:2px 12px 2px 0">{escape(_label(bar))}</td>'
        f'<td style="{_CELL}">{bar.sums.input_tokens:,}</td>'
        f'<td style="{_CELL}">{bar.sums.output_tokens:,}</td>'
        f'<td style="{_CELL}">{escape(_cost(bar.sums))}</td></tr>'
        for bar in bars
        if bar.sums.steps
    )
    names = (_COLUMNS[look.by], "Tokens in", "Tokens out", "Cost")
    titles = "".join(f'<th style="{_CELL}">{name}</th>' for name in names[1:])
    first = f'<th style="text-align:left;padding:2px 12px 2px 0">{names[0]}</th>'
    return (
        f"<div><p><strong>{escape(head.title)}</strong><br>{escape(_summary(head))}</p>"
        f"<table><thead><tr>{first}{titles}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _summary(head: UsageHead) -> str:
    totals = head.totals
    parts = [
        _cost(totals),
        f"{compact(totals.input_tokens)} tokens in ({compact(totals.cache_read_tokens)} cached)",
        f"{compact(totals.output_tokens)} out",
        f"{totals.steps:,} steps in {head.turns:,} turns",
    ]
    if totals.saved_usd > 0:
        parts.insert(1, f"{money(totals.saved_usd)} saved by caching")
    for name, count in (("failed", totals.failed), ("stopped", totals.stopped)):
        if count:
            parts.append(f"{count:,} {name}")
    if head.ttft_s is not None:
        parts.append(f"first token after {head.ttft_s.median:.2f} s (median)")
    parts += [f"price unknown for {each.steps:,} steps of {each.model}" for each in head.unpriced]
    return ", ".join(parts)


def _cost(sums: UsageSums) -> str:
    if sums.cost_usd is None:
        return "price unknown" if sums.steps else "$0"
    return f"at least {money(sums.cost_usd)}" if sums.unpriced else money(sums.cost_usd)


def _label(bar: UsageBar) -> str:
    if isinstance(bar.from_ms, int):
        return f"{datetime.fromtimestamp(bar.from_ms / 1000, UTC):%Y-%m-%d %H:%M}"
    return bar.label
