"""A client's surfaces: what is offered, what is subscribed to, what it shows.

Source: the Dispatch HTTP and WebSocket contract, 5.2 and 5.5. Acts of the client return
the next state and the messages to send; messages of the server return the next state.
"""

from __future__ import annotations

from typing import NamedTuple

from pydantic import MISSING, JsonValue

from ..wire.messages import (
    InvokeMessage,
    SubscribeMessage,
    SurfaceErrorMessage,
    UnsubscribeMessage,
    WsServerMessage,
)
from ..wire.surfaces import SurfaceCatalogEntry, SurfaceSpec

__all__ = [
    "SurfaceSubscription",
    "SurfacesState",
    "fold_surface_message",
    "initial_surfaces",
    "invoke_surface",
    "resubscribe_surfaces",
    "select_surface",
    "subscribe_surface",
    "unsubscribe_surface",
]


class SurfaceSubscription(NamedTuple):
    """A surface that was asked for; its `spec` is None until the server has answered.

    Without a `conversation_id` it is the server's own, or that of a server which knows no
    surfaces of conversations.
    """

    surface_id: str
    conversation_id: str | None
    spec: SurfaceSpec | None = None


class SurfacesState(NamedTuple):
    """All surfaces of a connection: an immutable value."""

    catalog: tuple[SurfaceCatalogEntry, ...] = ()
    subscriptions: tuple[SurfaceSubscription, ...] = ()
    last_error: SurfaceErrorMessage | None = None


def initial_surfaces() -> SurfacesState:
    """Return the state before the server said anything."""
    return SurfacesState()


def fold_surface_message(state: SurfacesState, message: WsServerMessage) -> SurfacesState:
    """Return the state after a server's message.

    The very same state comes back for messages that are about no surface, or about one
    that is not subscribed to (any more). A message that names no conversation is about the
    subscription that names none, else about the only one of its surface.
    """
    match message.type:
        case "catalog":
            return state._replace(catalog=tuple(message.catalog))
        case "surface":
            return _with_spec(state, message.spec.id, message.conversation_id, message.spec)
        case "update":
            update = message.update
            return _with_spec(state, update.surface_id, update.conversation_id, update.spec)
        case "error":
            return state._replace(last_error=message)
        case _:
            return state


def subscribe_surface(
    state: SurfacesState, surface_id: str, conversation_id: str | None = None
) -> tuple[SurfacesState, list[SubscribeMessage]]:
    """Ask for a surface; asking twice sends nothing and returns the same state."""
    if _find(state, surface_id, conversation_id) is not None:
        return state, []
    subscription = SurfaceSubscription(surface_id, conversation_id)
    subscriptions = (*state.subscriptions, subscription)
    return state._replace(subscriptions=subscriptions), [_subscribe_message(subscription)]


def unsubscribe_surface(
    state: SurfacesState, surface_id: str, conversation_id: str | None = None
) -> tuple[SurfacesState, list[UnsubscribeMessage]]:
    """Stop a surface's updates; one that is not subscribed to sends nothing."""
    found = _find(state, surface_id, conversation_id)
    if found is None:
        return state, []
    subscriptions = tuple(each for each in state.subscriptions if each is not found)
    message = UnsubscribeMessage(surface_id=surface_id, conversation_id=_option(conversation_id))
    return state._replace(subscriptions=subscriptions), [message]


def invoke_surface(
    state: SurfacesState,
    surface_id: str,
    action_id: str,
    *,
    payload: JsonValue | MISSING = MISSING,
    conversation_id: str | None = None,
) -> tuple[SurfacesState, list[InvokeMessage]]:
    """Call an action; what it changes comes back as an update, so the state stays."""
    message = InvokeMessage(
        surface_id=surface_id,
        action_id=action_id,
        payload=payload,
        conversation_id=_option(conversation_id),
    )
    return state, [message]


def resubscribe_surfaces(state: SurfacesState) -> tuple[SurfacesState, list[SubscribeMessage]]:
    """Ask again for everything subscribed to, on a connection that was opened again."""
    return state, [_subscribe_message(each) for each in state.subscriptions]


def select_surface(
    state: SurfacesState, surface_id: str, conversation_id: str | None = None
) -> SurfaceSpec | None:
    """Return what a subscribed surface shows; None while the server has not answered."""
    found = _find(state, surface_id, conversation_id)
    return None if found is None else found.spec


def _find(
    state: SurfacesState, surface_id: str, conversation_id: str | None
) -> SurfaceSubscription | None:
    asked = (surface_id, conversation_id)
    return next((each for each in state.subscriptions if each[:2] == asked), None)


def _with_spec(
    state: SurfacesState, surface_id: str, conversation_id: str | MISSING, spec: SurfaceSpec
) -> SurfacesState:
    found = _find(state, surface_id, None if conversation_id is MISSING else conversation_id)
    of_surface = [each for each in state.subscriptions if each.surface_id == surface_id]
    if conversation_id is MISSING and len(of_surface) == 1:
        found = of_surface[0]
    if found is None:
        return state
    shown = found._replace(spec=spec)
    return state._replace(
        subscriptions=tuple(shown if each is found else each for each in state.subscriptions)
    )


def _subscribe_message(subscription: SurfaceSubscription) -> SubscribeMessage:
    return SubscribeMessage(
        surface_id=subscription.surface_id,
        conversation_id=_option(subscription.conversation_id),
    )


def _option(conversation_id: str | None) -> str | MISSING:
    return MISSING if conversation_id is None else conversation_id
