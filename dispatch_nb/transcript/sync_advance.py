"""How far one turn agrees with the stored chunks from a place on, and what disagrees.

Source: the Dispatch transcript contract, D.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..wire.conversation import TextChunk, ThinkingChunk, ToolCallChunk, ToolResultChunk
from .log import Log
from .state import Accumulating, Provisional
from .sync_state import (
    Aside,
    Row,
    Track,
    index_after,
    is_error,
    is_silent,
    is_twin,
    names_its_step,
)

__all__ = ["CONTRADICTION", "CUT_OFF", "Advance", "advance", "is_missing", "retreat"]

# Costs of a disagreement, on the scale of `sync_align.py`.
CONTRADICTION = 2000.0
LATE_CHUNK = 20.0
CUT_OFF = 0.2
UNSTORED_CALL = 0.02
UNSTORED_REMARK = 0.01


class Advance(NamedTuple):
    """How far a track could be compared with the rows.

    `open_twin` is the text of the row that begins with the text still streaming; `proof`
    says that a tool call or result of this very step was among the twins. `other` is the
    track if the last steering text that has a twin was not stored after all: the twin is
    the next prompt then.
    """

    track: Track
    cost: float
    open_twin: str | None
    proof: bool
    other: Track | None


def advance(track: Track, rows: Log[Row], growing: Accumulating | None) -> Advance:
    """Compare the rest of the track with the rows behind its cursor."""
    if growing is not None and growing.turn_id != track.turn_id:
        growing = None
    at, taken, cursor = index_after(rows, track.cursor), track.taken, track.cursor
    skipped = list(track.skipped)
    entries, count = track.entries, len(track.entries)
    cost, proof = 0.0, False
    open_twin: str | None = None
    steered: tuple[int, int, int, int] | None = None
    while at < len(rows):
        row = rows[at]
        if row.turn_id is not None and row.turn_id != track.turn_id:
            break
        if is_silent(row):
            skipped = [
                each._replace(after=row.stored.seq) if each.after == cursor else each
                for each in skipped
            ]
            cursor = row.stored.seq
            at += 1
            continue
        is_prompt_of_another = row.stored.role == "user"
        if taken < count:
            entry = entries[taken]
            may_grow = taken == count - 1 and growing is None and not track.ended
            if is_twin(entry, row.stored, prefix=may_grow):
                proof = proof or names_its_step(entry)
                if entry.role == "user":
                    steered = (taken, at, cursor, len(skipped))
                cursor = row.stored.seq
                at += 1
            elif _may_be_unstored(track, taken, entry):
                is_call = not is_error(entry) and entry.role != "user"
                cost += UNSTORED_CALL if is_call else UNSTORED_REMARK
                skipped.append(Aside(cursor, entry))
            elif steered is not None and not is_prompt_of_another:
                # It was the next prompt of the same text: the steering is not stored.
                taken, at, cursor, count_skipped = steered
                steered = None
                skipped[count_skipped:] = [Aside(cursor, entries[taken])]
            else:
                cost += CUT_OFF if is_prompt_of_another else CONTRADICTION
                break
            taken += 1
        elif growing is not None:
            entry = Provisional("assistant", growing.to_chunk(), growing.turn_id)
            if is_twin(entry, row.stored, prefix=True):
                chunk = row.stored.chunk
                open_twin = chunk.text if isinstance(chunk, TextChunk | ThinkingChunk) else None
            else:
                cost += CUT_OFF if is_prompt_of_another else CONTRADICTION
            break
        else:
            if track.ended and not is_prompt_of_another:
                cost += LATE_CHUNK
            break
    moved = track._replace(taken=taken, cursor=cursor, skipped=tuple(skipped))
    if at >= len(rows) and track.complete and is_missing(moved):
        cost += CONTRADICTION
    other = None
    if steered is not None:
        taken, _, cursor, count_skipped = steered
        unstored = (*skipped[:count_skipped], Aside(cursor, entries[taken]))
        other = track._replace(taken=taken + 1, cursor=cursor, skipped=unstored)
    return Advance(moved, cost, open_twin, proof, other)


def retreat(track: Track, page: Sequence[Row]) -> Track | None:
    """Compare the entries above what was read with a page before it, from its end on.

    None if the page is not all of the turn's own, or reaches its prompt.
    """
    above = track.above
    unstored: list[Aside] = []
    for row in reversed(page):
        while above > 1 and not is_twin(track.entries[above - 1], row.stored):
            above -= 1
            if not _may_be_unstored(track, above, track.entries[above]):
                return None
            unstored.append(Aside(row.stored.seq, track.entries[above]))
        above -= 1
        if above < 1 or row.turn_id not in (None, track.turn_id):
            return None
    skipped = (*reversed(unstored), *track.skipped)
    return track._replace(above=above, start=page[0].stored.seq, skipped=skipped)


def is_missing(track: Track) -> bool:
    """Tell whether something of the track has no twin although it must be stored in the end."""
    rest = enumerate(track.entries[track.taken :], track.taken)
    return any(not _may_be_unstored(track, number, entry) for number, entry in rest)


def _may_be_unstored(track: Track, number: int, entry: Provisional) -> bool:
    """Tell whether a backend may leave the entry out: D.4.3."""
    if entry.role == "user":
        return number > 0
    if isinstance(entry.chunk, ToolCallChunk | ToolResultChunk):
        return number >= track.proven
    return is_error(entry)
