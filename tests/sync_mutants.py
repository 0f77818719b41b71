"""Clients with one defect each: those of the transcript contract's D.3, and those D.6 warns of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

from dispatch_nb.transcript import (
    reducer,
    sync,
    sync_advance,
    sync_align,
    sync_echoes,
    sync_fold,
    sync_places,
    sync_shown,
    sync_state,
)
from dispatch_nb.transcript.history import apply_history
from dispatch_nb.transcript.state import Provisional, TranscriptState
from tests.sync_client import Rules
from tests.sync_upstream import (
    unchanged,
    upstream_append,
    upstream_fold,
    upstream_sync,
    without,
)

State = TranscriptState
Mutant = Callable[[], Any]
MUTANTS: dict[str, Mutant] = {}


def mutant(make: Callable[[], Iterator[Rules]]) -> Mutant:
    found: Mutant = contextmanager(make)
    MUTANTS[make.__name__] = found
    return found


@mutant
def plain_apply_history() -> Iterator[Rules]:
    yield Rules(sync=lambda state, chunks, **options: apply_history(state, chunks))


@mutant
def the_client_upstream() -> Iterator[Rules]:
    yield Rules(upstream_fold, unchanged, upstream_sync, upstream_append, unchanged)


@contextmanager
def _patched(name: str, replacement: Any) -> Iterator[None]:
    """Replace what compares chunks, wherever turns are compared."""
    with (
        mock.patch.object(sync_advance, name, replacement),
        mock.patch.object(sync_align, name, replacement),
    ):
        yield


@mutant
def d3_1_only_prompts_are_compared() -> Iterator[Rules]:
    def is_twin(entry: Provisional, stored: Any, *, prefix: bool = False) -> bool:
        return entry.role == "user" and sync_state.is_twin(entry, stored, prefix=prefix)

    with _patched("is_twin", is_twin):
        yield Rules()


@mutant
def d3_2_a_replay_after_load_is_new() -> Iterator[Rules]:
    yield Rules(begin_replay=unchanged)


@mutant
def d3_3_a_replay_drops_nothing() -> Iterator[Rules]:
    def kept(state: State, sync_: Any, turn_id: str) -> State:
        return state._replace(sync=sync_)

    with (
        mock.patch.object(sync_fold, "restarted", kept),
        mock.patch.object(sync, "restarted", kept),
    ):
        yield Rules()


@mutant
def d3_4_text_equal_to_the_last_committed_goes() -> Iterator[Rules]:
    def filtered(state: State, chunks: list[Any], **options: Any) -> State:
        state = sync.sync_history(state, chunks, **options)
        if not state.committed:
            return state
        text = state.committed[-1].chunk
        return state._replace(
            provisional=without(state.provisional, lambda entry: entry.chunk == text)
        )

    yield Rules(sync=filtered)


@mutant
def d3_5_calls_have_no_twins() -> Iterator[Rules]:
    def is_twin(entry: Provisional, stored: Any, *, prefix: bool = False) -> bool:
        is_call = entry.chunk.type == "tool-call"
        return not is_call and sync_state.is_twin(entry, stored, prefix=prefix)

    with _patched("is_twin", is_twin):
        yield Rules()


@mutant
def d3_6_a_seal_clears_everything() -> Iterator[Rules]:
    settled = sync._settled

    def cleared(memory: Any, sealed: Any) -> Any:
        return settled(memory, sealed)._replace(tracks=(), frozen=())

    with mock.patch.object(sync, "_settled", cleared):
        yield Rules()


@mutant
def d3_7_an_answer_in_flight_settles_a_seal() -> Iterator[Rules]:
    def late(state: State, chunks: list[Any], **options: Any) -> State:
        sealed = [*options.pop("requested_after_seal"), state.sealed_turn_id]
        return sync.sync_history(state, chunks, requested_after_seal=sealed, **options)

    yield Rules(sync=late)


@mutant
def d3_8_a_dead_turn_is_never_compared() -> Iterator[Rules]:
    align = sync_align.align

    def unmatched(memory: Any, growing: Any) -> Any:
        return tuple(
            track._replace(start=None, taken=0, cursor=0, skipped=())
            if track.entries and sync_state.is_error(track.entries[-1]) and not track.ended
            else track
            for track in align(memory, growing)
        )

    with mock.patch.object(sync_shown, "align", unmatched):
        yield Rules()


@mutant
def d3_9_a_refused_prompt_stays() -> Iterator[Rules]:
    yield Rules(reject=unchanged)


@mutant
def d3_9_a_seal_wipes_open_prompts() -> Iterator[Rules]:
    settled = sync._settled

    def wiped(memory: Any, sealed: Any) -> Any:
        return settled(memory, sealed)._replace(echoes=())

    with mock.patch.object(sync, "_settled", wiped):
        yield Rules()


def _skipping(is_gone: Callable[[Provisional], bool]) -> Any:
    advance = sync_advance.advance

    def skipping(*arguments: Any) -> Any:
        done = advance(*arguments)
        kept = tuple(aside for aside in done.track.skipped if not is_gone(aside.entry))
        return done._replace(track=done.track._replace(skipped=kept))

    return skipping


@mutant
def d3_10_unstored_steering_goes_before_the_seal() -> Iterator[Rules]:
    skipping = _skipping(lambda entry: entry.role == "user")
    with mock.patch.object(sync_align, "advance", skipping):
        yield Rules()


@mutant
def d3_11_stripped_calls_go_before_the_seal() -> Iterator[Rules]:
    skipping = _skipping(lambda entry: entry.chunk.type in ("tool-call", "tool-result"))
    with mock.patch.object(sync_align, "advance", skipping):
        yield Rules()


@mutant
def d6_1_what_was_read_ahead_comes_again() -> Iterator[Rules]:
    yield Rules(fold=reducer._fold)


@mutant
def d6_2_open_text_must_be_whole() -> Iterator[Rules]:
    def is_twin(entry: Provisional, stored: Any, *, prefix: bool = False) -> bool:
        return sync_state.is_twin(entry, stored)

    with _patched("is_twin", is_twin):
        yield Rules()


@mutant
def d6_4_an_own_prompt_cuts_the_text_that_streams() -> Iterator[Rules]:
    yield Rules(append=upstream_append)


@mutant
def d6_7_turns_are_matched_one_by_one() -> Iterator[Rules]:
    def greedy(memory: Any, growing: Any) -> Any:
        placed: list[Any] = []
        base = memory
        for track in memory.tracks:
            alone = base._replace(tracks=(track._replace(failed=False, known=0),))
            placed += sync_align.align(alone, growing)
            at = sync_state.index_after(base.rows, placed[-1].cursor)
            base = base._replace(rows=base.rows.drop(at))
        return tuple(placed)

    with mock.patch.object(sync_shown, "align", greedy):
        yield Rules()


@mutant
def an_own_prompt_is_not_shown() -> Iterator[Rules]:
    yield Rules(append=unchanged)


@mutant
def a_claimed_prompt_stays_last() -> Iterator[Rules]:
    def folded(state: State, event: Any) -> State:
        after = reducer.fold_event(state, event)
        if state.sync is None or after.sync is None:
            return after
        return after._replace(sync=after.sync._replace(echoes=state.sync.echoes))

    yield replace(Rules(), fold=folded)


@mutant
def what_is_read_first_never_begins_inside_a_turn() -> Iterator[Rules]:
    with mock.patch.object(sync_align._Aligner, "_inside", return_value=()):
        yield Rules()


@mutant
def a_turn_above_what_was_read_is_shown() -> Iterator[Rules]:
    with mock.patch.object(sync_places, "is_above", return_value=False):
        yield Rules()


@mutant
def leftovers_come_after_every_stored_chunk() -> Iterator[Rules]:
    def last(memory: Any) -> Any:
        return (None,) * len(memory.tracks)

    with mock.patch.object(sync_shown, "places_of", last):
        yield Rules()


@mutant
def leftovers_stay_behind_the_prompt() -> Iterator[Rules]:
    grouped = sync_shown._grouped

    def moved(asides: list[Any]) -> Any:
        first = min((aside.after for aside in asides), default=0)
        return grouped([aside._replace(after=first) for aside in asides])

    with mock.patch.object(sync_shown, "_grouped", moved):
        yield Rules()


@mutant
def frozen_chunks_are_forgotten() -> Iterator[Rules]:
    frozen = sync_shown.frozen

    def forgetful(memory: Any, old: Any) -> Any:
        return frozen(memory, old)._replace(frozen=())

    with (
        mock.patch.object(sync_shown, "frozen", forgetful),
        mock.patch.object(sync, "frozen", forgetful),
    ):
        yield Rules()


@mutant
def a_read_after_the_start_proves_nothing() -> Iterator[Rules]:
    def deaf(state: State, chunks: list[Any], **options: Any) -> State:
        return sync.sync_history(state, chunks, **{**options, "requested_after_start": ()})

    yield Rules(sync=deaf)


@mutant
def turn_ids_are_not_heard() -> Iterator[Rules]:
    def deaf(state: State, chunks: list[Any], **options: Any) -> State:
        return sync.sync_history(state, chunks, **{**options, "turn_ids": {}})

    yield Rules(sync=deaf)


@mutant
def an_image_is_no_part_of_its_turn() -> Iterator[Rules]:
    with _patched("is_silent", lambda row: False):
        yield Rules()


@mutant
def an_own_prompt_is_never_found_among_the_stored() -> Iterator[Rules]:
    def unfound(memory: Any) -> Any:
        return tuple(echo._replace(row=None) for echo in memory.echoes)

    with mock.patch.object(sync_shown, "align_echoes", unfound):
        yield Rules()


@mutant
def an_own_prompt_may_be_a_row_that_was_there_before() -> Iterator[Rules]:
    align_echoes = sync_echoes.align_echoes

    def eager(memory: Any) -> Any:
        echoes = tuple(echo._replace(after=0, known=0) for echo in memory.echoes)
        return align_echoes(memory._replace(echoes=echoes))

    with mock.patch.object(sync_shown, "align_echoes", eager):
        yield Rules()
