"""What must be on a client's screen at every moment, and where nobody could know."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from dispatch_nb.transcript.selectors import select_chunks
from dispatch_nb.transcript.state import TranscriptState
from dispatch_nb.wire import conversation as c
from tests.sync_backend import Identity, StoredRow

Shown = tuple[int | None, str, str]


def key_of(chunk: c.Chunk) -> str:
    """A chunk as a short text that tells it from others."""
    match chunk:
        case c.TextChunk() | c.ThinkingChunk():
            return f"{chunk.type}:{chunk.text}"
        case c.ToolCallChunk():
            return f"call:{chunk.tool_call_id}:{chunk.step_id}"
        case c.ToolResultChunk():
            return f"result:{chunk.tool_call_id}:{chunk.step_id}:{chunk.content}"
        case c.ErrorChunk():
            return f"error:{chunk.message}"
        case _:
            return chunk.type


def screen_of(state: TranscriptState) -> list[Shown]:
    return [(shown.seq, shown.role, key_of(shown.chunk)) for shown in select_chunks(state)]


def is_within(wanted: list[Shown], shown: list[Shown]) -> bool:
    """Tell whether `wanted` is on screen in this order; text that streams may be a beginning."""
    rest = iter(shown)
    return all(any(_shows(other, each, each is wanted[-1]) for other in rest) for each in wanted)


def _shows(other: Shown, wanted: Shown, is_last: bool) -> bool:
    (_, role, text), (seq, wanted_role, wanted_text) = other, wanted
    is_text = wanted_role == "assistant" and wanted_text.startswith(("text:", "thinking:"))
    may_grow = is_last and is_text and seq is None
    return role == wanted_role and (
        text == wanted_text or (may_grow and text.startswith(wanted_text))
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


@dataclass
class Sent:
    """A prompt of this client that no turn has claimed and nobody refused."""

    text: str
    turn_id: str | None = None
    after: int = 0
    met_another: bool = False


@dataclass(kw_only=True)
class Truth:
    """What a client has been told, chunk by chunk, with the identities that it does not know.

    `is_told_turns` says that the backend tells the turn of each stored chunk. Up to the
    `seq` `settled_to` turns are over.
    """

    is_told_turns: bool
    rows: dict[int, StoredRow] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    settled_to: int = 0

    def expected(self) -> list[Shown]:
        """What must be on screen: every chunk once, stored ones first, own prompts last."""
        stored = {row.identity for row in self.rows.values()}
        shown: list[Shown] = [
            (seq, row.stored.role, key_of(row.stored.chunk))
            for seq, row in sorted(self.rows.items())
        ]
        for seen in self.seen:
            shown += [
                (None, role, text)
                for identity, (role, text) in seen.chunks.items()
                if identity not in stored
            ]
        shown += [
            (None, "user", f"text:{sent.text}")
            for sent in self.sent
            if (sent.turn_id, 1) not in stored
        ]
        return shown

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
        stored = {row.identity for row in self.rows.values()}
        for seen in self.seen:
            chunks = [
                (seq, row.stored.role, key_of(row.stored.chunk))
                for seq, row in sorted(self.rows.items())
                if row.turn_id == seen.turn_id
            ]
            live = ((None, *seen.chunks[each]) for each in seen.chunks if each not in stored)
            if not is_within([*chunks, *live], shown):
                return f"a chunk of {seen.turn_id}"
        if not all(is_within([(None, "user", f"text:{sent.text}")], shown) for sent in self.sent):
            return "an own prompt"
        count = Counter((role, text) for _, role, text in shown)
        needed = Counter((role, text) for _, role, text in wanted)
        if not self._has_merged() and not needed <= count:
            return f"one of two equal chunks: {needed - count}"
        return None

    def _has_merged(self) -> bool:
        """Tell whether a prompt on screen may stand for another one of the same text."""
        known = self._known()
        return (
            any(seen.met_another for seen in self.seen)
            or any(map(self._is_ambiguous_sent, self.sent))
            or any(self._has_rival(seen.prompt, known, self.settled_to) for seen in self.seen)
        )

    def _is_ambiguous_sent(self, sent: Sent) -> bool:
        return sent.met_another or self._has_rival(sent.text, {(sent.turn_id, 1)}, sent.after)

    def _known(self) -> set[Identity]:
        known = {identity for seen in self.seen for identity in seen.chunks}
        return known | {(seen.turn_id, 1) for seen in self.seen}

    def _is_ambiguous_turn(self, seen: Seen) -> bool:
        if self.is_told_turns:
            return False
        known = self._known()
        steerings = [text for role, text in list(seen.chunks.values())[1:] if role == "user"]
        return (
            seen.met_another
            or self._has_rival(seen.prompt, known, self.settled_to)
            or any(self._has_rival(text[5:], known, self.settled_to) for text in steerings)
            or self._has_steering_equal_to_a_prompt()
            or self._has_been_taken(seen)
            or (seen.was_read_first and not seen.is_replayed and not self._has_proof(seen))
        )

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
