"""What every task shares: where things are, how a command is run, how a task fails."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
JS = ROOT / "js"
VENV = ROOT / ".venv"
VENV_BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
VENV_PYTHON = VENV_BIN / ("python.exe" if os.name == "nt" else "python")


class TaskError(Exception):
    """A task cannot go on; the message is for the person who started it."""


def say(text: str) -> None:
    """Print one line at once, so that it stands before the output of what follows."""
    print(text, flush=True)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of every command: as if the virtual environment were activated."""
    env = dict(os.environ)
    env["PATH"] = os.pathsep.join([str(VENV_BIN), env.get("PATH", os.defpath)])
    env["VIRTUAL_ENV"] = str(VENV)
    env.pop("PYTHONHOME", None)
    if not sys.stdout.isatty():
        env["NO_COLOR"] = "1"
    env.update(extra or {})
    return env


def run(
    argv: Sequence[str | Path],
    *,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run a command with its output on the terminal; raise TaskError if it fails."""
    words = [str(word) for word in argv]
    code = subprocess.run(words, cwd=cwd, env=environment(env), check=False).returncode
    if code != 0:
        raise TaskError(f"`{' '.join(words)}` ended with exit code {code}.")


def digest(paths: Iterable[Path], *words: str) -> str:
    """Return one hash over names and contents of files, and some words beside them."""
    total = hashlib.sha256("\0".join(words).encode())
    for path in paths:
        total.update(path.relative_to(ROOT).as_posix().encode() + b"\0")
        total.update(path.read_bytes() + b"\0")
    return total.hexdigest()


def is_current(stamp: Path, value: str) -> bool:
    """Tell whether a stamp file holds this value."""
    return stamp.is_file() and stamp.read_text(encoding="ascii") == value


def running_python() -> Path:
    """Return the interpreter that runs the tasks, which makes the virtual environment."""
    return Path(sys.executable)
