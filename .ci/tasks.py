"""Set-up, demo, tests and lint of this repository: `python3 .ci/tasks.py COMMAND [NAME=VALUE ...]`.

Commands: setup, demo, test, test-all, lint, lock. Only the standard library is needed; everything
else is installed into `.venv` and `js/node_modules`. NAME=VALUE words set environment variables,
as with make (`demo SERVE=0` stops before serving).
"""

from __future__ import annotations

import os
import sys

if sys.version_info < (3, 11):
    sys.exit("dispatch_nb needs Python 3.11 or newer, for example: make demo PYTHON=python3.12")

import browser
import checks
import demo
import lock
import node_env
import python_env
from common import VENV_PYTHON, TaskError, run, say


def _setup() -> None:
    python_env.ensure()
    node_env.ensure()


def _setup_and_say() -> None:
    _setup()
    say("Set up: .venv, js/node_modules and the front-end bundle are current.")


def _demo() -> None:
    _setup()
    demo.main()


def _lint() -> None:
    _setup()
    checks.run_all(checks.lint())


def _test() -> None:
    _setup()
    chromium = browser.ensure()
    checks.run_all([*checks.lint(), *checks.tests(chromium)])


def _test_all() -> None:
    os.environ["DISPATCH_NB_PROOF"] = "full"
    _setup()
    try:
        run([VENV_PYTHON, *checks.BUILD_LLAMA.split()[1:]])
    except TaskError as problem:
        say(f"{problem} The tests that need llama-server will not run.")
    _test()


COMMANDS = {
    "setup": _setup_and_say,
    "demo": _demo,
    "test": _test,
    "test-all": _test_all,
    "lint": _lint,
    "lock": lock.main,
}


def main(words: list[str]) -> int:
    """Run one command and return the exit code."""
    names = [word for word in words if "=" not in word]
    os.environ.update(dict(word.split("=", 1) for word in words if "=" in word))
    if len(names) != 1 or names[0] not in COMMANDS:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        COMMANDS[names[0]]()
    except checks.CheckFailedError:
        return 1
    except TaskError as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
