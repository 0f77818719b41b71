"""Readers of our own log with one defect each: those of D.3 that can happen there, and its own.

What D.3.8, D.3.10 and D.3.11 tell of cannot: all that our own log shows, it stores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from dispatch_nb.transcript import live, sync, told
from dispatch_nb.transcript.history import apply_history
from dispatch_nb.transcript.log import Log
from dispatch_nb.transcript.state import TranscriptState
from dispatch_nb.wire.events import UserMessageEvent
from tests.sync_told_client import ToldRules
from tests.sync_upstream import unchanged, without

State = TranscriptState
Mutant = Callable[[], Any]
TOLD_MUTANTS: dict[str, Mutant] = {}


def mutant(make: Callable[[], Iterator[ToldRules]]) -> Mutant:
    found: Mutant = contextmanager(make)
    TOLD_MUTANTS[make.__name__] = found
    return found


@mutant
def plain_apply_history() -> Iterator[ToldRules]:
    yield ToldRules(sync=lambda state, chunks, **options: apply_history(state, chunks))


@mutant
def pages_by_apply_history() -> Iterator[ToldRules]:
    def paged(state: State, chunks: list[Any], **options: Any) -> State:
        if options.get("is_page"):
            return apply_history(state, chunks)
        return sync.sync_history(state, chunks, **options)

    yield ToldRules(sync=paged)


@mutant
def d3_1_only_prompts_are_compared() -> Iterator[ToldRules]:
    hidden = told._hidden

    def kept(state: State, memory: Any) -> State:
        first = state.provisional[0] if state.provisional else None
        if first is not None and first.role == "user":
            return hidden(state, memory)
        return state._replace(sync=memory)

    with mock.patch.object(told, "_hidden", kept):
        yield ToldRules()


@mutant
def d3_2_a_replay_after_load_is_new() -> Iterator[ToldRules]:
    def new(state: State, turn_id: str, *, first_seq: int | None = None) -> State:
        return state if first_seq is not None else sync.begin_replay(state, turn_id)

    yield ToldRules(begin_replay=new)


@mutant
def d3_3_a_replay_drops_nothing() -> Iterator[ToldRules]:
    yield ToldRules(begin_replay=unchanged)


@mutant
def d3_4_text_equal_to_the_last_committed_goes() -> Iterator[ToldRules]:
    def filtered(state: State, chunks: list[Any], **options: Any) -> State:
        state = sync.sync_history(state, chunks, **options)
        if not state.committed:
            return state
        text = state.committed[-1].chunk
        return state._replace(
            provisional=without(state.provisional, lambda entry: entry.chunk == text)
        )

    yield ToldRules(sync=filtered)


@mutant
def d3_5_calls_are_shown_again() -> Iterator[ToldRules]:
    hidden = told._hidden

    def again(state: State, memory: Any) -> State:
        after = hidden(state, memory)
        gone = len(state.provisional) - len(after.provisional)
        calls = [e for e in state.provisional[:gone] if e.chunk.type == "tool-call"]
        return after._replace(provisional=Log([*calls, *after.provisional]))

    with mock.patch.object(told, "_hidden", again):
        yield ToldRules()


@mutant
def d3_6_a_seal_clears_everything() -> Iterator[ToldRules]:
    def cleared(state: State, chunks: list[Any], **options: Any) -> State:
        is_sealed = state.sealed_turn_id is not None
        state = sync.sync_history(state, chunks, **options)
        if not is_sealed:
            return state
        return state._replace(provisional=Log(), accumulating=None, sealed_turn_id=None)

    yield ToldRules(sync=cleared)


@mutant
def d3_7_an_answer_in_flight_is_taken_for_the_present() -> Iterator[ToldRules]:
    def present(state: State, chunks: list[Any], **options: Any) -> State:
        state = sync.sync_history(state, chunks, **options)
        memory = state.sync
        if not chunks or options.get("is_page") or not isinstance(memory, told.Told):
            return state
        return state._replace(sync=memory._replace(upto=chunks[-1].seq, ahead=0, hidden=0))

    yield ToldRules(sync=present)


@mutant
def d3_9_a_refused_prompt_stays() -> Iterator[ToldRules]:
    yield ToldRules(reject=unchanged)


@mutant
def d3_9_a_seal_wipes_open_prompts() -> Iterator[ToldRules]:
    def wiped(state: Any, event: Any) -> Any:
        after = live.fold_live(state, event)
        memory = after.transcript.sync
        if event.type != "turn-sealed" or not isinstance(memory, told.Told):
            return after
        transcript = after.transcript._replace(sync=memory._replace(echoes=()))
        return after._replace(transcript=transcript)

    yield ToldRules(fold=wiped)


@mutant
def d3_12_a_late_answer_brings_back_what_was_unloaded() -> Iterator[ToldRules]:
    def forgetful(state: State, chunks: list[Any], **options: Any) -> State:
        if not options.get("is_page"):
            state = state._replace(hidden_before_seq=0)
        return sync.sync_history(state, chunks, **options)

    yield ToldRules(sync=forgetful)


@mutant
def what_was_read_ahead_comes_again() -> Iterator[ToldRules]:
    with mock.patch.object(told, "_hidden", lambda state, memory: state._replace(sync=memory)):
        yield ToldRules()


@mutant
def a_text_read_ahead_goes_on_streaming() -> Iterator[ToldRules]:
    hidden = told._hidden

    def streaming(state: State, memory: Any) -> State:
        return hidden(state, memory)._replace(accumulating=state.accumulating)

    with mock.patch.object(told, "_hidden", streaming):
        yield ToldRules()


@mutant
def what_is_hidden_is_never_committed() -> Iterator[ToldRules]:
    commit = told.commit_told

    def deaf(state: State, event: Any) -> State:
        memory = state.sync
        if isinstance(memory, told.Told) and memory.hidden:
            return state
        return commit(state, event)

    with mock.patch.object(live, "commit_told", deaf):
        yield ToldRules()


@mutant
def a_commit_is_not_heard() -> Iterator[ToldRules]:
    with mock.patch.object(live, "commit_told", unchanged):
        yield ToldRules()


@mutant
def our_own_events_are_shown_though_they_were_read() -> Iterator[ToldRules]:
    def plain(state: State, event: Any, fold: Any) -> State:
        after: State = fold(state, event)
        return after

    with mock.patch.object(live, "_fold_addition", plain):
        yield ToldRules()


@mutant
def an_own_prompt_is_not_shown() -> Iterator[ToldRules]:
    yield ToldRules(append=unchanged)


@mutant
def an_own_prompt_is_claimed_by_its_text() -> Iterator[ToldRules]:
    with_prompt = told._with_prompt

    def by_text(state: State, memory: Any, event: UserMessageEvent) -> Any:
        meant = next((e for e in memory.echoes if e.text == event.text), None)
        echoes = tuple(echo for echo in memory.echoes if echo is not meant)
        return with_prompt(state, memory._replace(echoes=echoes), event)

    with mock.patch.object(told, "_with_prompt", by_text):
        yield ToldRules()


@mutant
def an_own_prompt_is_never_claimed() -> Iterator[ToldRules]:
    with mock.patch.object(live, "announce_prompt", unchanged):
        yield ToldRules()


@mutant
def a_prompt_that_was_read_is_not_claimed() -> Iterator[ToldRules]:
    def deaf(state: State, chunks: list[Any], **options: Any) -> State:
        return sync.sync_history(state, chunks, **{**options, "client_message_ids": {}})

    yield ToldRules(sync=deaf)


@mutant
def a_snapshot_forgets_open_prompts() -> Iterator[ToldRules]:
    def forgetful(snapshot: Any, before: Any) -> Any:
        memory = before.transcript.sync._replace(echoes=())
        transcript = before.transcript._replace(sync=memory)
        return live.from_snapshot(snapshot, before._replace(transcript=transcript))

    yield ToldRules(snapshot=forgetful)


@mutant
def a_snapshot_claims_nothing() -> Iterator[ToldRules]:
    def deaf(snapshot: Any, before: Any) -> Any:
        return live.from_snapshot(snapshot.model_copy(update={"claimed": []}), before)

    yield ToldRules(snapshot=deaf)


@mutant
def a_snapshot_drops_older_pages() -> Iterator[ToldRules]:
    def short(snapshot: Any, before: Any) -> Any:
        transcript = before.transcript._replace(committed=Log())
        return live.from_snapshot(snapshot, before._replace(transcript=transcript))

    yield ToldRules(snapshot=short)


@mutant
def a_page_that_comes_too_late_is_taken() -> Iterator[ToldRules]:
    def taken(state: State, page: list[Any]) -> State:
        older = [stored for stored in page if stored.seq < sync_oldest(state)]
        return sync_restored(state, older)

    with mock.patch.object(sync, "with_page", taken):
        yield ToldRules()


def sync_oldest(state: State) -> int:
    return state.committed[0].seq if state.committed else state.hidden_before_seq


def sync_restored(state: State, older: list[Any]) -> State:
    if not older:
        return state
    return state._replace(committed=Log([*older, *state.committed]), hidden_before_seq=older[0].seq)


@mutant
def a_prompt_of_the_same_text_is_refused_in_its_place() -> Iterator[ToldRules]:
    def newest(state: State, text: str, **options: Any) -> State:
        memory = state.sync
        assert isinstance(memory, told.Told)
        echoes = [echo for echo in memory.echoes if echo.text == text]
        if not echoes:
            return state
        kept = tuple(echo for echo in memory.echoes if echo is not echoes[-1])
        return state._replace(sync=memory._replace(echoes=kept))

    yield ToldRules(reject=newest)
