"""Which models the views may suggest, asked for on a thread of its own: a server may be slow."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pydantic import MISSING

from ..catalog import CatalogRow, find_models
from ..compose import settings_of
from ..conversation.local import LocalConversation
from ..errors import DispatchError
from ..wire.base import WireModel
from ..wire.view import ModelsMessage, OfferedModel

__all__ = ["ModelLists"]

MOST_MODELS = 3_000
"""Models in one message; the longest list known, of a router, has a third of that."""


class ModelLists:
    """Finds the models of a provider and tells the views.

    The price table answers for all; servers of one's own, and the one that the conversation's
    `base_url` names, are asked. No key goes to a view.

    Parameters
    ----------
    conversation
        Its own server is asked with its own key.
    tell
        Hands a message to the views; any thread may.
    """

    def __init__(self, conversation: LocalConversation, tell: Callable[[WireModel], None]) -> None:
        self._conversation = conversation
        self._tell = tell

    def ask(self, provider: str) -> None:
        """Find the models of a provider, or of all for an empty name; returns at once."""
        threading.Thread(
            target=self._answer, args=(provider,), name="dispatch_nb models", daemon=True
        ).start()

    def _answer(self, provider: str) -> None:
        settings = settings_of(self._conversation)
        is_own = provider == self._conversation.model.partition(":")[0]
        reason: str | None = None
        try:
            rows = find_models(
                provider or None,
                base_url=settings.base_url if is_own else None,
                api_key=settings.api_key if is_own else None,
            )
        except DispatchError as error:
            rows, reason = [], str(error)
        self._tell(
            ModelsMessage(
                provider=provider,
                models=[_offered(row) for row in rows[:MOST_MODELS]],
                reason=MISSING if reason is None else reason,
            )
        )


def _offered(row: CatalogRow) -> OfferedModel:
    known = row.prices
    window, rates = known.context_window, known.rates
    return OfferedModel(
        name=f"{known.provider}:{known.model}",
        context_window=MISSING if window is None else window,
        input_usd=MISSING if rates.input is None else float(rates.input),
        output_usd=MISSING if rates.output is None else float(rates.output),
    )
