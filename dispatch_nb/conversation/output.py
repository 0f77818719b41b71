"""The form that an answer shall have: asked for as a JSON schema, read back as a value."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema

from ..engine.contracts import AnswerSchema
from ..errors import OutputError, SettingError
from .schema_check import schema_reader
from .strict_schema import strict_schema

__all__ = ["OutputForm", "output_form"]

_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_-]+")
_LONGEST_NAME = 64
_SHOWN = 300
_FENCED = re.compile(r"\A\s*```(?:json)?[ \t]*\n(.*?)\n?```\s*\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class OutputForm:
    """An answer's schema, and how its text becomes a value.

    `parse` raises ValueError with the reasons if the text does not fit.
    """

    schema: AnswerSchema
    parse: Callable[[str], Any]

    def read(self, text: str, finish_reason: str) -> Any:
        """Return the answer as a value.

        Raises
        ------
        OutputError
            If the text does not fit; the sentence has the text and the reasons.
        """
        fenced = _FENCED.match(text)
        try:
            return self.parse(fenced[1] if fenced else text)
        except ValueError as error:
            shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
            said = f"It was: {shown}" if text.strip() else "It was empty."
            raise OutputError(
                f"The answer is not a {self.schema.name} ({_reasons(error)}); the turn ended with "
                f"{finish_reason!r}. {said}"
            ) from error


def output_form(output: Any) -> OutputForm:
    """Return the form that a pydantic model, or a JSON schema, describes.

    An answer to a schema is read as JSON and must be what the schema says.

    Raises
    ------
    SettingError
        If it is neither, or describes something other than a JSON object, or if the schema
        is not written as its draft demands.
    """
    if isinstance(output, Mapping):
        return _from_schema(dict(output))
    if not isinstance(output, type):
        raise SettingError(
            f"output must be a pydantic model class or a JSON schema as a dict, not {output!r}."
        )
    try:
        adapter = TypeAdapter(output)
        schema = adapter.json_schema()
    except (PydanticUserError, PydanticInvalidForJsonSchema) as error:
        raise SettingError(f"output: {output.__name__} has no JSON schema: {error}") from error
    strict = strict_schema(schema)
    _check_object(strict or schema, output.__name__)
    name = _name(output.__name__)
    chosen = AnswerSchema(name, strict or schema, strict=strict is not None)
    return OutputForm(chosen, adapter.validate_json)


def _from_schema(schema: dict[str, Any]) -> OutputForm:
    try:
        schema = json.loads(json.dumps(schema, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise SettingError(f"output: this schema cannot be written as JSON: {error}.") from error
    title = schema.get("title")
    name = _name(title if isinstance(title, str) else "")
    _check_object(schema, name)
    # A model's defaults fill what is missing; of a bare schema nothing may be made required.
    is_strict = strict_schema(schema) == schema
    return OutputForm(AnswerSchema(name, schema, is_strict), schema_reader(schema, name))


def _check_object(schema: Mapping[str, Any], name: str) -> None:
    if schema.get("type") != "object":
        raise SettingError(
            f"output: {name} must describe a JSON object, because the APIs take no other answer: "
            "put it into a field of a model."
        )


def _name(wanted: str) -> str:
    return _NOT_IN_A_NAME.sub("_", wanted).strip("_")[:_LONGEST_NAME] or "answer"


def _reasons(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    found = [
        f"{'.'.join(map(str, each['loc']))}: {each['msg']}" if each["loc"] else each["msg"]
        for each in error.errors(include_url=False)
    ]
    return "; ".join(found)
