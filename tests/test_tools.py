"""Functions as tools: their schema, their calls, their refusals."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import datetime
import functools
import threading
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from pydantic import BaseModel, Field

from dispatch_nb.engine.contracts import ToolContext, ToolOutcome
from dispatch_nb.errors import ToolError
from dispatch_nb.tools import function_tool
from dispatch_nb.tools.results import to_content
from tests.providers_parts import context


def add(a: float, b: float = 2) -> float:
    """Add two numbers.

    The sum is exact for small integers.

    Args:
        a: The first number.
        b: The second number.
    """
    return a + b


class Place(BaseModel):
    """A place with a title."""

    title: str


@dataclasses.dataclass
class Point:
    x: int
    y: int


def run(function: Any, given: Any) -> ToolOutcome:
    return asyncio.run(function_tool(function).execute(given, context()))


def test_name_description_and_schema_come_from_the_function() -> None:
    tool = function_tool(add)
    assert tool.name == "add"
    assert tool.description == "Add two numbers.\n\nThe sum is exact for small integers."
    assert tool.concurrency_safe
    assert tool.parameters == {
        "type": "object",
        "properties": {
            "a": {"type": "number", "description": "The first number."},
            "b": {"type": "number", "default": 2, "description": "The second number."},
        },
        "required": ["a"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    "docstring",
    [
        "Add.\n\nParameters\n----------\na : float\n    The first.\n",
        "Add.\n\n:param a: The first.\n",
        "Add.\n\nArgs:\n    a (float): The first.\n",
    ],
)
def test_parameters_are_described_from_any_docstring_style(docstring: str) -> None:
    def tool(a: float) -> float:
        return a

    tool.__doc__ = docstring
    assert function_tool(tool).parameters["properties"]["a"]["description"] == "The first."


def test_own_field_description_wins_over_the_docstring() -> None:
    def tool(a: Annotated[float, Field(description="Mine.", ge=0)]) -> float:
        """Do it.

        Args:
            a: Not mine.
        """
        return a

    described = function_tool(tool).parameters["properties"]["a"]
    assert described == {"type": "number", "description": "Mine.", "minimum": 0}


def test_titles_are_left_out_but_a_parameter_named_title_stays() -> None:
    def tool(place: Place, title: str, kind: Literal["a", "b"] = "a") -> str:
        return f"{place.title} {title} {kind}"

    schema = function_tool(tool).parameters
    assert schema["$defs"]["Place"]["properties"] == {"title": {"type": "string"}}
    assert schema["properties"]["title"] == {"type": "string"}
    assert schema["properties"]["kind"] == {"enum": ["a", "b"], "type": "string", "default": "a"}
    assert run(tool, {"place": {"title": "x"}, "title": "y"}).content == "x y a"


def test_parameters_named_like_pydantic_methods_are_allowed() -> None:
    def tool(schema: int, copy: int = 1, _private: int = 1) -> int:
        return schema + copy + _private

    assert run(tool, {"schema": 1}).content == "3"


def test_a_default_without_a_json_form_is_only_left_out_of_the_schema() -> None:
    marker = object()

    def tool(a: int, b: Any = marker) -> str:
        return str(b is marker)

    assert "default" not in function_tool(tool).parameters["properties"]["b"]
    assert run(tool, {"a": 1}).content == "True"


def test_arguments_are_validated_and_converted() -> None:
    def tool(when: datetime.date, point: Point, names: set[str]) -> str:
        return f"{when.year} {point.x + point.y} {sorted(names)}"

    given = {"when": "2024-05-01", "point": {"x": 1, "y": 2}, "names": ["b", "a", "a"]}
    assert run(tool, given).content == "2024 3 ['a', 'b']"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"b": 1}, "a is missing"),
        ({"a": "x"}, "a: input should be a valid number"),
        ({"a": 1, "c": 2}, "there is no parameter c"),
        ('{"a": 1', "must be one JSON object, but were '{\"a\": 1'"),
        ([1, 2], "must be one JSON object"),
        (None, "a is missing"),
    ],
)
def test_arguments_that_do_not_fit_tell_the_model_what_was_wrong(given: Any, words: str) -> None:
    outcome = run(add, given)
    assert outcome.is_error
    assert words in outcome.content
    assert outcome.content.startswith("The arguments for add do not fit: ")


def test_null_arguments_are_none_for_a_function_without_parameters() -> None:
    def ping() -> str:
        return "pong"

    assert run(ping, None) == ToolOutcome("pong")


def test_a_context_parameter_is_injected_and_not_shown_to_the_model() -> None:
    def whoami(greeting: str, call: ToolContext) -> str:
        return f"{greeting} {call.tool_call_id}"

    assert list(function_tool(whoami).parameters["properties"]) == ["greeting"]
    assert run(whoami, {"greeting": "hi"}).content == "hi call_1"


def test_a_plain_function_runs_on_another_thread_with_the_callers_context() -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name")

    def where() -> list[Any]:
        return [threading.current_thread() is threading.main_thread(), name.get()]

    name.set("mine")
    assert run(where, {}).content == '[false,"mine"]'


def test_an_async_function_runs_on_the_loop() -> None:
    async def where() -> bool:
        await asyncio.sleep(0)
        return threading.current_thread() is threading.main_thread()

    assert run(where, {}).content == "true"


@pytest.mark.parametrize("error", [ValueError, StopIteration, SystemExit])
def test_what_a_function_raises_reaches_the_caller_as_an_exception(error: type) -> None:
    def fail() -> None:
        raise error("broken")

    with pytest.raises(Exception, match="broken"):
        run(fail, {})


@pytest.mark.anyio
async def test_cancelling_a_call_does_not_wait_for_its_thread() -> None:
    release, started = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def stuck() -> None:
        loop.call_soon_threadsafe(started.set)
        release.wait()

    task = asyncio.ensure_future(function_tool(stuck).execute({}, context()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not release.is_set()
    release.set()


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ("text", "text"),
        (None, "null"),
        (42.0, "42.0"),
        (True, "true"),
        ({"a": [1, None]}, '{"a":[1,null]}'),
        (Place(title="x"), '{"title":"x"}'),
        (Point(1, 2), '{"x":1,"y":2}'),
        ((1, "é"), '[1,"é"]'),
        (float("nan"), "NaN"),
        (np.int64(5), "5"),
        (np.array([1.5, 2.0]), "[1.5,2.0]"),
        ({"n": np.float32(0.5), "m": object}, '{"n":0.5,"m":"<class \'object\'>"}'),
        (datetime.date(2024, 5, 1), '"2024-05-01"'),
        (range(3), "range(0, 3)"),
    ],
)
def test_results_become_text_for_the_model(value: Any, content: str) -> None:
    assert to_content(value) == content


def test_an_outcome_of_the_functions_own_is_kept() -> None:
    def refuse() -> ToolOutcome:
        return ToolOutcome("no", is_error=True)

    assert run(refuse, {}) == ToolOutcome("no", is_error=True)


def test_a_tool_can_still_be_called_as_a_function_and_made_into_a_tool_again() -> None:
    tool = function_tool(add)
    assert tool(1, 2) == 3
    assert function_tool(tool) is tool
    assert tool.__doc__ == add.__doc__
    assert repr(tool) == "<tool add(a, b)>"


def test_name_and_description_can_be_given_and_partials_and_methods_work() -> None:
    class Counter:
        def up(self, by: int) -> int:
            """Count up."""
            return by + 1

    assert function_tool(Counter().up).parameters["required"] == ["by"]
    fixed = function_tool(functools.partial(add, b=5), name="add_five", description="Adds 5.")
    assert (fixed.name, fixed.description) == ("add_five", "Adds 5.")
    assert asyncio.run(fixed.execute({"a": 1}, context())).content == "6.0"


def many(*values: float) -> None: ...
def options(**values: float) -> None: ...
def positional(a: int, /) -> None: ...
def untyped(a) -> None: ...
def opaque(lock: threading.Thread) -> None: ...
def unknown(a: Missing) -> None: ...  # type: ignore[name-defined]  # noqa: F821
def größe(a: int) -> None: ...


def numbers() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (many, "many takes *values"),
        (options, "options takes **values"),
        (positional, "positional-only"),
        (untyped, "Parameter a of untyped has no type. Write one, for example `a: float`"),
        (opaque, "Parameter lock of opaque has a type that cannot be described as JSON"),
        (unknown, "name 'Missing' is not defined"),
        (lambda: 1, "has no name that a model could use"),
        (größe, "cannot be a tool's name"),
        (numbers, "numbers yields, but a tool gives one result"),
        (int, "A tool is made from a function, not from <class 'int'>"),
        ("add", "A tool is made from a function, not from 'add'"),
        (max, "max does not say which parameters it takes"),
    ],
)
def test_a_function_that_cannot_be_described_is_refused_with_a_sentence(
    function: Any, words: str
) -> None:
    with pytest.raises(ToolError) as raised:
        function_tool(function)
    assert words in str(raised.value)
    assert str(raised.value).endswith((".", "…)."))
