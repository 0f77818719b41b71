"""What a person chooses for the turns of a conversation, checked at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from pydantic import SecretStr

from .engine.contracts import DispatchPolicy, Provider, RetryStrategy, Tool
from .errors import SettingError, ToolError
from .keys import NotAKey, as_key

__all__ = ["Settings"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The choices for a conversation; None is "as it was, or the default".

    Parameters
    ----------
    model
        ``"openai:MODEL"``, ``"scripted:demo"`` or a provider of one's own.
    tools
        Python functions, or tools, that the model may call.
    system
        The system prompt.
    base_url, api_key
        Where the model is, and the key for it; kept as secrets, as an address may hold a
        key as well.
    temperature, max_tokens
        Passed to the provider; `max_tokens` counts tokens of one answer.
    max_steps
        Model round trips a turn may take; 0 is unlimited.
    dispatch, retry
        How tool calls run, and when a failed request is tried again.

    Raises
    ------
    SettingError, ToolError
        If a value cannot be what its name says.
    """

    model: str | Provider | None = None
    tools: Sequence[Tool | Callable[..., Any]] | None = None
    system: str | None = None
    base_url: str | SecretStr | None = None
    api_key: str | SecretStr | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    max_steps: int | None = None
    dispatch: DispatchPolicy | None = None
    retry: RetryStrategy | None = None

    def __post_init__(self) -> None:
        if self.tools is not None and not isinstance(self.tools, Iterable):
            raise ToolError("Tools come as a list: write tools=[…], also for a single one.")
        self._check("system", lambda value: isinstance(value, str), "text")
        for name in ("base_url", "api_key"):  # an address may hold a key too
            hidden = as_key(getattr(self, name))
            object.__setattr__(self, name, hidden)
            if isinstance(hidden, NotAKey):
                raise SettingError(f"{name} must be text, not {hidden.kind}.")
        self._check("temperature", _is_temperature, "a number, 0 or more")
        self._check("max_tokens", lambda value: _is_count(value, 1), "a whole number, 1 or more")
        self._check(
            "max_steps",
            lambda value: _is_count(value, 0),
            "a whole number of model requests, 0 for no limit",
        )
        self._check(
            "dispatch",
            lambda value: isinstance(value, DispatchPolicy),
            "a dn.DispatchPolicy(max_concurrent=…, eager=…)",
        )
        self._check(
            "retry",
            lambda value: isinstance(value, RetryStrategy),
            "a strategy with the methods delay_for and sleep",
        )

    def over(self, earlier: Settings) -> Settings:
        """Return these choices, and the earlier ones where nothing was chosen."""
        chosen = {
            field.name: getattr(self, field.name)
            if getattr(self, field.name) is not None
            else getattr(earlier, field.name)
            for field in fields(self)
        }
        return Settings(**chosen)

    def _check(self, name: str, is_right: Callable[[Any], bool], wanted: str) -> None:
        value = getattr(self, name)
        if value is not None and not is_right(value):
            raise SettingError(f"{name} must be {wanted}, not {value!r}.")


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_temperature(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and value >= 0
