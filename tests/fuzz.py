"""Coverage-guided fuzzing of the decoders and readers: a program of its own, for atheris.

Run it as ``python -m tests.fuzz WIRE -atheris_runs=N [CORPUS]``. It ends with an error at the first
input that crashes, is read otherwise in other pieces, or holds more than it may.
"""

from __future__ import annotations

import atexit
import signal
import sys
from collections.abc import Callable

import atheris

with atheris.instrument_imports(include=["dispatch_nb.providers"]):
    from tests.fuzzing import WIRES, judge


def main() -> None:
    """Fuzz the wire that the first argument names."""
    wire = WIRES[sys.argv.pop(1)]

    def one(data: bytes) -> None:
        judge(data, wire)

    # The fuzzer's alarm may ring when Python has taken its handlers away: that would kill.
    atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)
    test: Callable[[bytes], None] = one
    atheris.Setup(sys.argv, test)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
