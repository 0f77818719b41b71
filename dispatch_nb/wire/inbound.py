"""Lenient reading of what a server sends: a frame that cannot be used is no frame.

Source: the Dispatch wire contract, section 7. A newer server may send events, surface
fields and catalog entries that this version does not know: they do not hide the rest.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from ..errors import WireError
from .base import Json, WireModel
from .messages import CatalogMessage, WsServerMessage
from .metadata import MESSAGE_QUEUE, MessageQueue, QueuedMessage
from .parse import load_json, parse_ws_server_message
from .surfaces import SurfaceCatalogEntry, SurfaceField, SurfaceSpec

__all__ = ["UnknownDeltaMessage", "UnknownEvent", "queued_messages", "read_server_message"]

_catalog_entry: TypeAdapter[SurfaceCatalogEntry] = TypeAdapter(SurfaceCatalogEntry)
_surface_field: TypeAdapter[SurfaceField] = TypeAdapter(SurfaceField)
_message_queue: TypeAdapter[MessageQueue] = TypeAdapter(MessageQueue)


class UnknownEvent(WireModel):
    """An event of a kind, or of a shape, that this version does not know, as it came.

    Every reducer returns the same state for it.
    """

    type: Literal["unknown"] = "unknown"
    event: Json


class UnknownDeltaMessage(WireModel):
    """A ``chat.delta`` whose event is unknown."""

    type: Literal["chat.delta"] = "chat.delta"
    event: UnknownEvent


def read_server_message(source: object) -> WsServerMessage | UnknownDeltaMessage | None:
    """Return a server's message, or None for a frame that is to be dropped; raises nothing.

    Parameters
    ----------
    source
        JSON text, or data as read from JSON. Catalog entries and surface fields that do
        not fit are left out of the message.
    """
    try:
        return parse_ws_server_message(source)
    except WireError:
        return _read_leniently(source)


def queued_messages(spec: SurfaceSpec) -> list[QueuedMessage] | None:
    """Return the texts that the message queue's surface shows; None for any other surface."""
    for field in spec.fields:
        if field.kind == "custom" and field.renderer_id == MESSAGE_QUEUE:
            try:
                queue = _message_queue.validate_python(field.payload, by_name=False, by_alias=True)
            except ValidationError:
                return None
            return queue.messages
    return None


def _read_leniently(source: object) -> WsServerMessage | UnknownDeltaMessage | None:
    try:
        frame: Any = load_json(source) if isinstance(source, str | bytes) else source
        match frame:
            case {"type": "chat.delta", "event": {"type": str()} as event}:
                return UnknownDeltaMessage(event=UnknownEvent(event=event))
            case {"type": "catalog", "catalog": list() as entries}:
                return CatalogMessage(catalog=_fitting(_catalog_entry, entries))
            case {"type": "surface"}:
                return parse_ws_server_message(_with_known_fields(frame))
            case {"type": "update", "update": dict() as update}:
                return parse_ws_server_message({**frame, "update": _with_known_fields(update)})
            case _:
                return None
    except (WireError, ValidationError, RecursionError):
        return None


def _with_known_fields(holder: dict[str, Any]) -> dict[str, Any]:
    spec = holder.get("spec")
    if not isinstance(spec, dict) or not isinstance(spec.get("fields"), list):
        return holder
    known = [field.to_wire() for field in _fitting(_surface_field, spec["fields"])]
    return {**holder, "spec": {**spec, "fields": known}}


def _fitting(adapter: TypeAdapter[Any], values: list[object]) -> list[Any]:
    fitting = []
    for value in values:
        try:
            fitting.append(adapter.validate_python(value, by_name=False, by_alias=True))
        except ValidationError:
            continue
    return fitting
