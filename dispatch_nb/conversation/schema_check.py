"""Whether an answer is what a JSON schema says, by the schema's own draft."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from pydantic_core import from_json

from ..errors import SettingError

__all__ = ["schema_reader"]

_TOLD = 5
_LONGEST = 200


def schema_reader(schema: Mapping[str, Any], name: str) -> Callable[[str], Any]:
    """Return what reads an answer's JSON and compares it with `schema`.

    It raises ValueError with the first places where the answer does not fit, such as
    ``$.parts[1].weight: 'heavy' is not of type 'number'``. Nothing is fetched: a ``$ref``
    must lead into the schema itself.

    Raises
    ------
    SettingError
        If `schema` is none.
    """
    # Late: few chats ask for a form, and the library takes its time to load.
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import Draft202012Validator, validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    kind = validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        raise SettingError(
            f"output: {name} is not a JSON schema: {_said(error.json_path, error.message)}"
        ) from error
    validator = kind(schema, registry=Registry())

    def read(text: str) -> Any:
        value = from_json(text, allow_inf_nan=False)
        try:
            errors = list(islice(validator.iter_errors(value), _TOLD + 1))
        except Unresolvable as error:
            raise ValueError(
                f"it cannot be compared: the schema points to {error.ref!r}, which is not in it"
            ) from error
        except RecursionError as error:
            raise ValueError("it cannot be compared: the schema leads back to itself") from error
        if errors:
            told = [_said(each.json_path, each.message) for each in errors[:_TOLD]]
            raise ValueError("; ".join([*told, "and more"] if len(errors) > _TOLD else told))
        return value

    return read


def _said(path: str, words: str) -> str:
    return f"{path}: {words if len(words) <= _LONGEST else f'{words[:_LONGEST]}…'}"
