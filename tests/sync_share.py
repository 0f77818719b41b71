"""A share of the full proof: random interleavings in one process, and all of them in TypeScript."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.sync_client import Rules
from tests.sync_record import recorded
from tests.sync_world import Tally, World, WrongScreenError

JS = Path(__file__).resolve().parent.parent / "js"
LENGTHS = (60, 100, 160, 160)


def bundled(folder: Path) -> Path:
    """Return the runner of the TypeScript functions, written to `folder`."""
    bundle = folder / "replay.mjs"
    esbuild = JS / "node_modules" / "esbuild" / "bin" / "esbuild"
    options = ["--bundle", "--platform=node", "--format=esm", "--log-level=warning"]
    source = JS / "src" / "transcript" / "sync.replay.ts"
    subprocess.run([esbuild, source, *options, f"--outfile={bundle}"], check=True)
    return bundle


@contextmanager
def replaying(bundle: Path) -> Iterator[subprocess.Popen[str]]:
    """A Node process that reads what clients did, and says at the end how many it agreed with."""
    node = shutil.which("node")
    assert node is not None, "Node is needed: python3 .ci/tasks.py setup brings it."
    with subprocess.Popen(
        [node, bundle, "--stdin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        yield process
        process.kill()


def prove_share(seed: str, count: int, bundle: Path) -> Tally:
    """Check `count` interleavings that follow from `seed`, in both languages."""
    tally = Tally()
    sent = 0
    with replaying(bundle) as typescript:
        assert typescript.stdin is not None
        assert typescript.stdout is not None
        for number in range(count):
            name = f"{seed}/{number}"
            chance = random.Random(name)
            world = World(chance.randbytes(chance.choice(LENGTHS)), Rules(), tally)
            try:
                world.run()
            except WrongScreenError as error:
                raise WrongScreenError(f"interleaving {name}: {error}") from error
            for client in world.clients:
                try:
                    typescript.stdin.write(recorded(client) + "\n")
                except BrokenPipeError:
                    raise AssertionError(typescript.stdout.read()) from None
                sent += 1
        typescript.stdin.close()
        answer = typescript.stdout.read().strip()
    assert answer == str(sent), answer
    return tally
