"""Which stored chunk each chunk of the turns at hand has become.

Within a turn the order of both is the same (`sync_advance.py`); where a
turn begins among the stored chunks is decided for all turns together, by the least cost.

Source: the Dispatch transcript contract, D.4 and D.6.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .log import Log
from .state import Accumulating, Provisional
from .sync_advance import CONTRADICTION, Advance, advance, is_missing
from .sync_state import (
    MOST_LOOKED_AT,
    Row,
    SyncState,
    Track,
    index_after,
    is_silent,
    is_twin,
    names_its_step,
    step_of,
)

__all__ = ["align", "is_doubtful"]

# Costs of a reading; only the order of their sums matters. A stored prompt that two turns may
# own goes to the earlier one, as its prompt or steering, unless a call names the later one:
# that loses nothing.
IMPOSSIBLE = 1000.0
FAILED_TURN_IS_STORED = 100.0
UNKNOWN_TURN_BETWEEN = 5.0
UNEXPLAINED_ROWS = 4.0
OLDER_THAN_ITS_ECHO = 0.4
UNPROVEN = 0.1
LATER_CHOICE = 0.05
UNSTORED_PROMPT = 1.05
ALL_ABOVE = 3.0
DOUBTFUL_PROMPT = 0.9
UNSTORED_STEERING = 0.95
DIED_UNSTORED = 1.1
NOT_STORED_YET = 1.0


def align(sync: SyncState, growing: Accumulating | None) -> tuple[Track, ...]:
    """Return the tracks where all of them together fit the rows best."""
    readings = _Aligner(sync, growing).readings(0, 0, sync.exact)
    return min(readings, key=lambda reading: reading.cost).tracks


class _Reading(NamedTuple):
    cost: float
    lateness: int
    tracks: tuple[Track, ...]
    matched: bool


class _Aligner:
    def __init__(self, sync: SyncState, growing: Accumulating | None) -> None:
        self._rows = sync.rows
        self._is_windowed = sync.is_windowed
        self._tracks = sync.tracks
        self._growing = growing
        self._found: dict[tuple[int, int, bool], list[_Reading]] = {}
        self._steps: set[str | None] | None = None
        self._ends: dict[str, dict[str, int]] = {}

    def readings(self, number: int, at: int, anchored: bool) -> list[_Reading]:
        """Return the best readings of the tracks from `number` on, in the rows from `at` on.

        The first places none of them. A second one, if there is any, places at least one:
        which of the two is better, what comes before decides. `anchored` says that the row
        at `at` follows the last chunk of a known turn.
        """
        key = (number, at, anchored)
        if key not in self._found:
            self._found[key] = self._compute(number, at, anchored)
        return self._found[key]

    def _compute(self, number: int, at: int, anchored: bool) -> list[_Reading]:
        if number == len(self._tracks):
            return [_Reading(0.0, 0, (), matched=False)]
        track = self._tracks[number]
        beginnings = list(self._beginnings(track, at, anchored))
        if at == 0 and self._is_windowed:  # of equal readings the last wins: its prompt
            beginnings[:0] = self._inside(track, self._tracks[number + 1 :])
        has_rivals = len(beginnings) > 1
        unmatched = track.unplaced()._replace(has_rivals=has_rivals)
        found = []
        for rest in self.readings(number + 1, at, anchored and not track.replayed):
            cost = rest.cost + self._cost_of_none(track, at, anchored, rest)
            if not beginnings and _takes_prompt_of(track, rest, self._rows):
                cost += DOUBTFUL_PROMPT
            found.append(_Reading(cost, -1, (unmatched, *rest.tracks), rest.matched))
        prefers_late = track.replayed or not anchored
        for begun, gap in beginnings:
            for reading in self._continued(number, begun, gap, is_contested=has_rivals):
                best = found[1] if len(found) > 1 else None
                is_later = best is None or (prefers_late and reading.lateness >= best.lateness)
                if best is None or (reading.cost, not is_later) < (best.cost, True):
                    found[1:] = [reading]
        return found

    def _continued(
        self, number: int, begun: Advance, gap: float, *, is_contested: bool
    ) -> Iterator[_Reading]:
        has_rivals = is_contested and not (begun.proof and begun.track.above == 0)
        endings = [(begun.track, begun.cost)]
        if begun.other is not None:
            endings.append((begun.other, begun.cost + UNSTORED_STEERING))
        unproven = 0.0 if begun.proof else UNPROVEN
        failed = FAILED_TURN_IS_STORED if begun.track.failed else 0.0
        for track, cost in endings:
            for rest in self.readings(number + 1, index_after(self._rows, track.cursor), True):
                if track is not begun.track and not rest.matched:
                    continue
                is_lost = rest.matched and track.ended and is_missing(track)
                lost = CONTRADICTION * (is_lost or self._is_past_its_rows(track))
                total = cost + gap + failed + unproven + lost + rest.cost
                mine = track._replace(has_rivals=has_rivals)
                yield _Reading(total, track.start or 0, (mine, *rest.tracks), matched=True)

    def _is_past_its_rows(self, track: Track) -> bool:
        """Tell whether a row behind the cursor is of a step that ended before it.

        Then what was taken for the rows before is not what they are.
        """
        past = min(track.proven, track.taken)
        at = index_after(self._rows, track.cursor)
        steps = [step_of(row.stored.chunk) for row in self._rows[at : at + MOST_LOOKED_AT]]
        named = [step for step in steps if step is not None]
        return any(self._ends_of(track).get(step, past) < past for step in named)

    def _names_rows(self, track: Track) -> bool:
        """Tell whether a row is of a step of the turn, which is stored for certain then."""
        if not track.called:
            return False
        if self._steps is None:
            self._steps = {step_of(row.stored.chunk) for row in self._rows}
        return not self._steps.isdisjoint(self._ends_of(track))

    def _ends_of(self, track: Track) -> dict[str, int]:
        """Return the number of the last entry of each step that the track names."""
        if track.turn_id not in self._ends:
            named = ((step_of(entry.chunk), n) for n, entry in enumerate(track.entries))
            self._ends[track.turn_id] = {step: n for step, n in named if step is not None}
        return self._ends[track.turn_id]

    def _beginnings(self, track: Track, at: int, anchored: bool) -> Iterator[tuple[Advance, float]]:
        """Yield the track advanced from each row where it may begin, with the gap's cost."""
        if not track.entries:
            return
        first = track.entries[0]
        may_grow = len(track.entries) == 1 and first.role != "user" and not track.ended
        gap = 0.0
        for index in range(at, len(self._rows)):
            row = self._rows[index]
            is_mine = row.turn_id == track.turn_id
            is_pinned = track.pin in (None, row.stored.seq)
            is_too_late = track.before is not None and row.stored.seq >= track.before
            may_be = row.turn_id is None and is_pinned and not is_too_late
            if (may_be or is_mine) and is_twin(first, row.stored, prefix=may_grow):
                begun = track.unplaced()._replace(
                    start=row.stored.seq, taken=1, cursor=row.stored.seq
                )
                done = advance(begun, self._rows, self._growing)
                if is_mine or done.proof or self._is_credible(track, index, anchored):
                    older = OLDER_THAN_ITS_ECHO * (row.stored.seq <= track.after)
                    yield done, 0.0 if done.proof or is_mine else gap + older
            if is_mine:
                return
            if not is_silent(row) and not track.replayed:
                is_old = track.known is None or row.stored.seq <= track.known
                gap = UNKNOWN_TURN_BETWEEN if anchored else gap if is_old else LATER_CHOICE

    def _inside(self, track: Track, later: tuple[Track, ...]) -> Iterator[tuple[Advance, float]]:
        """Yield the track advanced from each entry that the first row may be, but its prompt.

        What was read first begins inside the turn then. Without proof only a turn whose
        prompt is stored for certain is read so, or one that may own a later turn's prompt as
        its steering. The earliest entry wins: that loses nothing.
        """
        if not track.entries:
            return
        row = self._rows[0]
        is_mine = row.turn_id == track.turn_id
        if row.turn_id is not None and not is_mine:
            return
        for taken, entry in self._first_read(track):
            seq = row.stored.seq
            begun = track.unplaced()._replace(start=seq, above=taken, taken=taken, cursor=seq)
            if entry is not None:
                begun = begun._replace(taken=taken + 1)
            done = advance(begun, self._rows, self._growing)
            if entry is not None and names_its_step(entry):
                done = done._replace(proof=True)
            is_contested = entry is not None and any(
                other.entries[:1] and other.entries[0].chunk == entry.chunk for other in later
            )
            if is_mine or done.proof or track.required or (track.started and is_contested):
                yield done, 0.0

    def _first_read(self, track: Track) -> Iterator[tuple[int, Provisional | None]]:
        """Yield how many entries may be above the first row, and the entry that is this row."""
        row, count = self._rows[0], len(track.entries)
        if is_silent(row):  # an image follows its prompt
            yield 1, None
            return
        may_grow = not track.ended and self._growing is None
        for number in range(count - 1, 0, -1):
            entry = track.entries[number]
            if is_twin(entry, row.stored, prefix=may_grow and number == count - 1):
                yield number, entry

    def _is_credible(self, track: Track, index: int, anchored: bool) -> bool:
        """Tell whether the prompt may be the one at `index`, as far as nothing proves it."""
        if self._rows[index].stored.seq <= track.after:
            return track.required
        is_known_to_be_in = anchored or track.replayed or track.required
        return is_known_to_be_in or not is_doubtful(self._rows, track.known, index)

    def _cost_of_none(self, track: Track, at: int, anchored: bool, rest: _Reading) -> float:
        if track.failed or not track.entries:
            return 0.0
        if self._names_rows(track):
            return IMPOSSIBLE
        may_be_above = self._is_windowed and at == 0
        if track.required:
            if not may_be_above:
                return IMPOSSIBLE
            begins_inside = any(later.above for later in rest.tracks)  # so this one is above
            return UNSTORED_PROMPT if begins_inside else ALL_ABOVE
        if rest.matched:
            is_stored = track.started and not may_be_above
            return IMPOSSIBLE if is_stored else UNSTORED_PROMPT
        is_next = anchored and not track.replayed
        if not is_next or all(map(is_silent, self._rows[at:])):
            return NOT_STORED_YET
        return UNEXPLAINED_ROWS if track.started else DIED_UNSTORED


def _takes_prompt_of(track: Track, rest: _Reading, rows: Log[Row]) -> bool:
    """Tell whether a later turn is where this one's prompt may be, doubtful as it is."""
    if track.failed or not track.entries:
        return False
    first = track.entries[0]
    return any(
        later.start is not None
        and later.above == 0
        and later.entries[0].chunk == first.chunk
        and rows[index_after(rows, later.start - 1)].turn_id is None
        for later in rest.tracks
    )


def is_doubtful(rows: Log[Row], known: int | None, index: int) -> bool:
    """Tell whether the prompt at `index` may be an older one with the same text.

    It was read before the turn's prompt was seen, and has been answered already.
    """
    if known is None:
        known = rows[-1].stored.seq
    if rows[index].stored.seq > known:
        return False
    later = (rows[later] for later in range(index + 1, len(rows)))
    return any(row.stored.seq <= known and not is_silent(row) for row in later)
