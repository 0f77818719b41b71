"""What turns are run with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..engine.contracts import DispatchPolicy, Provider, ProviderOptions, RetryStrategy, Tool
from ..store.rows import StepRow

__all__ = ["ResolvedModel", "TurnSettings"]


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model that is ready to be asked; `price` fills in what a finished step of it cost."""

    name: str
    provider: Provider
    options: ProviderOptions
    price: Callable[[StepRow], StepRow] = lambda row: row


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """What every turn of a conversation is run with."""

    tools: Sequence[Tool] = ()
    dispatch: DispatchPolicy = field(default_factory=DispatchPolicy)
    retry: RetryStrategy | None = None
    max_steps: int = 50
