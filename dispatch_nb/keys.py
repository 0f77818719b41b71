"""Keys: where they come from, and the form in which they never show themselves.

A key is made a `Key` at the first line that meets it, so that no representation, pickle or
traceback that prints variables has it in the open.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from pydantic import SecretStr

from .errors import SettingError

__all__ = [
    "KEYRING_SERVICE",
    "HiddenHeaders",
    "Key",
    "NotAKey",
    "as_key",
    "find_key",
    "hidden",
    "hidden_headers",
    "without_keys",
]

KEYRING_SERVICE = "dispatch_nb"
# A local server's placeholder, such as "x", stands inside other words.
_KEY_LENGTH = 8


class Key(SecretStr):
    """A secret that is not pickled either: another process has an environment of its own."""

    def __copy__(self) -> Key:
        """Return itself: it cannot be changed."""
        return self

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Key:
        """Return itself: it cannot be changed."""
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse to be pickled."""
        raise SettingError(
            "A key is never pickled. Leave api_key out and let the other process find the key "
            "in its own environment."
        )


class NotAKey(Key):
    """Stands for a value that was given as a key and cannot be one; it knows only its kind."""

    def __init__(self, kind: str) -> None:
        super().__init__("")
        self.kind = kind


class HiddenHeaders(Mapping[str, str]):
    """Headers whose values, which may be keys, are not shown."""

    def __init__(self, headers: Mapping[str, str] | None = None) -> None:
        self._values = {str(name): Key(str(value)) for name, value in (headers or {}).items()}

    def __getitem__(self, name: str) -> str:
        """Return a header's value."""
        return self._values[name].get_secret_value()

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._values)

    def __repr__(self) -> str:
        """Return the names alone."""
        return f"<headers {', '.join(self._values) or 'none'}>"

    def keys_of(self) -> tuple[Key, ...]:
        """Return the values as what they may be."""
        return tuple(self._values.values())


def as_key(value: Any) -> Key | None:
    """Return what was given as a key as a `Key`; an empty one is none, another kind `NotAKey`.

    No error is raised here: its traceback could print the variables, and the key with them.
    """
    if isinstance(value, NotAKey):
        return value
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, str):
        return Key(value.strip()) if value.strip() else None
    return None if value is None else NotAKey(type(value).__name__)


def hidden(choices: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by name with those that may hold a key made secret."""
    made = dict(choices)
    for name in ("api_key", "base_url"):
        if name in made:
            made[name] = as_key(made[name])
    if "extra_headers" in made:
        made["extra_headers"] = hidden_headers(made["extra_headers"])
    return made


def hidden_headers(headers: Any) -> Any:
    """Return headers with their values hidden, or `NotAKey` for what is no mapping of headers."""
    if headers is None or isinstance(headers, NotAKey | HiddenHeaders):
        return headers
    return (
        HiddenHeaders(headers) if isinstance(headers, Mapping) else NotAKey(type(headers).__name__)
    )


def find_key(variable: str | None) -> Key | None:
    """Return the key that this person keeps under the name of an environment variable.

    The environment goes before the keyring, which is asked only where the package `keyring`
    is installed and has a place to look in: ``keyring set dispatch_nb OPENAI_API_KEY``.
    """
    if variable is None:
        return None
    return as_key(os.environ.get(variable)) or _from_keyring(variable)


def _from_keyring(variable: str) -> Key | None:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return None
    try:
        return as_key(keyring.get_password(KEYRING_SERVICE, variable))
    except keyring.errors.KeyringError:  # none on this machine, or it stays locked
        return None


def without_keys(text: str, keys: tuple[SecretStr, ...]) -> str:
    """Return `text` without the keys, which some servers repeat in what they say."""
    # The longest first: one may be a part of another.
    for value in sorted((key.get_secret_value() for key in keys), key=len, reverse=True):
        if len(value) >= _KEY_LENGTH:
            text = text.replace(value, "[api key]")
        elif value:
            text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "[api key]", text)
    return text
