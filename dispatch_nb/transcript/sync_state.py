"""What a client of a foreign backend remembers, so that stored and live chunks can be told apart.

Source: the Dispatch transcript contract, D.4 and D.6.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from ..wire.conversation import (
    Chunk,
    ErrorChunk,
    ImageChunk,
    StoredChunk,
    SystemChunk,
    TextChunk,
    ThinkingChunk,
    ToolCallChunk,
    ToolResultChunk,
)
from .log import Log

if TYPE_CHECKING:
    from .state import Accumulating, Provisional, TranscriptState

__all__ = [
    "MOST_LOOKED_AT",
    "Aside",
    "Echo",
    "Hidden",
    "Row",
    "SyncState",
    "Track",
    "index_after",
    "is_error",
    "is_silent",
    "is_twin",
    "names_its_step",
    "step_of",
    "tracked",
    "with_entry",
    "with_open_text",
]


MOST_LOOKED_AT = 8
"""How many chunks are looked at for a proof of where what was read first begins."""


class Row(NamedTuple):
    """A stored chunk that a turn at hand may own, and its turn where the backend says so."""

    stored: StoredChunk
    turn_id: str | None


class Aside(NamedTuple):
    """A chunk without a stored twin that stands behind the row of this `seq`."""

    after: int
    entry: Provisional


class Echo(NamedTuple):
    """A prompt that its sender sees at once and that no turn has claimed yet.

    Its stored twin, if there is one already, has a `seq` above `after`; up to `known` it
    is doubtful. `row` is the `seq` of that twin: such an echo is not shown. `images` are
    shown behind the text.
    """

    text: str
    after: int
    known: int | None
    client_message_id: str | None
    images: tuple[ImageChunk, ...] = ()
    row: int | None = None


class Track(NamedTuple):
    """A turn whose events were seen and which is not settled yet.

    `entries` is everything its events built, stored or not. The first `taken` of them have
    been compared with rows up to the `seq` `cursor`; `skipped` are those among them that
    the backend did not store. The twins of the first `above` entries are older than all that
    was read: what was read first began inside the turn. `start` is the `seq` of the twin of
    the entry after these, `pin` what it was before a replay began, and the prompt's own is
    below `before`; `has_rivals` says that it could be another one. Entries
    before number `proven` are stored for certain, steering and errors apart; the prompt is
    when the turn is `required`, and everything that ever will be when it is `complete`. What
    a `settled` turn did not store is shown no more, although which rows it owns is in doubt.
    """

    turn_id: str
    entries: Log[Provisional]
    after: int = 0
    known: int | None = None
    replayed: bool = False
    seen_before: bool = False
    started: bool = False
    failed: bool = False
    ended: bool = False
    called: bool = False
    required: bool = False
    complete: bool = False
    settled: bool = False
    has_rivals: bool = False
    proven: int = 0
    pin: int | None = None
    before: int | None = None
    start: int | None = None
    above: int = 0
    taken: int = 0
    cursor: int = 0
    skipped: tuple[Aside, ...] = ()

    def unplaced(self) -> Track:
        """Return the track as if it had not been compared with any row."""
        return self._replace(start=None, above=0, taken=0, cursor=0, skipped=(), has_rivals=False)


class Hidden(NamedTuple):
    """Text that still streams although its stored twin is shown already.

    The first `offset` characters of the `twin` have streamed.
    """

    growing: Accumulating
    twin: str
    offset: int


class SyncState(NamedTuple):
    """Turns that are not settled, echoes, and the stored chunks that may belong to them.

    `rows` ascend by `seq`. When they are `exact` the first of them follows the last chunk
    of a settled turn, so nothing unknown can be among them. `frozen` are chunks of turns
    that ended without a seal, long ago. `asides` are all chunks that stand between rows,
    by the row they follow; provisional chunks stand behind the row `place`, or last.
    """

    rows: Log[Row]
    base: int = 0
    exact: bool = False
    loaded: bool = False
    tracks: tuple[Track, ...] = ()
    frozen: tuple[Aside, ...] = ()
    asides: tuple[tuple[int, Log[Provisional]], ...] = ()
    place: int | None = None
    echoes: tuple[Echo, ...] = ()
    hidden: Hidden | None = None

    @property
    def last_seq(self) -> int:
        """The highest `seq` that was ever read."""
        return self.rows[-1].stored.seq if self.rows else self.base

    @property
    def is_windowed(self) -> bool:
        """Whether there are stored chunks before the rows that nobody has read."""
        return bool(self.rows) and self.rows[0].stored.seq > self.base + 1

    def known(self) -> int | None:
        """Return the `seq` up to which a new turn's chunks are doubtful; None before any read."""
        return self.last_seq if self.loaded else None


