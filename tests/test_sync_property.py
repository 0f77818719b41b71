"""Any interleaving of a foreign backend and its clients: no chunk twice, lost, moved or wiped.

`DISPATCH_NB_PROOF=full` runs 50,000 interleavings instead of 2,000, and all of them through
the TypeScript functions instead of some.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.sync_mutants import MUTANTS
from tests.sync_oracle import Rules
from tests.sync_record import recorded
from tests.sync_world import Tally, World, WrongScreenError

IS_FULL = os.environ.get("DISPATCH_NB_PROOF") == "full"
INTERLEAVINGS = 50_000 if IS_FULL else 2_000
IN_TYPESCRIPT = INTERLEAVINGS if IS_FULL else 400
JS = Path(__file__).resolve().parent.parent / "js"


@pytest.fixture
def typescript(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The TypeScript functions in one Node process that reads what clients did."""
    node = shutil.which("node")
    assert node is not None, "Node is needed: python3 .ci/tasks.py setup brings it."
    bundle = tmp_path / "replay.mjs"
    esbuild = JS / "node_modules" / "esbuild" / "bin" / "esbuild"
    options = ["--bundle", "--platform=node", "--format=esm", "--log-level=warning"]
    source = JS / "src" / "transcript" / "sync.replay.ts"
    subprocess.run([esbuild, source, *options, f"--outfile={bundle}"], check=True)
    with subprocess.Popen(
        [node, bundle, "--stdin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        yield process
        process.kill()


def test_every_screen_is_right_in_every_interleaving_and_in_both_languages(
    typescript: subprocess.Popen[str], capsys: pytest.CaptureFixture[str]
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
    assert tally.ambiguous < tally.moments / 4
    with capsys.disabled():
        print(
            f"\n{tally.interleavings:,} interleavings, {tally.moments:,} screens compared,"
            f" {tally.ambiguous:,} of them undecidable;"
            f" {min(tally.interleavings, IN_TYPESCRIPT):,} interleavings in TypeScript"
        )


@pytest.mark.parametrize("name", MUTANTS)
def test_the_proof_catches_this_defect(name):
    with MUTANTS[name]() as rules, pytest.raises(WrongScreenError):
        run_many(rules, 1_000)


def run_many(rules: Rules, count: int) -> None:
    for seed in range(count):
        World(random.Random(seed).randbytes(160), rules, Tally()).run()
