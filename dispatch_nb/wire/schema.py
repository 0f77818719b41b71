"""The contract as one JSON schema, from which the TypeScript types are generated.

``python -m dispatch_nb.wire.schema`` prints it. It describes what is written (mode
``serialization``) in a small subset of JSON Schema: objects with `properties` and
`required`, arrays with `items`, `enum`, `const`, `anyOf` with null, `oneOf` with a
`discriminator`, `$ref` to `$defs`, and plain types; the empty schema is any JSON.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from . import conversation as c
from . import events as e
from . import extensions as x
from . import inbound as i
from . import library as lib
from . import messages as m
from . import metadata as meta
from . import surfaces as s
from . import usage_view as use
from . import view as v
from .base import WireModel

__all__ = ["wire_schema"]

_rooms = (c, e, x, m, meta, i, s, v, lib, use)
# Shared bases: no value is ever just one of these.
_bases = (e.TurnEvent, m.ChatRequest)
# Values that stay in this process: providers alone get them.
_inner = (x.ChunkDetail, x.PromptMessage)
_unions: dict[str, Any] = {
    "Role": c.Role,
    "ReasoningEffort": c.ReasoningEffort,
    "ConversationStatus": m.ConversationStatus,
    "SeedChunk": c.SeedChunk,
    "Chunk": c.Chunk,
    "SeedAgentEvent": e.SeedAgentEvent,
    "AgentEvent": e.AgentEvent,
    "ExtensionEvent": x.ExtensionEvent,
    "LiveEvent": x.LiveEvent,
    "SurfaceField": s.SurfaceField,
    "SeedWsClientMessage": m.SeedWsClientMessage,
    "WsClientMessage": m.WsClientMessage,
    "SeedWsServerMessage": m.SeedWsServerMessage,
    "WsServerMessage": m.WsServerMessage,
    "ViewMessage": v.ViewMessage,
    "KernelMessage": v.KernelMessage,
    "LibraryViewMessage": lib.LibraryViewMessage,
    "LibraryKernelMessage": lib.LibraryKernelMessage,
    "UsageViewMessage": use.UsageViewMessage,
    "UsageKernelMessage": use.UsageKernelMessage,
}


def wire_schema() -> dict[str, Any]:
    """Return the JSON schema whose `$defs` are every model and union of this room."""
    models = [
        model
        for room in _rooms
        for name in room.__all__
        if isinstance(model := getattr(room, name), type)
        and issubclass(model, WireModel)
        and model not in (*_bases, *_inner)
    ]
    _, generated = models_json_schema([(model, "serialization") for model in models])
    named = {name: _plain(_body(union)) for name, union in _unions.items()}
    definitions = {
        name: _described(definition, _with_names(_plain(definition), named))
        for name, definition in generated["$defs"].items()
    }
    definitions |= named
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": dict(sorted(definitions.items())),
    }


def _body(union: Any) -> Any:
    schema = TypeAdapter(union).json_schema(mode="serialization")
    return {key: value for key, value in schema.items() if key != "$defs"}


def _plain(schema: Any) -> Any:
    """Return the schema without titles and descriptions, its tags required."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "const" in schema:
        return {"const": schema["const"]}
    plain = {
        key: _plain_properties(value) if key == "properties" else _plain(value)
        for key, value in schema.items()
        if key not in ("title", "description", "default")
    }
    tags = [name for name, field in plain.get("properties", {}).items() if "const" in field]
    if tags:
        plain["required"] = [*tags, *plain.get("required", [])]
    return plain


def _plain_properties(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: _plain(field) for name, field in properties.items()}


def _with_names(schema: Any, named: dict[str, Any]) -> Any:
    """Return the schema with each named union that stands in it replaced by its name."""
    for name, union in named.items():
        if schema == union:
            return {"$ref": f"#/$defs/{name}"}
    if isinstance(schema, list):
        return [_with_names(item, named) for item in schema]
    if isinstance(schema, dict):
        return {key: _with_names(value, named) for key, value in schema.items()}
    return schema


def _described(generated: dict[str, Any], definition: dict[str, Any]) -> dict[str, Any]:
    return {"description": generated["description"], **definition}


if __name__ == "__main__":
    print(json.dumps(wire_schema(), indent=2))