def tracked(state: TranscriptState) -> SyncState:
    """Return what `state` remembers, derived from its seed fields when that is nothing yet."""
    if isinstance(state.sync, SyncState):
        return state.sync
    tracks: list[Track] = []
    for entry in state.provisional:
        if not tracks or tracks[-1].turn_id != entry.turn_id:
            tracks.append(Track(entry.turn_id, Log(), replayed=True))
        tracks[-1] = with_entry(tracks[-1], entry)
    growing = state.accumulating
    if growing is not None and (not tracks or tracks[-1].turn_id != growing.turn_id):
        tracks.append(Track(growing.turn_id, Log(), replayed=True))
    tracks = [
        track._replace(
            started=track.turn_id == state.current_turn_id or len(track.entries) > 1,
            ended=index < len(tracks) - 1 or not state.generating,
        )
        for index, track in enumerate(tracks)
    ]
    return SyncState(
        rows=Log(Row(stored, None) for stored in state.committed),
        loaded=bool(state.committed),
        tracks=tuple(tracks),
    )


def with_entry(track: Track, entry: Provisional) -> Track:
    """Return the track with one more entry, and with what this entry proves of the earlier ones.

    Whatever follows a tool result, other than a result, begins a new step: every earlier
    step is stored by then (D.4.1, D.6.6).
    """
    if entry.role != "tool" and not is_error(entry):
        track = with_open_text(track)
    called = track.called or isinstance(entry.chunk, ToolCallChunk)
    return track._replace(entries=track.entries.append(entry), called=called)


def with_open_text(track: Track) -> Track:
    """Return the track with what text that begins to stream proves of its entries."""
    if not track.entries or track.entries[-1].role != "tool":
        return track
    return track._replace(proven=len(track.entries))


def is_error(entry: Provisional) -> bool:
    """Tell whether the entry is an error, which need not be part of a step."""
    return isinstance(entry.chunk, ErrorChunk)


def names_its_step(entry: Provisional) -> bool:
    """Tell whether the entry is a call or result that says of which step it is."""
    return step_of(entry.chunk) is not None


def step_of(chunk: Chunk) -> str | None:
    """Return the step that a call or result says it is of."""
    if not isinstance(chunk, ToolCallChunk | ToolResultChunk):
        return None
    return chunk.step_id if isinstance(chunk.step_id, str) else None


def is_silent(row: Row) -> bool:
    """Tell whether the row is of a kind that no event announces."""
    return isinstance(row.stored.chunk, ImageChunk | SystemChunk)


def is_twin(entry: Provisional, stored: StoredChunk, *, prefix: bool = False) -> bool:
    """Tell whether `stored` is what became of `entry`; `prefix` if its text may still grow."""
    mine, theirs = entry.chunk, stored.chunk
    if entry.role != stored.role or mine.type != theirs.type:
        return False
    match mine, theirs:
        case (TextChunk() | ThinkingChunk(), TextChunk() | ThinkingChunk()) if prefix:
            return theirs.text.startswith(mine.text)
        case (ToolCallChunk(), ToolCallChunk()):
            return (
                (mine.tool_call_id, mine.tool_name) == (theirs.tool_call_id, theirs.tool_name)
                and mine.input == theirs.input
                and _is_same_step(mine, theirs)
            )
        case (ToolResultChunk(), ToolResultChunk()):
            return (
                (mine.tool_call_id, mine.tool_name) == (theirs.tool_call_id, theirs.tool_name)
                and (mine.content, mine.is_error) == (theirs.content, theirs.is_error)
                and _is_same_step(mine, theirs)
            )
        case _:
            return mine == theirs


def _is_same_step(
    mine: ToolCallChunk | ToolResultChunk, theirs: ToolCallChunk | ToolResultChunk
) -> bool:
    both_known = isinstance(mine.step_id, str) and isinstance(theirs.step_id, str)
    return not both_known or mine.step_id == theirs.step_id


def index_after(rows: Log[Row], seq: int) -> int:
    """Return the position of the first row with a higher `seq`."""
    if not rows or rows[0].stored.seq > seq:
        return 0
    guess = min(seq - rows[0].stored.seq + 1, len(rows))
    if rows[guess - 1].stored.seq == seq:  # no gaps up to here, as the contract promises
        return guess
    return bisect_right(rows, seq, key=_seq)


def _seq(row: Row) -> int:
    return row.stored.seq
