"""Which stored chunk each prompt that its sender sees at once has become.

Source: the Dispatch transcript contract, D.6.4.
"""

from __future__ import annotations

from ..wire.conversation import TextChunk
from .sync_align import is_doubtful
from .sync_state import Echo, SyncState, index_after

__all__ = ["align_echoes"]


def align_echoes(sync: SyncState) -> tuple[Echo, ...]:
    """Return the echoes, each with the row that is its stored twin, if it has one."""
    if not sync.echoes:
        return ()
    owners = {track.turn_id for track in sync.tracks}
    taken = [(track.start, track.cursor) for track in sync.tracks if track.start is not None]
    placed: list[Echo] = []
    at = 0
    for echo in sync.echoes:
        found = None
        for index in range(max(at, index_after(sync.rows, echo.after)), len(sync.rows)):
            stored, turn_id = sync.rows[index]
            is_same = stored.role == "user" and stored.chunk == TextChunk(text=echo.text)
            is_free = turn_id not in owners and not any(a <= stored.seq <= b for a, b in taken)
            if is_same and is_free and not is_doubtful(sync.rows, echo.known, index):
                found, at = stored.seq, index + 1
                break
        placed.append(echo._replace(row=found))
    return tuple(placed)
