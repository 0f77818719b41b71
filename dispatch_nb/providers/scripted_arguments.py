"""Arguments for a tool, taken from a sentence by the types of the tool's JSON schema."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .scripted_words import COMMON, expression, numbers, stem, texts, word_set, words

__all__ = ["Parameter", "fill", "read_parameters"]

MOST_CALLS = 4
_WHOLE_TEXT = word_set(
    """query question text prompt message input topic content sentence phrase string word words
    q"""
)
_EXPRESSION = word_set("expression expr formula")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a tool; `kind` is its JSON type, or ``enum``, or ``any``."""

    name: str
    kind: str
    required: bool
    options: tuple[Any, ...] = ()
    items: str = "any"


def read_parameters(schema: Mapping[str, Any]) -> list[Parameter]:
    """Return the parameters that a tool's JSON schema names."""
    required = schema.get("required", ())
    found = []
    for name, part in schema.get("properties", {}).items():
        plain = _resolved(part, schema)
        kind = "enum" if "enum" in plain else plain.get("type", "any")
        items = _resolved(plain.get("items", {}), schema).get("type", "any")
        options = tuple(plain.get("enum", ()))
        found.append(Parameter(name, str(kind), name in required, options, str(items)))
    return found


def _resolved(part: Any, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow references, and take the first choice that is not null."""
    if not isinstance(part, Mapping):
        return {}
    if "$ref" in part:
        return _resolved(schema.get("$defs", {}).get(part["$ref"].rpartition("/")[2], {}), schema)
    if "const" in part:
        return {"enum": [part["const"]]}
    for key in ("anyOf", "oneOf", "allOf"):
        for choice in part.get(key, ()):
            plain = _resolved(choice, schema)
            if plain.get("type") != "null":
                return plain
    return part


def fill(
    schema: Mapping[str, Any], text: str, vocabulary: frozenset[str], carried: str | None
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the inputs of one or more calls, and the names of parameters left without a value.

    Several values for one parameter (“in Lisbon and in Oslo”) make several calls.
    `carried` is an earlier result: it stands in for a value the sentence lacks.
    """
    parameters = read_parameters(schema)
    return _Filling(parameters, text, vocabulary, carried).inputs()


class _Filling:
    """One attempt to fill a tool's parameters from one sentence."""

    def __init__(
        self,
        parameters: list[Parameter],
        text: str,
        vocabulary: frozenset[str],
        carried: str | None,
    ) -> None:
        self.text = text
        self.said = frozenset(words(text))
        self.numbers = numbers(text)
        options = {str(option).lower() for p in parameters for option in p.options}
        self.texts = [each for each in texts(text, vocabulary) if each.lower() not in options]
        self.vocabulary = vocabulary
        self.carried = carried
        self.parameters = parameters
        self.named = self._named_numbers()
        self.wanted = self._wanted()

    def inputs(self) -> tuple[list[dict[str, Any]], list[str]]:
        number_names = self._names("number", "integer", "any")
        text_names = self._names("string")
        self._borrow(len(number_names), text_names)
        counts = [
            len(values) // len(names)
            for values, names in ((self.numbers, number_names), (self.texts, text_names))
            if names
        ]
        missing = [*number_names[len(self.numbers) :], *text_names[len(self.texts) :]]
        missing += [p.name for p in self.wanted if p.kind in ("object", "null")]
        if missing:
            return [], missing
        calls = max(1, min([*counts, MOST_CALLS])) if counts else 1
        return [self._input(index) for index in range(calls)], []

    def _wanted(self) -> list[Parameter]:
        """Return the parameters to fill: the required, and of the optional what is evident."""
        required = [p for p in self.parameters if p.required and p.name not in self.named]
        spare_numbers = len(self.numbers) - sum(p.kind in ("number", "integer") for p in required)
        spare_texts = len(self.texts) - sum(p.kind == "string" for p in required)
        chosen = list(required)
        for parameter in self.parameters:
            if parameter.required or parameter.name in self.named:
                continue
            if parameter.kind in ("number", "integer") and spare_numbers > 0:
                spare_numbers = 0
            elif parameter.kind == "string" and spare_texts > 0 and not required:
                spare_texts = 0
            elif not self._is_said(parameter):
                continue
            chosen.append(parameter)
        return chosen

    def _is_said(self, parameter: Parameter) -> bool:
        if parameter.kind == "enum":
            return any(str(option).lower() in self.text.lower() for option in parameter.options)
        said = {stem(word) for word in self.said}
        return parameter.kind == "boolean" and any(stem(w) in said for w in words(parameter.name))

    def _named_numbers(self) -> dict[str, float]:
        """Return numbers that stand beside a parameter's name (“3 days”, “sides = 20”)."""
        candidates = [p for p in self.parameters if p.kind in ("number", "integer")]
        found: dict[str, float] = {}
        if len(self.numbers) > len(candidates):
            return found
        for parameter in candidates:
            name = re.escape(stem(parameter.name.replace("_", " ")))
            if len(name) < 3:
                continue
            match = re.search(
                rf"([\d.]+)[\s-]+{name}|\b{name}\w*\s*(?:=|:|of|is)?\s*(\d[\d.]*)", self.text, re.I
            )
            if match is not None:
                value = float((match.group(1) or match.group(2)).rstrip("."))
                if value in self.numbers:
                    self.numbers.remove(value)
                    found[parameter.name] = value
        return found

    def _names(self, *kinds: str) -> list[str]:
        return [p.name for p in self.wanted if p.kind in kinds]

    def _borrow(self, number_count: int, text_names: list[str]) -> None:
        """Find values in less likely places when the likely ones do not suffice."""
        if self.carried is not None and len(self.numbers) == number_count - 1:
            self.numbers = [*numbers(self.carried)[:1], *self.numbers]
        if len(text_names) == 1:
            name = text_names[0]
            if name in _EXPRESSION and (found := expression(self.text)):
                self.texts = [found]
            elif name in _WHOLE_TEXT and '"' not in self.text and "“" not in self.text:
                self.texts = [self._remainder()]
            elif not self.texts and self.carried is not None:
                self.texts = [self.carried]
            elif not self.texts and number_count == 0:
                self.texts = [_plain(number) for number in self.numbers]

    def _remainder(self) -> str:
        """Return what follows a colon or the tool's own word, else the whole sentence."""
        _, colon, after = self.text.partition(": ")
        if colon and after.strip():
            return after.strip()
        places = [
            match.end()
            for match in re.finditer(r"[^\W\d_]+", self.text)
            if stem(match.group().lower()) in self.vocabulary
        ]
        rest = self.text[places[0] :].split() if places else []
        while rest and rest[0].lower() in COMMON:
            rest.pop(0)
        return " ".join(rest).rstrip(".?! ") or self.text.strip()

    def _input(self, index: int) -> dict[str, Any]:
        number_names = self._names("number", "integer", "any")
        text_names = self._names("string")
        taken = dict(zip(number_names, self.numbers[index * len(number_names) :], strict=False))
        taken_texts = dict(zip(text_names, self.texts[index * len(text_names) :], strict=False))
        filled: dict[str, Any] = {}
        for parameter in self.parameters:
            name = parameter.name
            if name in self.named or name in taken:
                filled[name] = _typed(self.named.get(name, taken.get(name, 0)), parameter.kind)
            elif name in taken_texts:
                filled[name] = taken_texts[name]
            elif parameter in self.wanted:
                filled[name] = self._other(parameter)
        return filled

    def _other(self, parameter: Parameter) -> Any:
        if parameter.kind == "enum":
            text = self.text.lower()
            return next(
                (o for o in parameter.options if str(o).lower() in text), parameter.options[0]
            )
        if parameter.kind == "boolean":
            return not self.said & {"not", "no", "without", "don"}
        if parameter.items in ("number", "integer"):
            return [_typed(number, parameter.items) for number in self.numbers]
        return list(self.texts) or [_typed(number, "number") for number in self.numbers]


def _typed(number: float, kind: str) -> float:
    return int(number) if kind == "integer" or number.is_integer() else number


def _plain(number: float) -> str:
    return str(_typed(number, "number"))
