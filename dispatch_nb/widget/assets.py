"""The built front end, as files of the installed package."""

from __future__ import annotations

from pathlib import Path

from ..errors import BundleMissingError

__all__ = ["STATIC", "load_bundle", "load_library", "load_usage", "read_typesetter"]

STATIC = Path(__file__).parent.parent / "static"


def load_bundle(static: Path = STATIC) -> tuple[Path, Path]:
    """Return the paths of the front end's module and style sheet.

    Raises
    ------
    BundleMissingError
        If the front end was never built; the message names the command that builds it.
    """
    module, styles = _built(static, "widget.js", "widget.css")
    return module, styles


def load_library(static: Path = STATIC) -> tuple[Path, Path]:
    """Return module and style sheet of the list of a store's conversations.

    Raises
    ------
    BundleMissingError
        If the front end was never built.
    """
    module, styles = _built(static, "library.js", "widget.css")
    return module, styles


def load_usage(static: Path = STATIC) -> tuple[Path, Path]:
    """Return module and style sheet of the figures of a chat or a store.

    Raises
    ------
    BundleMissingError
        If the front end was never built.
    """
    module, styles = _built(static, "usage.js", "widget.css")
    return module, styles


def read_typesetter(static: Path = STATIC) -> str:
    """Return the module that sets formulas; a page asks for it when it meets the first one.

    Raises
    ------
    BundleMissingError
        If the front end was never built.
    """
    (module,) = _built(static, "typeset.js")
    return module.read_text(encoding="utf-8")


def _built(static: Path, *names: str) -> list[Path]:
    missing = [name for name in names if not (static / name).is_file()]
    if missing:
        raise BundleMissingError(
            f"The front end is not built ({' and '.join(missing)} missing from {static}): "
            "run 'npm ci && npm run build' in the js folder of the source tree, or install "
            "the package again with 'pip install .'."
        )
    return [static / name for name in names]
