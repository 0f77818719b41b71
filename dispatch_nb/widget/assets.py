"""The built front end, as files of the installed package."""

from __future__ import annotations

from pathlib import Path

from ..errors import BundleMissingError

__all__ = ["STATIC", "load_bundle", "read_typesetter"]

STATIC = Path(__file__).parent.parent / "static"
_TYPESETTER = "typeset.js"


def load_bundle(static: Path = STATIC) -> tuple[Path, Path]:
    """Return the paths of the front end's module and style sheet.

    The typesetter of formulas has to be there too; see `read_typesetter`.

    Raises
    ------
    BundleMissingError
        If the front end was never built; the message names the command that builds it.
    """
    module, styles = static / "widget.js", static / "widget.css"
    files = (module, styles, static / _TYPESETTER)
    missing = [path.name for path in files if not path.is_file()]
    if missing:
        raise BundleMissingError(
            f"The front end is not built ({' and '.join(missing)} missing from {static}): "
            "run 'npm ci && npm run build' in the js folder of the source tree, or install "
            "the package again with 'pip install .'."
        )
    return module, styles


def read_typesetter() -> str:
    """Return the module that sets formulas; a page asks for it when it meets the first one."""
    return (STATIC / _TYPESETTER).read_text(encoding="utf-8")
