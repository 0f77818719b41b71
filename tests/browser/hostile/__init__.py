"""Hostile texts by kind: what a model may be made to say, to run, load, hide or stall something.

In a text, ``RUN`` stands for script that reports itself, ``UP`` for the same from a frame in
the page, and ``URL`` for an address that nothing may ask for.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import loads, markup, scripts, shapes, words

__all__ = ["KINDS", "Hostile", "corpus"]


@dataclass(frozen=True)
class Hostile:
    """One text; `fires` says that it runs or loads something where nothing is sanitised."""

    number: int
    kind: str
    text: str
    fires: bool

    def armed(self, canary: str) -> str:
        """Return the text with its script and address filled in."""
        ready = self.text.replace("URL", f"{canary}/{self.number}")
        return ready.replace("UP", f"parent.hit({self.number})").replace(
            "RUN", f"hit({self.number})"
        )


KINDS: dict[str, tuple[list[str], bool]] = {
    "script": (scripts.SCRIPTS, True),
    "mutation": (scripts.MUTATIONS, True),
    "mathml and svg": (markup.FOREIGN, True),
    "style": (markup.STYLES, True),
    "image": (loads.IMAGES, True),
    "data url": (loads.DATA_URLS, True),
    "link": (loads.LINKS, True),
    "formula": (words.FORMULAS, False),
    "bidi": (words.BIDI, False),
    "homoglyph": (words.HOMOGLYPHS, False),
    "spoof": (words.SPOOFS, False),
    "giant table": (shapes.TABLES, False),
    "deep nesting": (shapes.NESTING, False),
    "slow pattern": (shapes.PATTERNS, False),
}


def corpus() -> list[Hostile]:
    """Return every text, each with a number of its own."""
    texts = [(kind, text, fires) for kind, (all_, fires) in KINDS.items() for text in all_]
    return [Hostile(number, *each) for number, each in enumerate(texts)]
