"""Where no recordings are at hand, that is the last thing said before the totals."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.recorded import NOT_RUN

ROOT = Path(__file__).parents[1]


def test_a_suite_without_recordings_says_last_that_they_did_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / ".ci")
    checks = importlib.import_module("checks")
    report = tmp_path / "report.xml"
    suite = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*suite, f"--junitxml={report}", "tests/test_providers_recorded.py", "-k", "error or none"],
        cwd=ROOT,
        env={**os.environ, "DISPATCH_NB_STREAMS": str(tmp_path / "nowhere")},
        capture_output=True,
        text=True,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert lines[-2] == NOT_RUN
    assert "skipped" in lines[-1]

    totals = checks.Totals()
    totals.add(report)
    assert totals.not_run == {NOT_RUN}
    checks.run_all([checks.Check("given", partial(shutil.copyfile, report))])
    assert capsys.readouterr().out.splitlines()[-2:] == [
        NOT_RUN,
        f"{totals.passed} passed, 0 failed",
    ]
