"""What a person asks for with one message, beside its text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..engine.contracts import ProviderOptions
from .images import Image
from .output import OutputForm

__all__ = ["PLAIN", "TurnRequest", "params_json"]


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """The images of a message, the options of its turn, and the form of its answer.

    `options` are fields of `ProviderOptions`; they hold for this turn alone. By the
    `client_message_id` a page that shows the message already knows it when it comes back.
    """

    images: Sequence[Image] = ()
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    output: OutputForm | None = None
    client_message_id: str | None = None

    def over(self, options: ProviderOptions) -> ProviderOptions:
        """Return the conversation's options with those of this turn laid over them."""
        schema = options.schema if self.output is None else self.output.schema
        return replace(options, **self.options, schema=schema)


PLAIN = TurnRequest()
"""A message of text alone, with the conversation's own options."""


def params_json(options: ProviderOptions) -> str | None:
    """Return the options as they are stored with a turn; None if none was chosen.

    Headers may hold keys: of them only the names are kept.
    """
    chosen = {
        "temperature": options.temperature,
        "top_p": options.top_p,
        "max_tokens": options.max_tokens,
        "seed": options.seed,
        "reasoning_effort": options.reasoning_effort,
        "cache": None if options.cache else False,
        "output": None if options.schema is None else options.schema.name,
        "extra_body": dict(options.extra_body) or None,
        "extra_headers": sorted(options.extra_headers) or None,
    }
    given = {name: value for name, value in chosen.items() if value is not None}
    return json.dumps(given) if given else None
