"""Requests to the Messages API: what was chosen for them, and where they are kept."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch_nb.engine.contracts import AnswerSchema
from dispatch_nb.providers.messages_schema import closed_schema
from dispatch_nb.wire.conversation import TextChunk
from tests.messages_parts import ADAPTIVE, ADD, MANUAL, NEWEST, body, call, called, result
from tests.providers_parts import user


@pytest.mark.parametrize(
    ("model", "chosen", "limits"),
    [
        ("m", {}, {"max_tokens": 8_192}),
        ("m", {"max_tokens": 100}, {"max_tokens": 100}),
        ("claude-3-haiku-20240307", {}, {"max_tokens": 4_096}),
        (MANUAL, {}, {"max_tokens": 16_000}),
        (
            MANUAL,
            {"reasoning_effort": "high"},
            {"max_tokens": 32_384, "thinking": {"type": "enabled", "budget_tokens": 16_384}},
        ),
        (
            "claude-opus-4-1",
            {"reasoning_effort": "max"},
            {"max_tokens": 32_000, "thinking": {"type": "enabled", "budget_tokens": 16_000}},
        ),
        (
            MANUAL,
            {"reasoning_effort": "low", "max_tokens": 50},
            {"max_tokens": 2_098, "thinking": {"type": "enabled", "budget_tokens": 2_048}},
        ),
        (
            ADAPTIVE,
            {"reasoning_effort": "xhigh"},
            {
                "max_tokens": 64_000,
                "thinking": {"type": "adaptive"},
                "output_config": {"effort": "xhigh"},
            },
        ),
        (
            NEWEST,
            {"reasoning_effort": "low", "max_tokens": 500},
            {
                "max_tokens": 500,
                "thinking": {"type": "adaptive", "display": "summarized"},
                "output_config": {"effort": "low"},
            },
        ),
        (NEWEST, {}, {"max_tokens": 64_000}),
    ],
)
def test_limits_and_thinking_fit_the_model(model: str, chosen: Any, limits: dict[str, Any]):
    made = body(user("hi"), model=model, **chosen)
    names = ("max_tokens", "thinking", "output_config")
    assert {name: made[name] for name in names if name in made} == limits


def test_choices_go_out_as_they_were_made():
    made = body(user("hi"), temperature=0.2, top_p=0.9)
    assert (made["temperature"], made["top_p"]) == (0.2, 0.9)
    laid_over = body(
        user("hi"),
        model=MANUAL,
        extra_body={"thinking": {"type": "enabled", "budget_tokens": 2000}},
    )
    assert laid_over["thinking"]["budget_tokens"] == 2000
    assert "seed" not in body(user("hi"), seed=1)  # the API knows none


def test_a_schema_is_the_form_of_the_answer_beside_the_effort():
    schema = AnswerSchema("sum", {"type": "object", "properties": {"a": {"type": "integer"}}})
    made = body(user("hi"), model=ADAPTIVE, reasoning_effort="low", schema=schema)
    assert made["output_config"] == {
        "effort": "low",
        "format": {
            "type": "json_schema",
            "schema": {**schema.schema, "additionalProperties": False},
        },
    }


def test_a_schema_is_closed_and_its_unknown_limits_become_words():
    schema = {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "minimum": 1, "maximum": 9, "description": "A digit."},
            "tags": {"type": "array", "minItems": 2, "items": {"$ref": "#/$defs/Tag"}},
            "when": {"oneOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
            "minimum": {"type": "string", "format": "color"},
        },
        "$defs": {"Tag": {"type": "object", "properties": {"name": {"maxLength": 3}}}},
    }
    assert closed_schema(schema) == {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "description": "A digit. (minimum: 1; maximum: 9)"},
            "tags": {
                "type": "array",
                "items": {"$ref": "#/$defs/Tag"},
                "description": "(minItems: 2)",
            },
            "when": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
            "minimum": {"type": "string", "description": '(format: "color")'},
        },
        "$defs": {
            "Tag": {
                "type": "object",
                "properties": {"name": {"description": "(maxLength: 3)"}},
                "additionalProperties": False,
            }
        },
        "additionalProperties": False,
    }


def breakpoints(made: dict[str, Any]) -> list[str]:
    """Return where the breakpoints are, in the order in which the API reads."""
    found = [f"tool {tool['name']}" for tool in made.get("tools", ()) if "cache_control" in tool]
    found += [f"system {i}" for i, b in enumerate(made.get("system", ())) if "cache_control" in b]
    for number, message in enumerate(made["messages"]):
        for index, block in enumerate(message["content"]):
            if "cache_control" in block:
                assert block["cache_control"] == {"type": "ephemeral"}
                found.append(f"message {number} block {index}")
    return found


def test_breakpoints_stand_behind_tools_instructions_and_the_last_two_prompts():
    history = [user("one"), called(TextChunk(text="1")), user("two"), called(call()), result()]
    made = body(*history, system_prompt="Be brief.", tools=ADD, cache=True)
    assert breakpoints(made) == ["tool add", "system 0", "message 2 block 0", "message 4 block 0"]
    assert breakpoints(body(user("one"), cache=True)) == ["message 0 block 0"]
    assert breakpoints(body(*history, system_prompt="Be brief.", tools=ADD)) == []


def test_the_last_breakpoint_of_a_request_is_one_of_the_next():
    history = [user("one"), called(TextChunk(text="1")), user("two")]
    loop = [called(*map(call, "abcdef")), *map(result, "abcdef")]
    before = breakpoints(body(*history, tools=ADD, cache=True))
    after = breakpoints(body(*history, *loop, tools=ADD, cache=True))
    assert before[-1] in after
