"""The golden vectors of the transcript contract, Part A."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch_nb.transcript.history import apply_history
from dispatch_nb.transcript.reducer import fold_event
from dispatch_nb.transcript.selectors import select_chunks, select_messages
from dispatch_nb.transcript.state import TranscriptState, initial_state
from dispatch_nb.wire.parse import parse_agent_event, parse_stored_chunk
from tests.transcript_parts import canonical, read_vectors, short_hash, state_as_json

CASES = read_vectors("transcript.jsonl")
STATE_FIELDS = (
    "committed",
    "provisional",
    "accumulating",
    "currentTurnId",
    "latestUsage",
    "sealedTurnId",
)


def compared(state: TranscriptState) -> dict[str, Any]:
    """The fields that the vectors compare, in their own shape."""
    whole = state_as_json(state)
    shown = {name: whole[name] for name in STATE_FIELDS}
    for entry in (*shown["provisional"], shown["accumulating"] or {}):
        entry.pop("turnId", None)
    return shown


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
    shown_when_made = [canonical(compared(states[0]))]
    for index, op in enumerate(case["ops"]):
        after = apply(states[-1], op)
        assert (after is states[-1]) == (index in case["noop"])
        states.append(after)
        shown_when_made.append(canonical(compared(after)))

    if case.get("states"):
        assert shown_when_made[1:] == [canonical(state) for state in case["states"]]
    else:
        assert [short_hash(compared(state)) for state in states[1:]] == case.get("hashes", [])
        assert shown_when_made[-1] == canonical(case["final"])

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
    assert [canonical(compared(state)) for state in states] == shown_when_made
