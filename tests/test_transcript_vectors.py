"""The golden vectors of the transcript contract, Part A."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import pytest

from dispatch_nb.transcript.history import apply_history
from dispatch_nb.transcript.live import LiveState, initial_live, to_snapshot
from dispatch_nb.transcript.reducer import fold_event
from dispatch_nb.transcript.selectors import select_chunks, select_messages
from dispatch_nb.transcript.state import TranscriptState, initial_state
from dispatch_nb.wire.parse import parse_agent_event, parse_stored_chunk

VECTORS = Path(__file__).parent / "vectors" / "transcript.jsonl"
CASES = [json.loads(line) for line in VECTORS.read_text("utf-8").split("\n") if line]
STATE_FIELDS = (
    "committed",
    "provisional",
    "accumulating",
    "currentTurnId",
    "latestUsage",
    "sealedTurnId",
)


def as_json(state: TranscriptState) -> dict[str, Any]:
    """The compared fields of a state, in the vectors' own shape."""
    live = LiveState(state, initial_live().extensions)
    whole = to_snapshot(live, next=1, window=len(state.committed)).to_wire()["transcript"]
    shown = {name: whole[name] for name in STATE_FIELDS}
    for entry in (*shown["provisional"], shown["accumulating"] or {}):
        entry.pop("turnId", None)
    return shown


def canonical(value: Any) -> str:
    """The ASCII text of a value in which equal values have equal texts."""
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


def apply(state: TranscriptState, op: dict[str, Any]) -> TranscriptState:
    if op["op"] == "fold":
        return fold_event(state, parse_agent_event(op["event"]))
    return apply_history(state, [parse_stored_chunk(chunk) for chunk in op["chunks"]])


def test_all_vectors_are_here():
    assert len(CASES) == 214
    assert sum(len(case["ops"]) for case in CASES) == 2750


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_vector(case):
    states = [initial_state()]
    shown_when_made = [canonical(as_json(states[0]))]
    for index, op in enumerate(case["ops"]):
        before = states[-1]
        after = apply(before, op)
        if index in case["noop"]:
            assert after is before
        elif after is before:
            assert op["op"] == "history", "only a history without news may return its state"
        states.append(after)
        shown_when_made.append(canonical(as_json(after)))

    if case.get("states"):
        assert shown_when_made[1:] == [canonical(state) for state in case["states"]]
    else:
        assert [short_hash(as_json(state)) for state in states[1:]] == case.get("hashes", [])
        assert canonical(as_json(states[-1])) == canonical(case["final"])

    chunks = [
        {
            "seq": rendered.seq,
            "role": rendered.role,
            "chunk": rendered.chunk.to_wire(),
            "provisional": rendered.provisional,
        }
        for rendered in select_chunks(states[-1])
    ]
    assert canonical(chunks) == canonical(case["chunks"])
    messages = [message.to_wire() for message in select_messages(states[-1])]
    assert canonical(messages) == canonical(case["messages"])
    assert [canonical(as_json(state)) for state in states] == shown_when_made, (
        "an old state changed"
    )
