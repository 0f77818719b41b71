"""Which tools a prompt asks for: the scripted provider's stand-in for a model's choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..engine.contracts import Tool
from .scripted_arguments import fill, read_parameters
from .scripted_arithmetic import next_operations
from .scripted_turn import TurnSoFar
from .scripted_words import COMMON, clauses, evidence, segments, stem, word_set, words

__all__ = ["Plan", "PlannedCall", "Unfilled", "plan_step"]

_SAME: tuple[frozenset[str], ...] = tuple(
    word_set(group)
    for group in (
        "+ add sum plus addition total",
        "- subtract minus difference subtraction",
        "* multiply product multiplication",
        "/ divide quotient division ratio",
        "weather forecast temperature rain sunny warm cold hot snow wind",
        "time clock hour",
        "search find look lookup",
        "roll dice die",
        "calculate compute evaluate calculator calculation + - * /",
    )
)
_TOO_COMMON = COMMON | {"fetch", "find", "function", "number", "list", "name", "return", "set"}


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A call to make, and the word of the prompt that spoke for it."""

    tool: Tool
    input: dict[str, Any]
    because: str


@dataclass(frozen=True, slots=True)
class Unfilled:
    """A tool that fits, though the prompt has no value for some of its parameters."""

    tool: Tool
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the next step does: its calls, or none."""

    calls: tuple[PlannedCall, ...] = ()
    unfilled: tuple[Unfilled, ...] = field(default=())


def plan_step(turn: TurnSoFar, tools: Sequence[Tool]) -> Plan:
    """Return the calls of the step that follows what the turn has done so far."""
    done = turn.steps[len(turn.steps) - turn.steps_since_request :]
    if any(e.result is not None and e.result.is_error for step in done for e in step):
        return Plan()  # what should follow would build on a result that is not there
    results = [[e.result.content if e.result else "" for e in step] for step in done]
    by_sign = {sign: tool for sign in "+-*/" if (tool := _binary(sign, tools))}
    operations = next_operations(turn.request, results, by_sign.keys())
    if operations is not None:
        return Plan(tuple(_operation(by_sign[sign], sign, a, b) for sign, a, b in operations))
    carried = results[-1][-1] if results and results[-1] else None
    parts = clauses(turn.request)
    if len(parts) > 1:  # “…, then …”: one step for each part that calls something
        possible = [part for part in parts if _plan(part, tools, carried or "0").calls]
        if possible:
            rest = possible[len(done) :]
            return _plan(rest[0], tools, carried) if rest else Plan()
    return Plan() if done else _plan(turn.request, tools, None)


def _plan(text: str, tools: Sequence[Tool], carried: str | None) -> Plan:
    calls: list[PlannedCall] = []
    unfilled: list[Unfilled] = []
    vocabulary = frozenset(word for tool in tools for word in _strong(tool))
    for part, tool, because in _subjects(text, tools):
        inputs, missing = fill(tool.parameters, part, vocabulary, carried)
        if missing and part != text:
            inputs, missing = fill(tool.parameters, text, vocabulary, carried)
        calls += [PlannedCall(tool, each, because) for each in inputs]
        if missing:
            unfilled.append(Unfilled(tool, tuple(missing)))
    return Plan(tuple(calls), tuple(unfilled))


def _subjects(text: str, tools: Sequence[Tool]) -> list[tuple[str, Tool, str]]:
    """Return the parts of `text` with the tool each asks for; parts without one join another."""
    subjects: list[tuple[str, Tool, str]] = []
    waiting = ""
    for part in segments(text):
        chosen = _choose(part, tools)
        if chosen is not None:
            subjects.append((waiting + part, *chosen))
            waiting = ""
        elif subjects:
            before, tool, because = subjects[-1]
            subjects[-1] = (before + part, tool, because)
        else:
            waiting += part
    if not subjects and (chosen := _choose(text, tools)):
        subjects.append((text, *chosen))
    return subjects


def _choose(text: str, tools: Sequence[Tool]) -> tuple[Tool, str] | None:
    """Return the tool whose words fit `text` best, with the word that fits, or None."""
    said = evidence(text)
    best: tuple[float, Tool, str] | None = None
    for tool in tools:
        strong = [word for word in said if word in _strong(tool)]
        weak = [word for word in said if word in _weak(tool) and word not in strong]
        score = 10 * (tool.name.lower() in text.lower().split()) + 3 * len(strong) + len(weak)
        fits = strong or len(weak) > 1
        if fits and (best is None or score > best[0]):
            best = (score, tool, (strong or weak)[0])
    return None if best is None else (best[1], best[2])


def _strong(tool: Tool) -> frozenset[str]:
    """Return the words of a tool's name and their relatives."""
    names = {stem(word) for word in words(tool.name) if word not in _TOO_COMMON}
    return frozenset(names).union(*(group for group in _SAME if group & names))


def _weak(tool: Tool) -> frozenset[str]:
    """Return the words of a tool's description, parameters and options."""
    text = [tool.description.partition("\n\n")[0]]
    for parameter in read_parameters(tool.parameters):
        text += [parameter.name, *map(str, parameter.options)]
    return frozenset(stem(word) for word in words(" ".join(text)) if word not in _TOO_COMMON)


def _binary(sign: str, tools: Sequence[Tool]) -> Tool | None:
    """Return the tool for an operator: named like it, with two numbers to take."""
    for tool in tools:
        parameters = [p for p in read_parameters(tool.parameters) if p.required]
        takes_two = [p.kind in ("number", "integer") for p in parameters] == [True, True]
        named = {stem(word) for word in words(tool.name)} & _same_as(sign)
        if takes_two and named:
            return tool
    return None


def _same_as(sign: str) -> frozenset[str]:
    return next(group for group in _SAME if sign in group)


def _operation(tool: Tool, sign: str, left: float, right: float) -> PlannedCall:
    names = [p.name for p in read_parameters(tool.parameters) if p.required]
    values = [int(v) if float(v).is_integer() else v for v in (left, right)]
    return PlannedCall(tool, dict(zip(names, values, strict=True)), sign)
