"""From what a person named to a database address, with the checks a file needs first."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from platformdirs import user_data_path

from ..errors import StoreError

__all__ = ["Place", "default_target", "prepare_file", "resolve"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store lives; `path` is None for a store in memory or on a server."""

    location: str
    url: sa.URL
    path: Path | None


def default_target() -> str:
    """Return what ``DISPATCH_NB_STORE`` names, else the file in the person's data folder."""
    chosen = os.environ.get("DISPATCH_NB_STORE")
    return chosen or str(user_data_path("dispatch_nb", appauthor=False) / "conversations.db")


def resolve(target: str | os.PathLike[str] | None) -> Place:
    """Return the place that a path, ``":memory:"`` or a database URL names.

    Raises
    ------
    StoreError
        If it is neither a path nor a URL that can be understood.
    """
    text = default_target() if target is None else target
    if not isinstance(text, str | os.PathLike) or not os.fspath(text):
        raise StoreError(
            f"A store is named by a path such as 'lab.db', by ':memory:' or by a database URL, "
            f"not by {text!r}."
        )
    text = os.fspath(text)
    if "://" not in text:
        return _sqlite(sa.URL.create("sqlite", database=text))
    try:
        url = sa.make_url(text)
        url.get_dialect()
    except (sa.exc.ArgumentError, ValueError) as error:
        # What stands before the last @ may hold a password.
        scheme, host = text.split("://", 1)[0], text.rpartition("@")[2]
        shown = f"{scheme}://…@{host}" if "@" in text else text
        raise StoreError(
            f"The store address {shown!r} cannot be understood. Give a path such as 'lab.db', "
            "or a database URL such as 'postgresql+psycopg://user@host/name'."
        ) from error
    if url.get_backend_name() == "sqlite":
        return _sqlite(url)
    return Place(url.render_as_string(hide_password=True), url, None)


def _sqlite(url: sa.URL) -> Place:
    url = url.set(drivername="sqlite")
    if url.database in (None, "", ":memory:"):
        return Place(":memory:", url.set(database=":memory:"), None)
    path = Path(url.database).expanduser().absolute()
    return Place(str(path), url.set(database=str(path)), path)


def prepare_file(path: Path) -> None:
    """Make the folder of a store file, and refuse what cannot be opened and written.

    Raises
    ------
    StoreError
        If the path is a folder or cannot be written.
    """
    try:
        if path.is_dir():
            raise StoreError(
                f"The store {path} is a folder. Name a file in it, such as {path / 'lab.db'}."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The store {path} cannot be opened: {error.strerror}. "
            "Choose a path in a folder that you may write."
        ) from error
    if path.exists() and not _is_writable(path):
        raise StoreError(
            f"The store {path} is read-only. Allow writing to it, or copy it and open the copy."
        )
    if not os.access(path.parent, os.W_OK):
        raise StoreError(
            f"The folder of the store {path} is read-only. "
            "Allow writing to it, or choose a path in another folder."
        )


def _is_writable(path: Path) -> bool:
    # A file marked read-only is respected even where an administrator could write it.
    return os.access(path, os.W_OK) and bool(path.stat().st_mode & 0o222)
