"""What a provider's error says, in whichever of its shapes it comes."""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import json
from collections.abc import Mapping

from ..engine.contracts import Failure

__all__ = ["error_words", "excerpt", "retry_after_ms", "stream_failure"]

_LONGEST = 500
_PASSING = (
    "api_error",
    "internal_error",
    "overloaded_error",
    "rate_limit_error",
    "rate_limit_exceeded",
    "server_error",
    "timeout_error",
)


def stream_failure(error: object) -> Failure:
    """Return the failure for an error object that came inside a stream."""
    words = error_words(error) or excerpt(json.dumps(error))
    inner = error.get("error", error) if isinstance(error, Mapping) else {}
    code = inner.get("code") or inner.get("type") if isinstance(inner, Mapping) else None
    text = None if code is None else str(code)
    return Failure(
        f"The provider broke off its answer with an error: {words}",
        code=text,
        retryable=_is_passing(text),
    )


def error_words(error: object) -> str:
    """Return the sentence inside an error body, or "" if there is none."""
    if isinstance(error, str):
        return excerpt(error)
    if isinstance(error, list):
        return error_words(error[0]) if error else ""
    if not isinstance(error, Mapping):
        return ""
    words = next(
        (found for key in ("error", "message", "detail") if (found := error_words(error.get(key)))),
        "",
    )
    metadata = error.get("metadata")  # a router's own error around its upstream's
    raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
    return f"{words}: {excerpt(raw)}" if isinstance(raw, str) and raw else words


def excerpt(text: str) -> str:
    """Return `text` on one line, cut where it gets long."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def retry_after_ms(headers: Mapping[str, str]) -> float | None:
    """Return the wait that the server asks for, in milliseconds, or None."""
    for name, factor in (("retry-after-ms", 1.0), ("retry-after", 1000.0)):
        with contextlib.suppress(KeyError, ValueError):
            return max(0.0, float(headers[name]) * factor)
    try:
        moment = email.utils.parsedate_to_datetime(headers["retry-after"])
    except (KeyError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return max(0.0, (moment - datetime.datetime.now(datetime.UTC)).total_seconds() * 1000.0)


def _is_passing(code: str | None) -> bool:
    """Whether an error code speaks of a fault that may be gone in a moment."""
    if code is None:
        return False
    if code.isdigit():
        return int(code) in (408, 429) or int(code) >= 500
    return code in _PASSING
