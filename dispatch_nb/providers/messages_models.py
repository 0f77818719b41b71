"""What differs between the models of the Messages API, by their names.

Source: Anthropic's model overview and its pages on extended and adaptive thinking.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["ModelTraits", "model_traits"]

_NAME = re.compile(r"claude-(?:(\d+)(?:-(\d))?-)?[a-z]+(?:-(\d+)(?:-(\d{1,2}))?)?(?![\d])")
_NEWEST = (99, 0)


@dataclass(frozen=True, slots=True)
class ModelTraits:
    """What a request must know of its model.

    Parameters
    ----------
    longest_answer
        Tokens that an answer may have at most, thinking included; None where unknown.
    thinks_by_itself
        Whether it decides how much to think; others are given a budget of tokens.
    hides_thinking
        Whether it tells what it thinks only when asked to.
    thinks_unasked
        Whether it may think though the request does not speak of thinking.
    """

    longest_answer: int | None = None
    thinks_by_itself: bool = False
    hides_thinking: bool = False
    thinks_unasked: bool = True


def model_traits(model: str) -> ModelTraits:
    """Return the traits of a model; a Claude not known here counts as one of the newest.

    Of models with other names, which other servers offer, nothing is known.
    """
    version = _version(model)
    if version is None:
        return ModelTraits()
    return ModelTraits(
        longest_answer=_longest_answer(version, model),
        thinks_by_itself=version >= (4, 6),
        hides_thinking=version >= (4, 7),
        thinks_unasked=version >= (5, 0),
    )


def _version(model: str) -> tuple[int, int] | None:
    """Return the version in a name, such as (4, 5) of ``anthropic/claude-haiku-4.5``."""
    found = _NAME.search(model.lower().replace(".", "-"))
    if found is None:
        return None
    before, before_minor, after, after_minor = found.groups()
    major, minor = (before, before_minor) if before else (after, after_minor)
    if major is None:
        return _NEWEST
    # Eight digits are a date: claude-opus-4-20250514 is 4.0.
    return (int(major), int(minor or 0)) if len(major) < 3 else _NEWEST


def _longest_answer(version: tuple[int, int], model: str) -> int:
    if version < (3, 5):
        return 4_096
    if version < (3, 7):
        return 8_192
    if version < (4, 5) and "opus" in model.lower():
        return 32_000
    return 64_000
