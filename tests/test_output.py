"""Answers of a form that was asked for: the schema, the value, and what does not fit."""

from __future__ import annotations

import enum
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from annotated_types import Ge, Gt, Le, Len, Lt, MultipleOf
from pydantic import BaseModel, Field, RootModel, TypeAdapter
from typing_extensions import TypedDict

import dispatch_nb as dn
from dispatch_nb.conversation.output import output_form
from dispatch_nb.conversation.strict_schema import strict_schema
from dispatch_nb.engine.contracts import Finish, ProviderEvent, TextDelta, ToolCall
from dispatch_nb.errors import OutputError, SettingError
from dispatch_nb.providers.scripted_forms import make_form
from dispatch_nb.store import Store


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Part(BaseModel):
    """One part of a thing."""

    name: str
    weight: Annotated[float, Gt(0), Lt(0.5)]


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: Annotated[int, Ge(1), Le(9)]


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str]


class Thing(BaseModel):
    """A thing, with all that a form may have."""

    title: Annotated[str, Len(3, 12)]
    count: Annotated[int, MultipleOf(7), Gt(20)]
    price: Decimal | None = None
    colour: Colour = Field(default=Colour.RED, description="Of the outside.")
    parts: Annotated[list[Part], Len(3, 5)]
    main: Part = Field(description="The part that counts.")
    made: date
    seen: datetime
    id: UUID
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    sure: bool = False


class Tree(BaseModel):
    label: str
    left: Tree | None = None
    children: list[Tree] = []


class Free(BaseModel):
    scores: dict[str, Annotated[float, Le(1)]]
    pair: tuple[int, str]
    unique: Annotated[set[int], Len(3, 6)]
    anything: Any = None


class Point(TypedDict):
    x: int
    y: int


@dataclass
class Plain:
    name: str
    size: int


class Odd:
    """A class that pydantic knows nothing of."""


FORMS: list[Any] = [Thing, Tree, Free, Point, Plain, Part]


def objects(schema: Any) -> list[dict[str, Any]]:
    """Every schema of an object within a schema."""
    if isinstance(schema, list):
        return [found for each in schema for found in objects(each)]
    if not isinstance(schema, dict):
        return []
    mine = [schema] if schema.get("type") == "object" else []
    return mine + [found for each in schema.values() for found in objects(each)]


@pytest.mark.parametrize("form", FORMS)
def test_the_scripted_model_makes_a_value_of_any_form(form: Any) -> None:
    for prompt in ("Tell me of 3 red boats in Oslo, 25 oars and 0.1 kg of salt.", "!"):
        for schema in (output_form(form).schema.schema, TypeAdapter(form).json_schema()):
            text = json.dumps(make_form(schema, prompt))
            TypeAdapter(form).validate_json(text)


@pytest.mark.parametrize("form", [Thing, Tree, Point, Plain, Part])
def test_a_strict_schema_is_closed_all_over_and_has_no_defaults(form: Any) -> None:
    chosen = output_form(form).schema
    assert chosen.strict
    for each in objects(chosen.schema):
        assert each["additionalProperties"] is False
        assert each["required"] == list(each["properties"])
    written = json.dumps(chosen.schema)
    assert '"default"' not in written
    assert '"oneOf"' not in written
    assert '"discriminator"' not in written
    assert chosen.schema["type"] == "object"


def test_what_the_strict_form_cannot_say_is_asked_for_as_it_is() -> None:
    chosen = output_form(Free).schema
    assert not chosen.strict
    assert chosen.schema == Free.model_json_schema()
    optional = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert output_form(optional).schema.strict is False
    assert output_form(optional).schema.schema == optional
    closed = {**optional, "required": ["a"], "additionalProperties": False}
    assert output_form(closed).schema.strict is True
    assert strict_schema({"type": "object", "properties": {"a": {}}}) is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (list[int], "pydantic model class or a JSON schema"),
        ("Person", "pydantic model class or a JSON schema"),
        (int, "must describe a JSON object"),
        (RootModel[list[int]], "must describe a JSON object"),
        ({"type": "array"}, "must describe a JSON object"),
        ({"type": {1, 2}}, "cannot be written as JSON"),
        (
            {"type": "object", "properties": {"a": {"type": "text"}}},
            r"answer is not a JSON schema: \$\.properties\.a\.type: 'text' is not valid",
        ),
        (
            {"type": "object", "properties": {"a": {"pattern": "(?<a>x)"}}},
            r"\$\.properties\.a\.pattern: .* is not a 'regex'",
        ),
        (Odd, "Odd has no JSON schema"),
    ],
)
def test_what_is_no_form_is_refused_before_anything_is_sent(wrong: Any, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        output_form(wrong)


class Person(BaseModel):
    name: str
    age: Annotated[int, Ge(0)]


def send(tmp_path: Path, steps: Sequence[Sequence[ProviderEvent]], **more: Any) -> dn.Chat:
    provider = dn.ScriptedProvider(steps=steps, pace=0)
    return dn.Chat(provider, store=Store(tmp_path / "lab.db"), **more)


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def test_the_last_answer_of_a_turn_with_tools_is_the_one_that_is_read(tmp_path: Path) -> None:
    chat = send(
        tmp_path,
        [
            [TextDelta("I look."), ToolCall("c", "add", {"a": 1, "b": 2}), Finish("tool_calls")],
            [TextDelta('```json\n{"name": "Ada",'), TextDelta(' "age": 36}\n```'), Finish("stop")],
        ],
        tools=[add],
    )
    turn = chat.send("who?", output=Person)
    assert turn.result(20).parsed == Person(name="Ada", age=36)
    chat.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"name": "Ada", "age": -1}', r"not a Person \(age: Input should be .* 0\).*'stop'.*Ada"),
        ('{"name": "A', r"Invalid JSON.*It was: \{"),
        ("", "It was empty"),
    ],
)
def test_an_answer_that_does_not_fit_says_why_and_what_it_was(
    tmp_path: Path, text: str, said: str
) -> None:
    chat = send(tmp_path, [[TextDelta(text), Finish("stop")]])
    turn = chat.send("who?", output=Person).result(20)
    with pytest.raises(OutputError, match=said):
        _ = turn.parsed
    assert turn.text == text
    chat.close()


