"""From JSON (text or data) to wire models, with errors that name the field."""

from __future__ import annotations

import json
from typing import Any, Never, TypeVar

from pydantic import TypeAdapter, ValidationError

from ..errors import UnknownVariantError, WireError
from . import conversation as c
from . import events as e
from . import extensions as x
from . import library as lib
from . import messages as m
from . import metadata
from . import usage_view as use
from . import view as v

__all__ = [
    "load_json",
    "parse_agent_event",
    "parse_chat_send_message",
    "parse_chunk",
    "parse_conversation_meta",
    "parse_history_response",
    "parse_kernel_message",
    "parse_library_kernel_message",
    "parse_live_event",
    "parse_stored_chunk",
    "parse_usage_kernel_message",
    "parse_view_message",
    "parse_ws_client_message",
    "parse_ws_server_message",
]

_T = TypeVar("_T")

_type_names = {
    dict: "an object",
    list: "a list",
    bool: "a boolean",
    type(None): "null",
}

_reasons = {
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "list_type": "must be a list",
    "model_attributes_type": "must be an object",
    "model_type": "must be an object",
}
_QUOTE = "'"
_LONGEST_SHOWN = 40

_agent_event: TypeAdapter[e.AgentEvent] = TypeAdapter(e.AgentEvent)
_live_event: TypeAdapter[x.LiveEvent] = TypeAdapter(x.LiveEvent)
_chunk: TypeAdapter[c.Chunk] = TypeAdapter(c.Chunk)
_stored_chunk: TypeAdapter[c.StoredChunk] = TypeAdapter(c.StoredChunk)
_history: TypeAdapter[c.ConversationHistoryResponse] = TypeAdapter(c.ConversationHistoryResponse)
_client_message: TypeAdapter[m.WsClientMessage] = TypeAdapter(m.WsClientMessage)
_server_message: TypeAdapter[m.WsServerMessage] = TypeAdapter(m.WsServerMessage)
_conversation_meta: TypeAdapter[metadata.ConversationMeta] = TypeAdapter(metadata.ConversationMeta)
_view_message: TypeAdapter[v.ViewMessage] = TypeAdapter(v.ViewMessage)
_kernel_message: TypeAdapter[v.KernelMessage] = TypeAdapter(v.KernelMessage)
_usage_message: TypeAdapter[use.UsageKernelMessage] = TypeAdapter(use.UsageKernelMessage)
_library_message: TypeAdapter[lib.LibraryKernelMessage] = TypeAdapter(lib.LibraryKernelMessage)


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
    except (ValueError, RecursionError) as error:
        # Beside broken JSON and encodings: an integer with more digits than Python reads.
        raise WireError(f"This is not JSON: {error}.") from error


def _parse(adapter: TypeAdapter[_T], kind: str, source: object) -> _T:
    try:
        if isinstance(source, str | bytes):
            try:
                return adapter.validate_json(source, by_name=False, by_alias=True)
            except ValidationError:
                # The fast reader refuses lone surrogate escapes, which must not kill a message,
                # and its errors do not hold the whole value.
                source = load_json(source)
        return adapter.validate_python(source, by_name=False, by_alias=True)
    except ValidationError as error:
        raise _wire_error(kind, error, source) from error
    except RecursionError as error:
        raise WireError(f"{kind} is nested too deeply.") from error


def _wire_error(kind: str, error: ValidationError, source: object) -> WireError:
    first = error.errors(include_url=False)[0]
    path = ".".join(_field_path(first["loc"], source))
    where = f"{kind}: field {path!r}" if path else kind
    context = first.get("ctx", {})
    match first["type"]:
        case "missing":
            return WireError(f"{where} is missing.")
        case "union_tag_not_found":
            return WireError(f"{where} has no {context['discriminator'].strip(_QUOTE)}.")
        case "union_tag_invalid":
            name, tag = context["discriminator"].strip(_QUOTE), context["tag"]
            return UnknownVariantError(f"{where} has an unknown {name}, {tag!r}.")
        case "json_depth" | "json_key" | "json_number" | "json_value":
            return WireError(f"{where} {first['msg']}.")
        case known:
            reason = _reasons.get(known, first["msg"].replace("Input should be", "must be"))
            return WireError(f"{where} {reason}, not {_shown(first['input'])}.")


def _field_path(location: tuple[int | str, ...], source: object) -> list[str]:
    """Return the keys that lead to a value, without the variants that pydantic puts between."""
    path: list[str] = []
    value: Any = source
    may_be_tag = True
    for part in location[:-1]:
        if (
            may_be_tag
            and isinstance(value, dict)
            and part in (value.get("type"), value.get("kind"))
        ):
            may_be_tag = False
            continue
        path.append(str(part))
        value, may_be_tag = _inside(value, part), True
    return [*path, *map(str, location[-1:])]


def _inside(value: Any, part: int | str) -> Any:
    try:
        return value[part]
    except (KeyError, IndexError, TypeError):
        return None


def _shown(value: object) -> str:
    if isinstance(value, str) and len(value) > _LONGEST_SHOWN:
        return "text"
    # Only a plain value is written out: a nested one may be too deep for that.
    return _type_names.get(type(value)) or repr(value)


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


def parse_conversation_meta(source: str | bytes | object) -> metadata.ConversationMeta:
    """Return the metadata of one conversation; raises WireError."""
    return _parse(_conversation_meta, "ConversationMeta", source)


def parse_view_message(source: str | bytes | object) -> v.ViewMessage:
    """Return a message from the kernel to a view; raises WireError."""
    return _parse(_view_message, "view message", source)


def parse_kernel_message(source: str | bytes | object) -> v.KernelMessage:
    """Return a message from a view to the kernel; raises WireError."""
    return _parse(_kernel_message, "kernel message", source)


def parse_library_kernel_message(source: object) -> lib.LibraryKernelMessage:
    """Parse a message from a view of a store; see `parse_kernel_message` for the errors."""
    return _parse(_library_message, "Library message", source)


def parse_usage_kernel_message(source: object) -> use.UsageKernelMessage:
    """Parse a message from a view of usage; see `parse_kernel_message` for the errors."""
    return _parse(_usage_message, "usage message", source)
