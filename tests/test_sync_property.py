"""Any interleaving of a backend and its clients: no chunk twice, lost, moved or wiped.

Readers of our own log, as the widget's pages are, must show exactly what is so at every moment;
clients of a foreign backend wherever the wire lets anybody know.

`DISPATCH_NB_PROOF=full` runs 50,000 more over two processes, and all of them through the
TypeScript functions too.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import IO

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.sync_client import Rules
from tests.sync_mutants import MUTANTS
from tests.sync_record import recorded
from tests.sync_share import bundled, prove_share, replaying
from tests.sync_told_client import ToldRules
from tests.sync_told_mutants import TOLD_MUTANTS
from tests.sync_world import Tally, World, WrongScreenError

IS_FULL = os.environ.get("DISPATCH_NB_PROOF") == "full"
INTERLEAVINGS = 600
IN_TYPESCRIPT = 300
SHARES = {"first": 25_000, "second": 25_000}


@pytest.fixture
def typescript(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The TypeScript functions in one Node process that reads what clients did."""
    with replaying(bundled(tmp_path)) as process:
        yield process


def test_every_screen_is_right_in_every_interleaving_and_in_both_languages(
    typescript: subprocess.Popen[str], record_property: Callable[[str, object], None]
):
    tally = Tally()
    sent = 0
    pipe: IO[str] | None = typescript.stdin
    assert pipe is not None
    assert typescript.stdout is not None

    @settings(
        max_examples=INTERLEAVINGS,
        database=None,
        deadline=None,
        derandomize=True,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.binary(min_size=60, max_size=160))
    def prove(data: bytes) -> None:
        nonlocal sent
        world = World(data, Rules(), tally)
        world.run()
        if tally.interleavings <= IN_TYPESCRIPT:
            for client in world.clients:
                pipe.write(recorded(client) + "\n")
                sent += 1

    prove()
    pipe.close()
    answer = typescript.stdout.read().strip()
    assert answer == str(sent), answer
    assert tally.interleavings >= INTERLEAVINGS
    assert tally.told >= tally.moments / 4
    assert tally.ambiguous < (tally.moments - tally.told) / 10
    record_property("proved", f"{summary(tally)}; {IN_TYPESCRIPT:,} interleavings in TypeScript")


@pytest.mark.skipif(not IS_FULL, reason="takes minutes: DISPATCH_NB_PROOF=full")
def test_every_screen_is_right_in_fifty_thousand_interleavings_and_in_both_languages(
    tmp_path: Path, record_property: Callable[[str, object], None]
):
    bundle = bundled(tmp_path)
    with ProcessPoolExecutor(len(SHARES), multiprocessing.get_context("spawn")) as processes:
        shares = [
            processes.submit(prove_share, seed, count, bundle) for seed, count in SHARES.items()
        ]
        tallies = [share.result() for share in shares]
    whole = Tally(
        sum(tally.interleavings for tally in tallies),
        sum(tally.moments for tally in tallies),
        sum(tally.ambiguous for tally in tallies),
        sum(tally.told for tally in tallies),
    )
    assert whole.interleavings == sum(SHARES.values())
    assert whole.told >= whole.moments / 4
    assert whole.ambiguous < (whole.moments - whole.told) / 10
    record_property("proved", f"{summary(whole)}; all interleavings in TypeScript")


def summary(tally: Tally) -> str:
    foreign = tally.moments - tally.told
    return (
        f"{tally.interleavings:,} interleavings, {tally.moments:,} screens compared:"
        f" {tally.told:,} of readers of our own log, none of them undecidable;"
        f" {foreign:,} of clients of a foreign backend, {tally.ambiguous:,} of them undecidable"
        f" ({tally.ambiguous / foreign:.1%})"
    )


@pytest.mark.parametrize("name", MUTANTS)
def test_the_proof_catches_this_defect(name):
    with MUTANTS[name]() as rules, pytest.raises(WrongScreenError):
        run_many(rules, 1_000)


@pytest.mark.parametrize("name", TOLD_MUTANTS)
def test_the_proof_catches_this_defect_of_a_reader_of_our_own_log(name):
    with TOLD_MUTANTS[name]() as told, pytest.raises(WrongScreenError):
        run_many(Rules(), 2_000, told)


def run_many(rules: Rules, count: int, told: ToldRules | None = None) -> None:
    for seed in range(count):
        data = random.Random(seed).randbytes(160)
        if told is not None:
            data = data[:1] + bytes([2 + seed % 2]) + data[2:]  # worlds with such readers
        World(data, rules, Tally(), told or ToldRules()).run()
