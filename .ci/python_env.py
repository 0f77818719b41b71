"""The virtual environment in `.venv`: pinned packages and the project itself, editable."""

from __future__ import annotations

import shutil
import subprocess

from common import (
    ROOT,
    VENV,
    VENV_PYTHON,
    TaskError,
    digest,
    environment,
    is_current,
    run,
    running_python,
    say,
)

LOCK = ROOT / ".ci" / "requirements.lock"
NODE_LOCK = ROOT / ".ci" / "node.lock"
STAMP = VENV / "dispatch_nb.stamp"


def ensure() -> None:
    """Create `.venv` or bring it up to date; do nothing when the locks have not changed."""
    value = digest([LOCK, ROOT / "pyproject.toml"], str(ROOT))
    if VENV_PYTHON.exists() and is_current(STAMP, value):
        return
    if not _has_working_python():
        _create()
    say(f"Installing the packages of {LOCK.relative_to(ROOT)} into .venv …")
    install("--no-deps", "-r", str(LOCK))
    # The bundle is built by its own step, only when its sources changed.
    install(
        "--no-deps",
        "--no-build-isolation",
        "-e",
        str(ROOT),
        env={"DISPATCH_NB_SKIP_BUNDLE": "1"},
    )
    STAMP.write_text(value, encoding="ascii")


def install(*arguments: str, env: dict[str, str] | None = None) -> None:
    """Run `pip install` for `.venv`, with its own pip or with that of the running Python."""
    pip = [str(VENV_PYTHON), "-m", "pip"]
    if not _succeeds([*pip, "--version"]):
        pip = [str(running_python()), "-m", "pip"]
        if not _succeeds([*pip, "--version"]):
            raise TaskError(
                f"{running_python()} has neither ensurepip nor pip. "
                "Install one of them (Debian: apt-get install python3-pip) and run this again."
            )
        pip += ["--python", str(VENV_PYTHON)]
    # Twice quiet: errors only, since warnings speak of this machine's pip settings.
    quiet = ["-qq", "--disable-pip-version-check", "--no-input"]
    run([*pip, "install", *quiet, *arguments], env=env)


def _create() -> None:
    say("Creating .venv …")
    if VENV.exists():
        shutil.rmtree(VENV)
    plain = [str(running_python()), "-m", "venv", str(VENV)]
    done = subprocess.run(plain, capture_output=True, text=True, check=False)
    if done.returncode == 0 and _succeeds([str(VENV_PYTHON), "-m", "pip", "--version"]):
        return
    # Debian without python3-venv: venv is there, ensurepip is not.
    say("This Python has no ensurepip: its own pip will fill .venv instead.")
    shutil.rmtree(VENV, ignore_errors=True)
    run([*plain[:-1], "--without-pip", str(VENV)])


def _has_working_python() -> bool:
    return VENV_PYTHON.exists() and _succeeds([str(VENV_PYTHON), "-c", ""])


def _succeeds(argv: list[str]) -> bool:
    try:
        done = subprocess.run(argv, capture_output=True, env=environment(), check=False)
    except OSError:
        return False
    return done.returncode == 0
