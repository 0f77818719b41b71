"""Prompts that their sender sees at once, before any event confirms them.

Source: the Dispatch transcript contract, B.2 and D.6.4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..wire.conversation import ImageChunk
from .state import TranscriptState
from .sync_state import Echo, tracked
from .told import Told

__all__ = ["append_user_message", "claim_echo", "reject_echo"]


def append_user_message(
    state: TranscriptState,
    text: str,
    *,
    client_message_id: str | None = None,
    images: Sequence[ImageChunk] = (),
) -> TranscriptState:
    """Return the state with a prompt shown to its sender before any event confirms it.

    It stays last until its `user-message` claims it, and goes where that stands. With a
    `client_message_id` the id alone decides (`claim_echo`), so that the same text from
    someone else does not; without one, of several equal prompts the oldest is claimed. When
    its stored twin is read first it is shown as that.

    Raises
    ------
    ValueError
        Without an id where events say whose prompt is whose.
    """
    sync = state.sync
    if isinstance(sync, Told):
        if client_message_id is None:
            raise ValueError("A prompt of our own log needs the client message id it is sent with.")
        echo = Echo(text, 0, None, client_message_id, tuple(images))
        return state._replace(sync=sync._replace(echoes=(*sync.echoes, echo)))
    sync = tracked(state)
    known = sync.known()
    after = sync.last_seq if known is not None else 0
    echo = Echo(text, after, known, client_message_id, tuple(images))
    return state._replace(sync=sync._replace(echoes=(*sync.echoes, echo)))


def claim_echo(state: TranscriptState, client_message_id: str) -> TranscriptState:
    """Return the state without the prompt of this id, whose `user-message` comes next or came."""
    return _without_echo(state, lambda echo: echo.client_message_id == client_message_id)


def reject_echo(
    state: TranscriptState, text: str, *, client_message_id: str | None = None
) -> TranscriptState:
    """Return the state without a prompt that the backend refused; the same object if it has none.

    Without an id the newest unclaimed prompt of that text goes: which of several equal ones
    was refused the wire does not tell, and they look the same. A prompt that a turn claimed
    is never taken back.
    """
    return _without_echo(
        state,
        lambda echo: echo.text == text and echo.client_message_id == client_message_id,
    )


def _without_echo(state: TranscriptState, is_meant: Callable[[Echo], bool]) -> TranscriptState:
    sync = state.sync
    meant = next((e for e in reversed(sync.echoes) if is_meant(e)), None) if sync else None
    if sync is None or meant is None:
        return state
    echoes = tuple(echo for echo in sync.echoes if echo is not meant)
    return state._replace(sync=sync._replace(echoes=echoes))
