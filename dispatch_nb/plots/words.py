"""Numbers and names as a chart writes them."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["LONGEST", "duration", "money_decimals", "short_names", "shortened"]

LONGEST = 30


def duration(seconds: float) -> str:
    """Return a time as a person says it: ``25 ms``, ``1.4 s``, ``312 s``; no line ends in it."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f}\u00a0ms"
    return f"{seconds:.1f}\u00a0s" if seconds < 99.95 else f"{seconds:,.0f}\u00a0s"


def money_decimals(most: float) -> int:
    """Return how many decimals dollars have on an axis that goes to `most`."""
    if most >= 5:
        return 0
    return 2 if most >= 0.05 else 4 if most >= 0.0005 else 6


def shortened(name: str, longest: int = LONGEST) -> str:
    """Return a name without its middle where it is long: its end often tells it apart."""
    if len(name) <= longest:
        return name
    head = longest // 3
    return f"{name[:head]}…{name[head + 1 - longest :]}"


def short_names(names: Iterable[str], longest: int = LONGEST) -> dict[str, str]:
    """Return each name with its short form; no two of these are alike."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        short, number = shortened(name, longest), 1
        while short in taken:
            number += 1
            short = f"{shortened(name, longest - 4)} ({number})"
        taken.add(short)
        found[name] = short
    return found
