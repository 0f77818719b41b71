"""What a person chooses for the turns of a conversation, checked at once."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, get_args

from pydantic import SecretStr

from .engine.contracts import DispatchPolicy, Provider, RetryStrategy, Tool
from .errors import SettingError, ToolError
from .keys import NotAKey, as_key
from .wire.conversation import ReasoningEffort

__all__ = ["RequestOptions", "Settings"]

_EFFORTS = get_args(ReasoningEffort)
# These are the conversation itself: another one would be asked than the one that is shown.
_OURS = ("messages", "input", "stream")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")


@dataclass(frozen=True, kw_only=True)
class RequestOptions:
    """What a model is asked with beside the messages; None is the conversation's own, or the API's.

    Parameters
    ----------
    temperature, top_p
        How freely the model chooses its words.
    max_tokens
        Tokens of one answer at most.
    seed
        The same seed shall give the same answer, where the API can.
    reasoning_effort
        ``"low"``, ``"medium"``, ``"high"``, ``"xhigh"`` or ``"max"``.
    cache
        Whether an API that must be asked to (Anthropic's) keeps what it has read for the next
        request: reading it again costs a tenth, keeping it a quarter more. True by default.
    extra_body, extra_headers
        Laid over the request's JSON object and over its headers; no header is ever stored.

    Raises
    ------
    SettingError
        If a value cannot be what its name says.
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    reasoning_effort: ReasoningEffort | None = None
    cache: bool | None = None
    extra_body: Mapping[str, Any] | None = None
    extra_headers: Mapping[str, str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._check("temperature", lambda value: _is_number(value, 0), "a number, 0 or more")
        self._check("top_p", lambda value: _is_number(value, 0, 1), "a number from 0 to 1")
        self._check("max_tokens", lambda value: _is_count(value, 1), "a whole number, 1 or more")
        self._check("seed", lambda value: _is_count(value, -(2**63)), "a whole number")
        self._check(
            "reasoning_effort",
            lambda value: value in _EFFORTS,
            f"one of {', '.join(map(repr, _EFFORTS))}",
        )
        self._check("cache", lambda value: isinstance(value, bool), "True or False")
        self._check("extra_body", _is_json_object, "a dict with text keys that JSON can hold")
        for name in self.extra_body or ():
            if name in _OURS:
                raise SettingError(f"extra_body cannot set {name!r}: the conversation itself does.")
        self._check(
            "extra_headers",
            _are_headers,
            "a dict of header names and values in plain ASCII",
        )

    def chosen(self) -> dict[str, Any]:
        """Return what was chosen, as fields of `ProviderOptions`."""
        values = {each.name: getattr(self, each.name) for each in fields(RequestOptions)}
        return {name: value for name, value in values.items() if value is not None}

    def _check(self, name: str, is_right: Callable[[Any], bool], wanted: str) -> None:
        value = getattr(self, name)
        if value is not None and not is_right(value):
            # A key never stands in a message, not even a wrong one.
            shown = repr(value)
            if name == "extra_headers":
                shown = value.kind if isinstance(value, NotAKey) else type(value).__name__
            raise SettingError(f"{name} must be {wanted}, not {shown}.")


@dataclass(frozen=True, kw_only=True)
class Settings(RequestOptions):
    """The choices for a conversation; None is "as it was, or the default".

    Those of `RequestOptions` are among them.

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
    max_steps: int | None = None
    dispatch: DispatchPolicy | None = None
    retry: RetryStrategy | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tools is not None and not isinstance(self.tools, Iterable):
            raise ToolError("Tools come as a list: write tools=[…], also for a single one.")
        self._check("system", lambda value: isinstance(value, str), "text")
        for name in ("base_url", "api_key"):  # an address may hold a key too
            hidden = as_key(getattr(self, name))
            object.__setattr__(self, name, hidden)
            if isinstance(hidden, NotAKey):
                raise SettingError(f"{name} must be text, not {hidden.kind}.")
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
        """Return these choices, and the earlier ones where nothing was chosen.

        An address and a key belong to the provider they were given for: a model of another
        provider does not inherit them.
        """
        names = [each.name for each in fields(self)]
        if self.model is not None and _provider_of(self.model) != _provider_of(earlier.model):
            names = [name for name in names if name not in ("base_url", "api_key")]
        inherited = {name: getattr(earlier, name) for name in names if getattr(self, name) is None}
        return replace(self, **inherited)


def _provider_of(model: str | Provider | None) -> object:
    return model.partition(":")[0] if isinstance(model, str) else model


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_number(value: object, least: float, most: float = math.inf) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and least <= value <= most


def _is_json_object(value: object) -> bool:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        return False
    try:
        json.dumps(dict(value), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _are_headers(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str)
        and isinstance(text, str)
        and _HEADER_NAME.fullmatch(name)
        and _HEADER_VALUE.fullmatch(text)
        for name, text in value.items()
    )
