"""The checks of `test` and `lint`: named, in order, timed, stopped at the first failure."""

from __future__ import annotations

import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import node_env
from common import VENV_PYTHON, TaskError, run, say

NOT_RUN = ("llama-server: not run", "recorded streams: not run")
"""What skipped tests begin to say where what they need is not at hand; told before the counts."""

_PARALLEL = ("-n", "logical", "--maxprocesses=4", "--dist=loadfile")

_PROVED = ".//property[@name='proved']"
"""Where a test's report says what it proved, in a sentence that closes the run."""

BUILD_LLAMA = "python tests/servers/build_llama.py"


class CheckFailedError(TaskError):
    """A check failed and has been reported, above the closing counts."""


@dataclass(frozen=True)
class Check:
    """One named check; `run` takes the place where a test runner leaves its JUnit report."""

    name: str
    run: Callable[[Path], None]


@dataclass
class Totals:
    """Counts over the reports of the test runners."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    not_run: set[str] = field(default_factory=set)
    proved: list[str] = field(default_factory=list)

    def add(self, report: Path) -> None:
        """Add the counts of one JUnit report; a check that runs no tests leaves none."""
        if not report.exists():
            return
        for case in ElementTree.parse(report).getroot().iter("testcase"):
            for skip in case.iter("skipped"):
                said = skip.get("message", "")
                self.not_run |= {what for what in NOT_RUN if what in said}
            self.proved += [each.get("value", "") for each in case.iterfind(_PROVED)]
            outcomes = {child.tag for child in case}
            if outcomes & {"failure", "error"}:
                self.failed += 1
            elif "skipped" in outcomes:
                self.skipped += 1
            else:
                self.passed += 1


def _python(name: str, *arguments: str) -> Check:
    return Check(name, lambda report: run([VENV_PYTHON, "-m", *arguments]))


def _npm(name: str, *arguments: str) -> Check:
    return Check(name, lambda report: node_env.npm("run", "--silent", *arguments))


def _pytest(name: str, *arguments: str, chromium: str | None = None) -> Check:
    env = {"CHROMIUM": chromium} if chromium else {}
    return Check(
        name,
        lambda report: run(
            [VENV_PYTHON, "-m", "pytest", f"--junitxml={report}", *arguments],
            env=env,
        ),
    )


def _vitest(report: Path) -> None:
    node_env.npm(
        "run",
        "--silent",
        "test",
        "--",
        "--reporter=default",
        "--reporter=junit",
        f"--outputFile.junit={report}",
    )


def lint() -> list[Check]:
    """Return the checks that run no tests."""
    return [
        _python("format", "ruff", "format", "--check", "."),
        _python("lint", "ruff", "check", "."),
        _python("types", "mypy"),
        _npm("biome", "lint"),
        _npm("tsc", "typecheck"),
        _npm("wire types", "types:check"),
    ]


def tests(chromium: str) -> list[Check]:
    """Return the checks that run tests, the browser last."""
    return [
        Check("vitest", _vitest),
        _pytest("pytest", "tests", "--ignore=tests/browser", *_PARALLEL, chromium=chromium),
        _pytest("notebooks", "--nbmake", "--nbmake-timeout=300", "notebooks"),
        _pytest("browser", "tests/browser", "-m", "not alone", *_PARALLEL, chromium=chromium),
        _pytest("browser, alone", "tests/browser", "-m", "alone", chromium=chromium),
    ]


def run_all(checks: Iterable[Check]) -> None:
    """Run the checks in order; the last line printed is `N passed, N failed` when tests ran."""
    totals, times = Totals(), list[tuple[str, float]]()
    try:
        for check in checks:
            say(f"\n== {check.name}")
            started = time.monotonic()
            try:
                _run_one(check, totals)
            finally:
                times.append((check.name, time.monotonic() - started))
    finally:
        say("\nseconds  check")
        for name, seconds in times:
            say(f"{seconds:7.1f}  {name}")
        for line in totals.proved:
            say(line)
        if totals.skipped:
            say(f"{totals.skipped} skipped")
        for what in NOT_RUN:
            if what in totals.not_run:
                say(f"{what} (build it with `{BUILD_LLAMA}`)" if what is NOT_RUN[0] else what)
        if totals != Totals():
            say(f"{totals.passed} passed, {totals.failed} failed")


def _run_one(check: Check, totals: Totals) -> None:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        try:
            check.run(report)
        except TaskError as problem:
            totals.add(report)
            totals.failed += totals.failed == 0
            say(f"\nThe check '{check.name}' failed: {problem}")
            raise CheckFailedError(check.name) from problem
        totals.add(report)
