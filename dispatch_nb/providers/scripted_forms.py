"""A value of the form that a JSON schema describes, made of a prompt's own words and numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any

from .scripted_words import COMMON, numbers, words

__all__ = ["make_form"]

# A model that holds itself is cut where it may be: beyond this depth only what must be is made.
_DEPTH = 3
_FORMATS = {
    "date-time": "2026-01-01T12:00:00Z",
    "date": "2026-01-01",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "email": "someone@example.org",
    "uri": "https://example.org/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "binary": "",
    "json-string": "{}",
}


def make_form(schema: Mapping[str, Any], prompt: str) -> Any:
    """Return a value that fits `schema`; a `pattern` alone is not looked at."""
    return _Maker(schema.get("$defs", {}), prompt).value(schema, 0)


class _Maker:
    """Makes the parts of one value; words and numbers are taken in turn."""

    def __init__(self, definitions: Mapping[str, Any], prompt: str) -> None:
        self._definitions = definitions
        said = [word for word in words(prompt) if word not in COMMON and not word.isdigit()]
        self._words: Iterator[str] = cycle(said or ["example"])
        self._numbers: Iterator[float] = cycle(numbers(prompt) or [1, 2, 3])

    def value(self, schema: Mapping[str, Any], depth: int) -> Any:
        if "$ref" in schema:
            name = str(schema["$ref"]).rpartition("/")[2]
            return self.value(self._definitions[name], depth)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        for key in ("anyOf", "oneOf", "allOf"):
            if schema.get(key):
                return self.value(self._choice(schema[key], depth), depth)
        kind = schema.get("type", "string")
        match kind[0] if isinstance(kind, list) else kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "integer" | "number" as numeric:
                return self._number(schema, whole=numeric == "integer")
            case "boolean":
                return True
            case "null":
                return None
            case _:
                return self._text(schema)

    def _choice(self, choices: Sequence[Mapping[str, Any]], depth: int) -> Mapping[str, Any]:
        """Return the first choice that says something; deep inside the one that says least."""
        nulls = [choice for choice in choices if choice.get("type") == "null"]
        if depth > _DEPTH and nulls:
            return nulls[0]
        return next((choice for choice in choices if choice not in nulls), choices[0])

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties", {})
        required = schema.get("required", ())
        made = {
            name: self.value(part, depth + 1)
            for name, part in properties.items()
            if name in required or depth <= _DEPTH
        }
        free = schema.get("additionalProperties")
        while isinstance(free, Mapping) and len(made) < max(schema.get("minProperties", 0), 1):
            made[f"{next(self._words)}{len(made) or ''}"] = self.value(free, depth + 1)
        return made

    def _array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        made = [self.value(part, depth + 1) for part in schema.get("prefixItems", ())]
        items = schema.get("items")
        if not isinstance(items, Mapping):
            return made
        least = schema.get("minItems", 0)
        wanted = least if depth > _DEPTH else min(max(least, 2), schema.get("maxItems", math.inf))
        tries = 0
        while len(made) < wanted and tries < 100 * (1 + least):
            tries += 1
            item = self.value(items, depth + 1)
            if schema.get("uniqueItems") and item in made:
                if isinstance(item, str) and "format" not in items:
                    item = f"{item}{tries}"
                elif isinstance(item, int | float) and not isinstance(item, bool):
                    item = self._within(items, item + tries, whole=isinstance(item, int))
            if not schema.get("uniqueItems") or item not in made:
                made.append(item)
        return made

    def _number(self, schema: Mapping[str, Any], *, whole: bool) -> Any:
        return self._within(schema, next(self._numbers), whole=whole)

    def _within(self, schema: Mapping[str, Any], wanted: float, *, whole: bool) -> Any:
        """Return the number nearest to `wanted` between the schema's bounds, on its grid."""
        grid = schema.get("multipleOf", 1 if whole else 0)
        step = grid or 1e-3
        low = schema.get("minimum", -math.inf)
        high = schema.get("maximum", math.inf)
        if "exclusiveMinimum" in schema:
            low = max(low, schema["exclusiveMinimum"] + (step if not grid else _tiny(grid)))
        if "exclusiveMaximum" in schema:
            high = min(high, schema["exclusiveMaximum"] - (step if not grid else _tiny(grid)))
        if high - low < step and not grid:
            return (low + high) / 2
        number = min(max(wanted, low), high)
        if grid:
            number = round(number / grid) * grid
            number += grid if number < low else -grid if number > high else 0
        return int(number) if whole or float(number).is_integer() else number

    def _text(self, schema: Mapping[str, Any]) -> str:
        known = _FORMATS.get(schema.get("format", ""))
        if known is not None:
            return known
        text = next(self._words)
        while len(text) < schema.get("minLength", 0):
            text += f" {next(self._words)}"
        return text[: schema.get("maxLength", len(text))]


def _tiny(grid: float) -> float:
    return grid / 2
