"""A JSON schema as the APIs take it that let a model write nothing else.

They want every object closed and each of its properties required, and know neither
defaults nor `oneOf`. Source: OpenAI's guide to structured outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["strict_schema"]

_DEFINITIONS = "#/$defs/"
_UNKNOWN = ("patternProperties", "prefixItems", "not", "if", "dependentSchemas", "propertyNames")
_DROPPED = ("default", "discriminator", "examples")


def strict_schema(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return `schema` in the strict form; None if it allows what that form cannot say."""
    definitions = schema.get("$defs", {})
    try:
        body = {key: value for key, value in schema.items() if key != "$defs"}
        if set(body) == {"$ref"}:
            # A model that holds itself is a bare reference, where an object is wanted.
            body = _referred(body["$ref"], definitions)
        strict = _strict(body, definitions)
        if definitions:
            strict["$defs"] = {
                name: _strict(each, definitions) for name, each in definitions.items()
            }
    except _NotStrictError:
        return None
    return strict


class _NotStrictError(Exception):
    """The schema allows what the strict form cannot say."""


def _referred(reference: Any, definitions: Mapping[str, Any]) -> dict[str, Any]:
    name = str(reference).removeprefix(_DEFINITIONS)
    if name not in definitions:
        raise _NotStrictError
    return dict(definitions[name])


def _strict(schema: Any, definitions: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(schema, Mapping) or any(key in schema for key in _UNKNOWN):
        raise _NotStrictError
    plain = {key: value for key, value in schema.items() if key not in _DROPPED}
    if "$ref" in plain:
        if len(plain) == 1:
            return plain
        # Nothing may stand beside a reference: a description stands in what it refers to.
        beside = {key: value for key, value in plain.items() if key != "$ref"}
        return _strict({**_referred(plain["$ref"], definitions), **beside}, definitions)
    if not any(key in plain for key in ("type", "enum", "const", "anyOf", "oneOf", "allOf")):
        raise _NotStrictError  # anything at all
    if "allOf" in plain:
        (*more, only) = plain.pop("allOf")
        if more:
            raise _NotStrictError
        return _strict({**only, **plain}, definitions)
    choices = plain.pop("oneOf", None) or plain.pop("anyOf", None)
    if choices is not None:
        plain["anyOf"] = [_strict(choice, definitions) for choice in choices]
    if isinstance(plain.get("items"), Mapping):
        plain["items"] = _strict(plain["items"], definitions)
    elif plain.get("type") == "array":
        raise _NotStrictError
    if plain.get("type") == "object":
        return _closed(plain, definitions)
    return plain


def _closed(schema: dict[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties", {})
    if schema.get("additionalProperties", False) is not False or not properties:
        raise _NotStrictError
    return {
        **schema,
        "properties": {name: _strict(each, definitions) for name, each in properties.items()},
        "required": list(properties),
        "additionalProperties": False,
    }
