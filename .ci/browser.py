"""The Chromium that the browser tests drive."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from common import TaskError, run, say

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
)
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)


def ensure() -> str:
    """Return the path of a Chromium, installed through apt when that is possible and needed."""
    chosen = os.environ.get("CHROMIUM")
    if chosen:
        found = shutil.which(chosen)
        if found is None:
            raise TaskError(f"CHROMIUM is set to {chosen}, which is not a program.")
        return found
    found = _find()
    if found is None and _can_apt():
        say("No Chromium found: installing it with apt …")
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "update", "-qq"], env=quiet)
        run(["apt-get", "install", "-y", "-qq", "chromium"], env=quiet)
        found = _find()
    if found is None:
        raise TaskError(
            "The browser tests need Chromium or Chrome and none was found. "
            "Install one, or set CHROMIUM to the path of its program."
        )
    return found


def _find() -> str | None:
    candidates = (shutil.which(name) for name in (*NAMES, *PLACES))
    return next((path for path in candidates if path is not None), None)


def _can_apt() -> bool:
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return is_root and Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None
