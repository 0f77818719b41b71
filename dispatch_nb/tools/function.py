"""A plain Python function as a tool."""

from __future__ import annotations

import functools
import inspect
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from ..engine.contracts import ToolContext, ToolOutcome
from ..errors import ToolError
from .describe import describe
from .results import to_content
from .threads import run_in_thread

__all__ = ["FunctionTool", "function_tool"]

# What the providers' APIs accept as the name of a function.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class FunctionTool:
    """A function that a model may call; made by `function_tool`.

    Calling the tool calls the function, so that a decorated function stays usable.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str,
        description: str | None,
        concurrency_safe: bool,
    ) -> None:
        functools.update_wrapper(self, function)
        described = describe(function, name)
        self._function = function
        self._name = name
        self._description = described.text if description is None else description
        self._parameters = described.schema
        self._arguments = described.arguments
        self._context_name = described.context_name
        self._concurrency_safe = concurrency_safe

    @property
    def name(self) -> str:
        """The name the model uses."""
        return self._name

    @property
    def description(self) -> str:
        """What the tool does, from the function's docstring."""
        return self._description

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The JSON schema of the arguments, from the function's signature."""
        return self._parameters

    @property
    def concurrency_safe(self) -> bool:
        """Whether other tools may run beside it."""
        return self._concurrency_safe

    async def execute(self, input: Any, context: ToolContext) -> ToolOutcome:
        """Validate `input`, call the function, and return what it gave back as text.

        Arguments that do not fit become an error outcome which tells the model what was
        wrong. What the function raises is raised. A plain function runs on a thread of
        its own, an async one on the turn's loop.
        """
        if input is None:  # some servers send null for a tool without parameters
            input = {}
        if not isinstance(input, dict):
            return self._refusal(f"they must be one JSON object, but were {_excerpt(input)}")
        try:
            arguments = self._arguments.validate_json(json.dumps(input))
        except ValidationError as error:
            return self._refusal("; ".join(map(_problem, error.errors())))
        if self._context_name is not None:
            arguments[self._context_name] = context
        result = await self._call(arguments)
        return result if isinstance(result, ToolOutcome) else ToolOutcome(to_content(result))

    async def _call(self, arguments: dict[str, Any]) -> Any:
        call = functools.partial(self._function, **arguments)
        if _is_async(self._function):
            result = call()
        else:
            result = await run_in_thread(call, name=self._name)
        return await result if inspect.isawaitable(result) else result

    def _refusal(self, reason: str) -> ToolOutcome:
        return ToolOutcome(f"The arguments for {self._name} do not fit: {reason}.", is_error=True)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself."""
        return self._function(*args, **kwargs)

    def __repr__(self) -> str:
        """Return the tool with its parameters' names."""
        return f"<tool {self._name}({', '.join(self._parameters['properties'])})>"


def function_tool(
    function: Callable[..., Any],
    *,
    name: str | None = None,
    description: str | None = None,
    concurrency_safe: bool = True,
) -> FunctionTool:
    """Return `function` as a tool; also usable as a decorator.

    The schema comes from the signature, the descriptions from the docstring (Google, NumPy
    or Sphinx style). A parameter annotated `ToolContext` receives the call's context and
    is not shown to the model.

    Parameters
    ----------
    function : callable
        A plain or async function whose parameters all have types.
    name : str, optional
        The name the model uses; the function's own by default.
    description : str, optional
        What the tool does; the docstring's text by default.
    concurrency_safe : bool
        Whether other tools may run beside it.

    Raises
    ------
    ToolError
        If the function cannot be described to a model.
    """
    if isinstance(function, FunctionTool):
        return function
    if isinstance(function, type) or not callable(function):
        raise ToolError(
            f"A tool is made from a function, not from {_excerpt(function)}. "
            "Write `def name(parameter: type) -> type:` and pass that."
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ToolError(
            f"{_own_name(function) or 'The function'} yields, but a tool gives one result. "
            "Collect the values and return them as a list."
        )
    return FunctionTool(
        function,
        name=_checked_name(function, name),
        description=description,
        concurrency_safe=concurrency_safe,
    )


def _checked_name(function: Callable[..., Any], name: str | None) -> str:
    chosen = _own_name(function) if name is None else name
    if not chosen or chosen == "<lambda>":
        raise ToolError(
            f"{_excerpt(function)} has no name that a model could use. Define it with `def`, "
            'or name it: function_tool(…, name="…").'
        )
    if not _NAME.fullmatch(chosen):
        raise ToolError(
            f"{chosen!r} cannot be a tool's name: providers accept up to 64 of the characters "
            'A-Z, a-z, 0-9, _ and -. Choose another: function_tool(…, name="…").'
        )
    return chosen


def _own_name(function: Any) -> str | None:
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__name__", None)
    return name if isinstance(name, str) else None


def _is_async(function: Any) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 -- the method itself is asked about
    )


def _problem(error: Any) -> str:
    place = ".".join(map(str, error["loc"])) or "arguments"
    if error["type"] == "missing_keyword_only_argument":
        return f"{place} is missing"
    if error["type"] == "unexpected_keyword_argument":
        return f"there is no parameter {place}"
    message = error["msg"][:1].lower() + error["msg"][1:]
    return f"{place}: {message}, but it was {_excerpt(error['input'])}"


def _excerpt(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
