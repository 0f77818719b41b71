"""What a function says of itself: its parameters as JSON schema, its docstring as words."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import griffe
from pydantic import Field, TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from ..engine.contracts import ToolContext
from ..errors import ToolError

__all__ = ["Description", "describe"]

_EMPTY = inspect.Parameter.empty
_SUBSCHEMAS = ("items", "additionalProperties", "not")
_LISTS = ("anyOf", "allOf", "oneOf", "prefixItems")
_MAPPINGS = ("properties", "$defs")


@dataclass(frozen=True, slots=True)
class Description:
    """How to offer a function to a model and how to call it.

    `arguments` validates a JSON object into keyword arguments; `context_name` is the
    parameter that wants the `ToolContext`, if there is one.
    """

    text: str
    schema: Mapping[str, Any]
    arguments: TypeAdapter[dict[str, Any]]
    context_name: str | None


def describe(function: Callable[..., Any], name: str) -> Description:
    """Return the description of `function` as the tool `name`.

    Raises
    ------
    ToolError
        If a model cannot be told how to call it: a parameter without a type, with a type
        that has no JSON schema, positional-only, ``*args`` or ``**kwargs``.
    """
    signature = _signature(function, name)
    hints = _hints(function, name)
    text, words = _docstring(function)
    context_name = None
    parameters = []
    for parameter in signature.parameters.values():
        hint = hints.get(parameter.name, parameter.annotation)
        if hint is ToolContext or ToolContext in typing.get_args(hint):
            context_name = parameter.name
            continue
        parameters.append(_parameter(parameter, hint, words.get(parameter.name), name))
    arguments = _adapter(parameters, name)
    return Description(
        text=text or f"Calls the Python function {name}{signature}.",
        schema=_json_schema(arguments, name),
        arguments=arguments,
        context_name=context_name,
    )


def _signature(function: Callable[..., Any], name: str) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise ToolError(
            f"{name} does not say which parameters it takes ({error}). "
            "Wrap it in a function of your own with typed parameters."
        ) from error


def _hints(function: Callable[..., Any], name: str) -> dict[str, Any]:
    bare = function
    while isinstance(bare, functools.partial):
        bare = bare.func
    if not inspect.isroutine(bare):
        bare = type(bare).__call__
    try:
        return typing.get_type_hints(bare, include_extras=True)
    except (NameError, TypeError, AttributeError) as error:
        raise ToolError(
            f"A type in the signature of {name} cannot be read: {error}. "
            "Define or import it before you make the tool."
        ) from error


def _parameter(
    parameter: inspect.Parameter, hint: Any, words: str | None, name: str
) -> inspect.Parameter:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        raise ToolError(
            f"{name} takes {parameter}, which a model cannot be told about. "
            "Name each parameter, or take one list or dict."
        )
    if parameter.kind is parameter.POSITIONAL_ONLY:
        raise ToolError(
            f"Parameter {parameter.name} of {name} is positional-only, but a model gives "
            "arguments by name. Remove the / from the signature."
        )
    if hint is _EMPTY:
        raise ToolError(
            f"Parameter {parameter.name} of {name} has no type. Write one, for example "
            f"`{parameter.name}: float`, so that the model knows what to send."
        )
    if words and not _has_description(hint):
        hint = Annotated[hint, Field(description=words)]
    return parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hint)


def _has_description(hint: Any) -> bool:
    extras = getattr(hint, "__metadata__", ())
    return any(isinstance(extra, FieldInfo) and extra.description for extra in extras)


def _adapter(parameters: list[inspect.Parameter], name: str) -> TypeAdapter[dict[str, Any]]:
    """Return an adapter that validates keyword arguments and gives them back."""

    def collect(**arguments: Any) -> dict[str, Any]:
        return arguments

    typed: Any = collect
    typed.__signature__ = inspect.Signature(parameters)
    typed.__annotations__ = {each.name: each.annotation for each in parameters}
    try:
        return TypeAdapter(typed)
    except PydanticUserError as error:
        culprit = _culprit(parameters)
        raise ToolError(
            f"{culprit} of {name} has a type that cannot be described as JSON. Use numbers, "
            "text, booleans, lists, dicts, dataclasses or pydantic models."
        ) from error


def _culprit(parameters: list[inspect.Parameter]) -> str:
    for parameter in parameters:
        try:
            TypeAdapter(parameter.annotation).json_schema()
        except PydanticUserError:
            return f"Parameter {parameter.name}"
    return "A parameter"


class _QuietSchema(GenerateJsonSchema):
    """A default without a JSON form is left out of the schema without a warning."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 -- pydantic's own name and type


def _json_schema(arguments: TypeAdapter[dict[str, Any]], name: str) -> dict[str, Any]:
    try:
        schema = arguments.json_schema(schema_generator=_QuietSchema)
    except PydanticUserError as error:
        raise ToolError(
            f"The parameters of {name} cannot be described as JSON: {error.message}. Use "
            "numbers, text, booleans, lists, dicts, dataclasses or pydantic models."
        ) from error
    untitled: dict[str, Any] = _without_titles(schema)
    untitled.setdefault("properties", {})
    return untitled


def _without_titles(schema: Any) -> Any:
    """Return a schema without the titles that only repeat its names."""
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key != "title"}
    for key in _SUBSCHEMAS:
        if key in kept:
            kept[key] = _without_titles(kept[key])
    for key in _LISTS:
        if key in kept:
            kept[key] = [_without_titles(each) for each in kept[key]]
    for key in _MAPPINGS:
        if key in kept:
            kept[key] = {each: _without_titles(value) for each, value in kept[key].items()}
    return kept


def _docstring(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """Return the leading text and the parameters' texts, whatever style they are written in."""
    source = inspect.getdoc(function) if inspect.isroutine(function) else function.__doc__
    if not source:
        return "", {}
    text: list[str] = []
    words: dict[str, str] = {}
    for section in griffe.Docstring(inspect.cleandoc(source)).parse(
        "auto", method="max_sections", per_style_options=_quiet_parsers()
    ):
        if section.kind is griffe.DocstringSectionKind.text:
            text.append(section.value)
        elif section.kind is griffe.DocstringSectionKind.parameters:
            words.update({each.name: each.description for each in section.value})
    return "\n\n".join(text).strip(), words


def _quiet_parsers() -> griffe.PerStyleOptions:
    return {
        "google": {"warnings": False},
        "numpy": {"warnings": False},
        "sphinx": {"warnings": False},
    }
