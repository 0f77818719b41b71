"""What every wire model shares: frozen, strict, camelCase outside, absent never null."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, GetJsonSchemaHandler, JsonValue
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError, core_schema

__all__ = ["MAX_JSON_DEPTH", "Json", "Number", "Text", "WireModel", "mend_surrogates"]

# A bound no text reaches: pydantic copies a Python str through unchecked unless some
# constraint makes it look at the characters, and a lone surrogate shows only then.
_NO_LIMIT = 2**40


MAX_JSON_DEPTH = 200
"""Levels of lists and objects in free JSON.

pydantic writes 254 in all; the rest is for the messages that such a value travels in.
"""


def mend_surrogates(text: str) -> str:
    """Return `text` with every lone surrogate replaced by U+FFFD.

    Surrogate pairs that stand together are joined to the character they spell.
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _text_or_error(value: object) -> str:
    if isinstance(value, str):
        return mend_surrogates(value)
    raise PydanticCustomError("text_type", "must be text")


class _TextSchema:
    """A strict string that mends lone surrogates, at no cost for text without them."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.union_schema(
            [
                core_schema.str_schema(strict=True, max_length=_NO_LIMIT),
                core_schema.no_info_plain_validator_function(_text_or_error),
            ],
            mode="left_to_right",
            custom_error_type="text_type",
            custom_error_message="must be text",
            serialization=None,
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string"}


class _NumberSchema:
    """A finite integer or float, kept as the one it is; no boolean."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.union_schema(
            [
                core_schema.int_schema(strict=True),
                core_schema.float_schema(strict=True, allow_inf_nan=False),
            ],
            custom_error_type="number_type",
            custom_error_message="must be a finite number",
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "number"}


def _finite_json(value: object, depth: int = 0) -> object:
    """Check that `value` is JSON all the way down, and mend its text.

    pydantic's own JSON type lets NaN and Infinity through, which no JSON reader takes, and
    nests deeper than it can write.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return mend_surrogates(value)
    if isinstance(value, int):
        if not _is_double(value):
            raise PydanticCustomError("json_number", "must not contain a number beyond 1.79e308")
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise PydanticCustomError("json_number", "must not contain NaN or Infinity")
        return value
    if isinstance(value, list | dict) and depth >= MAX_JSON_DEPTH:
        raise PydanticCustomError(
            "json_depth",
            "must not be nested deeper than {depth} levels",
            {"depth": MAX_JSON_DEPTH},
        )
    if isinstance(value, list):
        return [_finite_json(item, depth + 1) for item in value]
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise PydanticCustomError("json_key", "must be JSON: every key of an object is text")
        return {mend_surrogates(key): _finite_json(item, depth + 1) for key, item in value.items()}
    raise PydanticCustomError(
        "json_value", "must be JSON, not a Python {kind}", {"kind": type(value).__name__}
    )


def _is_double(value: int) -> bool:
    """Return whether a reader whose numbers are doubles, such as a browser, sees a number."""
    try:
        float(value)
    except OverflowError:
        return False
    return True


if TYPE_CHECKING:
    Text = str
    Json = JsonValue
    Number = int | float
else:
    Text = Annotated[str, _TextSchema()]
    Json = Annotated[Any, BeforeValidator(lambda value: _finite_json(value))]
    Number = Annotated[int | float, _NumberSchema()]


class WireModel(BaseModel):
    """A value that crosses a border: immutable, strictly typed, camelCase as JSON.

    An optional field that was not given is `pydantic.MISSING`: it stays absent when the
    value is written, and ``null`` is refused for it. Unknown extra fields are dropped.
    """

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="ignore",
        alias_generator=to_camel,
        populate_by_name=True,
        serialize_by_alias=True,
        allow_inf_nan=False,
    )

    def to_json(self) -> str:
        """Return the value as one line of compact JSON, as it goes over the wire."""
        return self.model_dump_json(by_alias=True)

    def to_wire(self) -> dict[str, Any]:
        """Return the value as plain JSON data with the wire's camelCase keys."""
        return self.model_dump(mode="json", by_alias=True)
