"""Exceptions of providers and tools as words for a transcript."""

from __future__ import annotations

from .contracts import Failure

__all__ = ["as_failure", "describe"]


def describe(error: BaseException) -> str:
    """Return what `error` says, or its kind where the message alone says nothing."""
    try:
        text = str(error)
    except Exception:  # its own words fail; its kind is still known
        text = ""
    if not text:
        return type(error).__name__
    if type(error) is KeyError:
        return f"KeyError: {text}"
    return text


def as_failure(error: BaseException) -> Failure:
    """Return an exception of a provider's stream as the failure of its request.

    An exception may always be retried (turn contract, section 5).
    """
    return Failure(message=describe(error), retryable=True)
