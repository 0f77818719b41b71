"""A JSON schema as the Messages API takes it for structured output.

Source: Anthropic's page on structured outputs: objects are closed, and limits on numbers,
texts and lists are not known. They are kept as words, for the model to read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["closed_schema"]

_LIMITS = (
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "uniqueItems",
)
_FORMATS = (
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "time",
    "uri",
    "uuid",
)
_OF_NAMES = ("properties", "$defs", "definitions")
_OF_SCHEMAS = ("anyOf", "allOf")


def closed_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return `schema` with closed objects, its unknown limits moved to the descriptions."""
    closed: dict[str, Any] = {}
    limits: list[str] = []
    for key, value in schema.items():
        if _is_unknown(key, value):
            limits.append(f"{key}: {json.dumps(value, ensure_ascii=False)}")
        else:
            name = "anyOf" if key == "oneOf" else key
            closed[name] = _closed_part(name, value)
    if closed.get("type") == "object" or "properties" in closed:
        closed["additionalProperties"] = False
    if limits:
        said = [closed["description"]] if closed.get("description") else []
        closed["description"] = " ".join([*said, f"({'; '.join(limits)})"])
    return closed


def _is_unknown(key: str, value: object) -> bool:
    if key == "minItems":
        return value not in (0, 1)
    return key in _LIMITS or (key == "format" and value not in _FORMATS)


def _closed_part(key: str, value: Any) -> Any:
    if key in _OF_NAMES and isinstance(value, Mapping):
        return {name: _closed_or_same(each) for name, each in value.items()}
    if key in _OF_SCHEMAS and isinstance(value, list):
        return [_closed_or_same(each) for each in value]
    return _closed_or_same(value) if key == "items" else value


def _closed_or_same(value: Any) -> Any:
    return closed_schema(value) if isinstance(value, Mapping) else value
