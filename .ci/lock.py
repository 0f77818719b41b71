"""Write the three lock files anew, for every platform and without any registry's address."""

from __future__ import annotations

import shutil
from pathlib import Path

import node_env
from common import ROOT, TaskError, run
from python_env import LOCK, NODE_LOCK


def main() -> None:
    """Lock the Python packages with uv, and those of `js/` with npm."""
    uv = shutil.which("uv")
    if uv is None:
        raise TaskError("Locking needs uv on PATH (pip install uv).")
    _compile(uv, LOCK, "--all-extras", "--group", "dev", "pyproject.toml")
    _compile(uv, NODE_LOCK, "--group", "node")
    node_env.npm("install", "--package-lock-only")


def _compile(uv: str, target: Path, *selection: str) -> None:
    quiet = ["--quiet", "--universal", "--python-version=3.11", "--no-header", "--no-annotate"]
    run([uv, "pip", "compile", *quiet, *selection, "-o", target], cwd=ROOT)
