"""Clients with one defect each that a picked case of `tests/vectors/sync.jsonl` shows.

In the random world these are rare, or what they break is undecidable there for other reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest import mock

from dispatch_nb.transcript import (
    sync,
    sync_advance,
    sync_align,
    sync_echoes,
    sync_fold,
    sync_places,
    sync_shown,
    sync_state,
)

Mutant = Callable[[], AbstractContextManager[None]]
DIRECTED: dict[str, tuple[Mutant, str]] = {}


def shown_by(case: str) -> Callable[[Callable[[], Iterator[None]]], None]:
    def entered(make: Callable[[], Iterator[None]]) -> None:
        DIRECTED[make.__name__] = (contextmanager(make), case)

    return entered


@shown_by("window/an unstored steering text goes to the page where it was said")
def an_older_page_is_not_compared() -> Iterator[None]:
    with mock.patch.object(sync_shown, "retreat", lambda track, page: track):
        yield


@shown_by("d6-6/text that streams after a result proves its step, so an older turn is not taken")
def text_after_a_result_proves_nothing() -> Iterator[None]:
    with (
        mock.patch.object(sync_state, "with_open_text", lambda track: track),
        mock.patch.object(sync_fold, "with_open_text", lambda track: track),
    ):
        yield


@shown_by("d3-3/a replayed turn begins where it did, not at its steering of the same text")
def a_replay_forgets_where_the_turn_began() -> Iterator[None]:
    restarted = sync_fold._with_restarted

    def unpinned(memory: Any, turn_id: str) -> Any:
        again = restarted(memory, turn_id)
        tracks = tuple(track._replace(pin=None, before=None) for track in again.tracks)
        return again._replace(tracks=tracks)

    with mock.patch.object(sync_fold, "_with_restarted", unpinned):
        yield


@shown_by("d3-8/rows of a turn that nobody saw do not go to one of their text that failed")
def a_failed_turn_may_own_rows() -> Iterator[None]:
    with mock.patch.object(sync_align, "FAILED_TURN_IS_STORED", 0.0):
        yield


@shown_by("d6-7/a steering text that is not stored leaves its row to the next prompt")
def steering_is_never_taken_for_the_next_prompt() -> Iterator[None]:
    advance = sync_advance.advance

    def stubborn(*arguments: Any) -> Any:
        return advance(*arguments)._replace(other=None)

    with mock.patch.object(sync_align, "advance", stubborn):
        yield


@shown_by("exact/an own prompt with an id is no row of the turn of the same text")
def an_own_prompt_may_be_a_row_of_a_placed_turn() -> Iterator[None]:
    align_echoes = sync_echoes.align_echoes

    def greedy(memory: Any) -> Any:
        return align_echoes(memory._replace(tracks=()))

    with mock.patch.object(sync_shown, "align_echoes", greedy):
        yield


@shown_by("d6-7/a failed turn is not placed because a doubtful one after it cannot be")
def an_older_prompt_of_the_same_text_is_never_doubted() -> Iterator[None]:
    with (
        mock.patch.object(sync_align, "is_doubtful", return_value=False),
        mock.patch.object(sync_echoes, "is_doubtful", return_value=False),
    ):
        yield


@shown_by("d6-7/a prompt that failed comes back when the turns of its text need all rows")
def a_settled_turn_gives_its_rows_to_one_that_failed() -> Iterator[None]:
    with mock.patch.object(sync, "_may_be_of_another", return_value=False):
        yield


@shown_by("d6-5/a turn that failed stands before what was stored after it")
def a_failed_turn_stands_behind_what_was_stored_later() -> Iterator[None]:
    with mock.patch.object(sync_places, "_known_place", return_value=None):
        yield


@shown_by("window/text that came twice is the one whose call follows, in a turn that died")
def a_row_of_a_step_that_is_over_contradicts_nothing() -> Iterator[None]:
    with mock.patch.object(sync_align._Aligner, "_is_past_its_rows", return_value=False):
        yield


@shown_by("window/a turn whose call was read leaves its rows to no turn above")
def a_row_of_its_step_does_not_prove_a_turn() -> Iterator[None]:
    with mock.patch.object(sync_align._Aligner, "_names_rows", return_value=False):
        yield
