"""The JSON schema that the TypeScript types are generated from."""

from __future__ import annotations

import json
import typing
from pathlib import Path
from typing import Any

import pytest

from dispatch_nb.wire import extensions as x
from dispatch_nb.wire.schema import wire_schema

COMMITTED = Path(__file__).parents[1] / "js" / "src" / "wire" / "schema.json"


DEFINITIONS = wire_schema()["$defs"]


def without_descriptions(schema: dict[str, Any]) -> dict[str, Any]:
    definitions = {
        name: {key: value for key, value in definition.items() if key != "description"}
        for name, definition in schema["$defs"].items()
    }
    return {**schema, "$defs": definitions}


def test_the_committed_schema_is_that_of_the_models():
    committed = json.loads(COMMITTED.read_text("utf-8"))
    assert committed == without_descriptions(wire_schema()), (
        "js/src/wire is out of step with dispatch_nb/wire: run `npm run types` in js/."
    )


@pytest.mark.parametrize(
    ("name", "count"),
    [("SeedAgentEvent", 11), ("AgentEvent", 15), ("LiveEvent", 23), ("SeedChunk", 6), ("Chunk", 7)],
)
def test_a_union_lists_its_variants_under_their_tags(name, count):
    union = DEFINITIONS[name]
    mapping = union["discriminator"]["mapping"]
    assert len(mapping) == len(union["oneOf"]) == count
    for tag, reference in mapping.items():
        variant = DEFINITIONS[reference.removeprefix("#/$defs/")]
        assert variant["properties"]["type"] == {"const": tag}
        assert "type" in variant["required"]


def test_options_are_not_required_and_never_null():
    event = DEFINITIONS["ToolCallEvent"]
    assert event["properties"]["stepId"] == {"type": "string"}
    assert event["properties"]["input"] == {}
    assert "stepId" not in event["required"]
    assert "input" in event["required"]


def test_every_model_is_described():
    assert all(d["description"] for d in DEFINITIONS.values() if d.get("type") == "object")
    assert {each.__name__ for each in typing.get_args(typing.get_args(x.ExtensionEvent)[0])} <= set(
        DEFINITIONS
    )
