"""What the transcript's tests share: vectors, states as JSON, hashes of them."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

from dispatch_nb.transcript.live import LiveState, initial_live, to_snapshot
from dispatch_nb.transcript.state import TranscriptState

VECTORS = Path(__file__).parent / "vectors"


def read_vectors(name: str) -> list[dict[str, Any]]:
    """The lines of a vector file; only a newline ends one."""
    return [json.loads(line) for line in (VECTORS / name).read_text("utf-8").split("\n") if line]


def live_as_json(live: LiveState, *, next: int = 1) -> dict[str, Any]:
    """A whole live state as JSON data."""
    return to_snapshot(live, next=next, window=len(live.transcript.committed)).to_wire()


def state_as_json(state: TranscriptState) -> dict[str, Any]:
    """A whole transcript state as JSON data."""
    shown: dict[str, Any] = live_as_json(LiveState(state, initial_live().extensions))["transcript"]
    return shown


def canonical(value: Any) -> str:
    """ASCII text that is the same for equal JSON values, and for no others."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, int | float):
        number = float(value)
        whole = number.is_integer() and abs(number) <= 2**53
        return str(int(number)) if whole else "d" + struct.pack(">d", number).hex()
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return (
        "{" + ",".join(f"{json.dumps(key)}:{canonical(value[key])}" for key in sorted(value)) + "}"
    )


def short_hash(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode("ascii")).hexdigest()[:12]
