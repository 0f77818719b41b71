"""The events of a sealed turn as one compressed value; nothing here touches a database.

Numbers and times are written as differences, which are small and much alike. The events'
JSON stays as it was stored, a line each, so what comes back is what went in.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from ..errors import StoreError

__all__ = ["CODEC", "EventLine", "decode_segment", "encode_segment"]

CODEC = "zlib-1"
"""Names the form of a payload, so that a later one can stand beside it."""

_COLUMNS = 3


class EventLine(NamedTuple):
    """Event `n` of a conversation, its JSON not read yet; times as in `EventRow`."""

    conversation_id: str
    n: int
    turn_id: str | None
    at_us: int
    mono_us: int
    event_json: str


def encode_segment(lines: Sequence[EventLine]) -> bytes:
    """Return the payload that holds `lines`, one turn's events in their order."""
    columns = (
        _differences(line.n for line in lines),
        _differences(line.at_us for line in lines),
        # Both clocks tick alike: their difference hardly ever changes.
        _differences(line.at_us - line.mono_us for line in lines),
    )
    text = [json.dumps(column, separators=(",", ":")) for column in columns]
    text += [line.event_json for line in lines]
    return zlib.compress("\n".join(text).encode())


def decode_segment(
    conversation_id: str, turn_id: str, codec: str, payload: bytes
) -> list[EventLine]:
    """Return the lines that `encode_segment` was given.

    Raises
    ------
    StoreError
        If the payload has a form that this version does not know.
    """
    if codec != CODEC:
        raise StoreError(
            f"The events of turn {turn_id!r} are stored in the form {codec!r}, which this version "
            "of dispatch_nb does not know. Run `pip install -U dispatch_nb`."
        )
    text = zlib.decompress(payload).decode().split("\n")
    numbers, times, drifts = (accumulate(json.loads(column)) for column in text[:_COLUMNS])
    return [
        EventLine(conversation_id, n, turn_id, at_us, at_us - drift, event_json)
        for n, at_us, drift, event_json in zip(numbers, times, drifts, text[_COLUMNS:], strict=True)
    ]


def _differences(values: Iterable[int]) -> list[int]:
    return [after - before for before, after in pairwise([0, *values])]
