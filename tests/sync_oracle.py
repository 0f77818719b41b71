"""What must be on a client's screen at every moment, and where nobody could know."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.sync_backend import Identity, StoredRow
from tests.sync_screen import (
    Shown,
    is_within,
    key_of,
    may_be_stored_as,
    order_of,
    without_one,
)


@dataclass
class Seen:
    """A turn of which a client saw events: its chunks so far, in order."""

    turn_id: str
    prompt: str
    chunks: dict[Identity, tuple[str, str]] = field(default_factory=dict)
    is_replayed: bool = False
    was_read_first: bool = False
    is_known_stored: bool = False
    met_another: bool = False
    has_claimed_another: bool = False
    known_to: int | None = None


@dataclass
class Sent:
    """A prompt of this client that came back in no turn and that nobody refused.

    A turn of somebody else's equal text may have taken it, if it `may_be_claimed`.
    """

    text: str
    turn_id: str | None = None
    after: int = 0
    met_another: bool = False
    may_be_claimed: bool = False


@dataclass(kw_only=True)
class Truth:
    """What a client has been told, chunk by chunk, with the identities that it does not know.

    `is_told_turns` says that the backend tells the turn of each stored chunk. Up to the
    `seq` `settled_to` turns are over. `met` are all turns of which an event was ever seen.
    """

    is_told_turns: bool
    rows: dict[int, StoredRow] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    settled_to: int = 0
    met: set[str] = field(default_factory=set)

    @property
    def is_windowed(self) -> bool:
        """Whether there are older rows than those that were read."""
        return min(self.rows, default=1) > 1

    def expected(self, *, without: frozenset[str] = frozenset()) -> list[Shown]:
        """What must be on screen: every chunk once and where it was said, own prompts last.

        What was said before the oldest chunk that was read is on a page above.
        """
        stored = {row.identity for row in self.rows.values()}
        said: dict[tuple[int, int], Shown] = {
            order_of(row.identity): (seq, row.stored.role, key_of(row.stored.chunk))
            for seq, row in self.rows.items()
        }
        for seen in self.seen:
            for identity, (role, text) in seen.chunks.items():
                is_gone = identity in stored or seen.turn_id in without
                if not is_gone and not self._is_above(identity):
                    said[order_of(identity)] = (None, role, text)
        shown: list[Shown] = [said[place] for place in sorted(said)]
        shown += [
            (None, "user", f"text:{sent.text}")
            for sent in self.sent
            if (sent.turn_id, 1) not in stored
        ]
        return shown

    def is_right(self, shown: list[Shown]) -> bool:
        """Tell whether this is what must be on screen.

        Where a turn of which nothing is stored stands among turns that nobody saw, the wire
        does not tell: it is only demanded that its chunks are there, in their order.
        """
        if shown == self.expected():
            return True
        loose = [seen for seen in self.seen if self._is_loose(seen)]
        for seen in reversed(loose):
            chunks: list[Shown] = [(None, *chunk) for chunk in seen.chunks.values()]
            rest = without_one(shown, chunks)
            if rest is None and not self._is_above((seen.turn_id, 1)):
                return False
            shown = shown if rest is None else rest
        return bool(loose) and shown == self.expected(without=frozenset(s.turn_id for s in loose))

    def _is_loose(self, seen: Seen) -> bool:
        if any(row.turn_id == seen.turn_id for row in self.rows.values()):
            return False
        unseen = [
            (seq, order_of(row.identity) < order_of((seen.turn_id, 1)))
            for seq, row in self.rows.items()
            if row.turn_id not in self.met
        ]
        has_failed = [role for role, _ in seen.chunks.values()] == ["user", "assistant"]
        if not has_failed or seen.known_to is None:
            return bool(unseen)
        known_to = seen.known_to
        return any(is_older != (seq <= known_to) for seq, is_older in unseen)

    def is_ambiguous(self) -> bool:
        """Tell whether nobody could know from the wire alone: the cases of D.6."""
        return any(map(self._is_ambiguous_turn, self.seen)) or any(
            map(self._is_ambiguous_sent, self.sent)
        )

    def lost_from(self, shown: list[Shown]) -> str | None:
        """Say what an undecidable screen lacks: even there nothing may be lost.

        Every stored chunk is in its place, every turn's chunks are there in their order,
        and so is every own prompt. Equal texts of two turns may be one on screen only
        where a prompt has a rival; anywhere else they are there as often as they must.
        """
        if [seq for seq, _, _ in shown if seq is not None] != sorted(self.rows):
            return "a stored chunk"
        wanted = self.expected()
        for seen in self.seen:
            said = self._said_by(seen)
            # A turn that is not taken for what was read is shown behind it.
            stored_first = sorted(said, key=lambda chunk: chunk[0] is None)
            is_there = is_within(said, shown) or (
                (self._may_begin_elsewhere(seen) or self._may_be_newer(seen))
                and is_within(stored_first, shown)
            )
            if not is_there:
                return f"a chunk of {seen.turn_id}"
        # The prompt that claimed an own one of its text may stand on a page above.
        open_prompts = [s for s in self.sent if not (s.may_be_claimed and self.is_windowed)]
        if not all(is_within([(None, "user", f"text:{s.text}")], shown) for s in open_prompts):
            return "an own prompt"
        count = Counter((role, text) for _, role, text in shown)
        needed = Counter((role, text) for _, role, text in wanted)
        if not self._has_merged() and not needed <= count:
            return f"one of two equal chunks: {needed - count}"
        return None

    def _said_by(self, seen: Seen) -> list[Shown]:
        """The chunks of one turn, stored or not, that must be on screen."""
        said: dict[Identity, Shown] = {
            row.identity: (seq, row.stored.role, key_of(row.stored.chunk))
            for seq, row in self.rows.items()
            if row.turn_id == seen.turn_id
        }
        for identity, chunk in seen.chunks.items():
            if not self._is_above(identity):
                said.setdefault(identity, (None, *chunk))
        return [said[identity] for identity in sorted(said, key=order_of)]

    def _is_above(self, identity: Identity) -> bool:
        """Tell whether the chunk was said before the oldest one that was read."""
        first = self.rows[min(self.rows)] if self.is_windowed else None
        return first is not None and order_of(identity) < order_of(first.identity)

    def _has_merged(self) -> bool:
        """Tell whether a prompt on screen may stand for another one of the same text."""
        known = self._known()
        return (
            any(seen.met_another for seen in self.seen)
            or any(map(self._is_ambiguous_sent, self.sent))
            or any(
                self._has_rival(text, known, self.settled_to)
                for seen in self.seen
                for text in (seen.prompt, *self._steerings_of(seen))
            )
        )

    def _steerings_of(self, seen: Seen) -> list[str]:
        said = list(seen.chunks.values())[1:]
        return [text.removeprefix("text:") for role, text in said if role == "user"]

    def _is_ambiguous_sent(self, sent: Sent) -> bool:
        return sent.met_another or self._has_rival(sent.text, {(sent.turn_id, 1)}, sent.after)

    def _known(self) -> set[Identity]:
        known = {identity for seen in self.seen for identity in seen.chunks}
        return known | {(seen.turn_id, 1) for seen in self.seen}

    def _is_ambiguous_turn(self, seen: Seen) -> bool:
        if self._may_begin_elsewhere(seen):
            return True
        if self.is_told_turns:
            return False
        known = self._known()
        texts = (seen.prompt, *self._steerings_of(seen))
        return (
            seen.met_another
            or any(self._has_rival(text, known, self.settled_to) for text in texts)
            or self._has_steering_equal_to_a_prompt()
            or self._has_been_taken(seen)
            or self._may_own_what_was_read(seen)
            or self._may_be_newer(seen)
        )

    def _may_be_newer(self, seen: Seen) -> bool:
        """Tell whether what was read first may be an older turn of the same texts."""
        was_read_before = seen.was_read_first and not seen.is_replayed
        is_doubtful = was_read_before or seen.has_claimed_another
        return is_doubtful and not self.is_told_turns and not self._has_proof(seen)

    def _may_own_what_was_read(self, seen: Seen) -> bool:
        """Tell whether a turn that is above may own what was read of another: equal texts."""
        prompt = ("user", f"text:{seen.prompt}")
        if not self._is_above((seen.turn_id, 1)):
            return False
        shown = [(row.stored.role, key_of(row.stored.chunk)) for row in self.rows.values()]
        first = self.rows[min(self.rows)]
        is_of_another = first.turn_id != seen.turn_id
        return prompt in shown or (
            is_of_another
            and (
                first.stored.chunk.type == "image"  # which says nothing of whose it is
                or (first.stored.role, key_of(first.stored.chunk)) in seen.chunks.values()
            )
        )

    def _may_begin_elsewhere(self, seen: Seen) -> bool:
        """Tell whether what was read first may begin outside the turn, or elsewhere in it."""
        if not self._is_above((seen.turn_id, 1)):
            return False
        is_told = self.is_told_turns and self.rows[min(self.rows)].turn_id == seen.turn_id
        if not is_told and not seen.is_known_stored and not self._has_proof(seen):
            return True
        rows: list[tuple[str, str]] = [
            (row.stored.role, key_of(row.stored.chunk))
            for _, row in sorted(self.rows.items())
            if row.turn_id == seen.turn_id and row.stored.chunk.type != "image"
        ]
        above = [number for number, each in enumerate(seen.chunks) if self._is_above(each)]
        chunks = list(seen.chunks.values())
        return any(may_be_stored_as(chunks[number:], rows) for number in above)

    def _has_steering_equal_to_a_prompt(self) -> bool:
        """Tell whether a stored text may be a turn's steering or another turn's prompt."""
        return any(
            text == f"text:{other.prompt}"
            for seen in self.seen
            for role, text in list(seen.chunks.values())[1:]
            for other in self.seen
            if role == "user" and other is not seen
        )

    def _has_been_taken(self, seen: Seen) -> bool:
        """Tell whether the turn's stored prompt may be an older one's that died unseen."""
        stored = {row.identity for row in self.rows.values()}
        if seen.is_known_stored or (seen.turn_id, 1) not in stored or self._has_proof(seen):
            return False
        older = self.seen[: self.seen.index(seen)]
        return any(
            other.prompt == seen.prompt
            and len(other.chunks) == 1
            and (other.turn_id, 1) not in stored
            for other in older
        )

    def _has_proof(self, seen: Seen) -> bool:
        """Tell whether a stored call or result of the turn was seen, which names its step."""
        stored = {row.identity for row in self.rows.values()}
        return any(
            identity in stored and text.startswith(("call", "result"))
            for identity, (_, text) in seen.chunks.items()
        )

    def _has_rival(self, text: str, known: set[Any], after: int) -> bool:
        wanted = f"text:{text}"
        return any(
            row.stored.role == "user"
            and key_of(row.stored.chunk) == wanted
            and row.identity not in known
            for seq, row in self.rows.items()
            if seq > after
        )