def test_a_schema_gives_what_the_json_says(tmp_path: Path) -> None:
    chat = send(tmp_path, [[TextDelta('{"a": [1, null]}'), Finish("stop")]] * 2)
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": {}}}}
    assert chat.send("x", output=schema).result(20).parsed == {"a": [1, None]}
    plain = chat.send("x").result(20)
    with pytest.raises(OutputError, match="No form was asked for"):
        _ = plain.parsed
    chat.close()


PARTS = {
    "title": "Parts",
    "type": "object",
    "properties": {
        "parts": {"type": "array", "items": {"$ref": "#/$defs/part"}, "maxItems": 2},
    },
    "required": ["parts"],
    "additionalProperties": False,
    "$defs": {"part": {"type": "object", "properties": {"weight": {"type": "number"}}}},
}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"parts": [{}, {"weight": "heavy"}]}', r"\$\.parts\[1\]\.weight: 'heavy' is not of type"),
        ("{}", r"\$: 'parts' is a required property"),
        ('{"parts": [], "more": 1}', r"'more' was unexpected"),
        (
            '{"parts": [1, 2, 3, 4, 5, 6, 7]}',
            r"\$\.parts\[4\]: 5 is not of type 'object'; and more\)",
        ),
        ('{"parts": NaN}', r"not a Parts"),
        ('{"parts": [', r"not a Parts"),
        (json.dumps({"parts": "x" * 5_000}), r"\$\.parts: 'x{100,250}…\)"),
    ],
)
def test_an_answer_that_is_not_what_its_schema_says_names_the_place(
    tmp_path: Path, text: str, said: str
) -> None:
    chat = send(tmp_path, [[TextDelta(text), Finish("stop")]])
    turn = chat.send("x", output=PARTS).result(20)
    with pytest.raises(OutputError, match=said):
        _ = turn.parsed
    chat.close()


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"$ref": "https://nowhere.invalid/part.json"}, "points to 'https://nowhere.invalid"),
        ({"$ref": "#/$defs/none"}, "points to '/\\$defs/none', which is not in it"),
        ({"$ref": "#/properties/a"}, "leads back to itself"),
    ],
)
def test_a_schema_that_cannot_be_compared_says_so_and_fetches_nothing(
    part: dict[str, Any], said: str
) -> None:
    form = output_form({"type": "object", "properties": {"a": part}})
    with pytest.raises(OutputError, match=said):
        form.read('{"a": "y"}', "stop")


def test_a_schema_is_read_by_the_draft_that_it_names() -> None:
    tuples = {"type": "object", "properties": {"a": {"items": [{"type": "string"}]}}}
    old = output_form({"$schema": "http://json-schema.org/draft-07/schema#", **tuples})
    assert old.read('{"a": ["x", 1]}', "stop") == {"a": ["x", 1]}
    with pytest.raises(OutputError, match=r"\$\.a\[0\]"):
        old.read('{"a": [1]}', "stop")


def test_the_embedded_model_answers_in_form_at_once_and_offline(tmp_path: Path) -> None:
    chat = dn.Chat(dn.ScriptedProvider(pace=0), tools=[add], store=Store(tmp_path / "lab.db"))
    turn = chat.send("Describe Ada, who is 36.", output=Person)
    person = turn.result(20).parsed
    assert person == Person(name="describe", age=36)
    assert chat.send("add 1 and 2", output=Person).result(20).parsed.age >= 0
    assert list(chat.tool_calls["tool_name"]) == ["add"]
    chat.close()
