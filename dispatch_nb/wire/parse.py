"""From JSON (text or data) to wire models, with errors that name the field."""

from __future__ import annotations

import json
from typing import Any, Never, TypeVar

from pydantic import TypeAdapter, ValidationError

from ..errors import WireError
from . import conversation as c
from . import events as e
from . import extensions as x
from . import messages as m
from . import view as v

__all__ = [
    "load_json",
    "parse_agent_event",
    "parse_chat_send_message",
    "parse_chunk",
    "parse_history_response",
    "parse_kernel_message",
    "parse_live_event",
    "parse_stored_chunk",
    "parse_view_message",
    "parse_ws_client_message",
    "parse_ws_server_message",
]

_T = TypeVar("_T")

_type_names = {
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "a boolean",
    type(None): "null",
}

_agent_event: TypeAdapter[e.AgentEvent] = TypeAdapter(e.AgentEvent)
_live_event: TypeAdapter[x.LiveEvent] = TypeAdapter(x.LiveEvent)
_chunk: TypeAdapter[c.Chunk] = TypeAdapter(c.Chunk)
_stored_chunk: TypeAdapter[c.StoredChunk] = TypeAdapter(c.StoredChunk)
_history: TypeAdapter[c.ConversationHistoryResponse] = TypeAdapter(c.ConversationHistoryResponse)
_client_message: TypeAdapter[m.WsClientMessage] = TypeAdapter(m.WsClientMessage)
_server_message: TypeAdapter[m.WsServerMessage] = TypeAdapter(m.WsServerMessage)
_view_message: TypeAdapter[v.ViewMessage] = TypeAdapter(v.ViewMessage)
_kernel_message: TypeAdapter[v.KernelMessage] = TypeAdapter(v.KernelMessage)


def load_json(source: str | bytes) -> Any:
    """Read JSON text, lone surrogate escapes included, and refuse NaN and Infinity.

    Raises
    ------
    WireError
        If `source` is not JSON.
    """

    def refuse(name: str) -> Never:
        raise WireError(f"The JSON holds {name}, which JSON does not have.")

    try:
        return json.loads(source, parse_constant=refuse)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"This is not JSON: {error}.") from error


def _parse(adapter: TypeAdapter[_T], kind: str, source: object) -> _T:
    try:
        if isinstance(source, str | bytes):
            try:
                return adapter.validate_json(source, by_name=False, by_alias=True)
            except ValidationError as error:
                # The fast reader refuses lone surrogate escapes, which must not kill a message.
                if error.errors(include_url=False)[0]["type"] != "json_invalid":
                    raise
                return adapter.validate_python(load_json(source), by_name=False, by_alias=True)
        return adapter.validate_python(source, by_name=False, by_alias=True)
    except ValidationError as error:
        raise WireError(_sentence(kind, error)) from error


def _sentence(kind: str, error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    where = f"{kind}: " if not path else f"{kind}: field {path!r} "
    match first["type"]:
        case "missing" | "union_tag_not_found":
            tag = first.get("ctx", {}).get("discriminator")
            return f"{where}is missing." if tag is None else f"{where}has no {tag}."
        case "union_tag_invalid":
            context = first["ctx"]
            return f"{where}has an unknown {context['discriminator']}, {context['tag']!r}."
        case _:
            given = first["input"]
            shown = _type_names.get(type(given), repr(given))
            reason = first["msg"].removeprefix("Input should be ")
            reason = reason if reason.startswith("must") else f"must be {reason}"
            return f"{where}{reason}, not {shown}."


def parse_agent_event(source: str | bytes | object) -> e.AgentEvent:
    """Return one of the fifteen AgentEvents.

    Parameters
    ----------
    source
        JSON text, or data as read from JSON, with the wire's camelCase keys.

    Raises
    ------
    WireError
        If it is not JSON or does not fit; the message names the field.
    """
    return _parse(_agent_event, "AgentEvent", source)


def parse_live_event(source: str | bytes | object) -> x.LiveEvent:
    """Return an AgentEvent or an extension event; raises WireError."""
    return _parse(_live_event, "event", source)


def parse_chunk(source: str | bytes | object) -> c.Chunk:
    """Return a chunk; raises WireError."""
    return _parse(_chunk, "Chunk", source)


def parse_stored_chunk(source: str | bytes | object) -> c.StoredChunk:
    """Return a StoredChunk; raises WireError."""
    return _parse(_stored_chunk, "StoredChunk", source)


def parse_history_response(source: str | bytes | object) -> c.ConversationHistoryResponse:
    """Return a ConversationHistoryResponse; raises WireError."""
    return _parse(_history, "ConversationHistoryResponse", source)


def parse_ws_client_message(source: str | bytes | object) -> m.WsClientMessage:
    """Return a client's WebSocket message; raises WireError."""
    return _parse(_client_message, "client message", source)


def parse_chat_send_message(source: str | bytes | object) -> m.ChatSendMessage:
    """Return a ``chat.send`` message; raises WireError for any other."""
    message = parse_ws_client_message(source)
    if not isinstance(message, m.ChatSendMessage):
        raise WireError(f"ChatSendMessage: field 'type' must be 'chat.send', not {message.type!r}.")
    return message


def parse_ws_server_message(source: str | bytes | object) -> m.WsServerMessage:
    """Return a server's WebSocket message; raises WireError."""
    return _parse(_server_message, "server message", source)


def parse_view_message(source: str | bytes | object) -> v.ViewMessage:
    """Return a message from the kernel to a view; raises WireError."""
    return _parse(_view_message, "view message", source)


def parse_kernel_message(source: str | bytes | object) -> v.KernelMessage:
    """Return a message from a view to the kernel; raises WireError."""
    return _parse(_kernel_message, "kernel message", source)
