"""The validator of whole Messages requests: what it refuses and what it takes."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch_nb.providers.messages_body_rules import request_violations

MARK = {"type": "ephemeral"}
TOOL = {"name": "add", "input_schema": {"type": "object"}}
SCHEMA = {"type": "object", "additionalProperties": False}
MANUAL: dict[str, Any] = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
ADAPTIVE: dict[str, Any] = {"thinking": {"type": "adaptive"}, "model": "claude-opus-4-6"}
PROMPT = {"role": "user", "content": [{"type": "text", "text": "1+2?"}]}


def loop(*before: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a prompt, a call behind `before`, and its result."""
    call = {"type": "tool_use", "id": "a", "name": "add", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "a", "content": "3"}
    return [
        PROMPT,
        {"role": "assistant", "content": [*before, call]},
        {"role": "user", "content": [result]},
    ]


def marked(number: int) -> dict[str, Any]:
    text = {"type": "text", "text": "x", "cache_control": MARK}
    return {"role": "user", "content": [text] * number}


THOUGHT = {"type": "thinking", "thinking": "", "signature": "c2ln"}

GOOD: dict[str, dict[str, Any]] = {
    "the least": {},
    "sampling": {"temperature": 0.2, "top_p": 0.5, "top_k": 5, "stop_sequences": ["x"]},
    "tools to choose from": {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "add"}},
    "thinking with a budget": {**MANUAL, "temperature": 1, "top_p": 0.95},
    "thinking by itself": {**ADAPTIVE, "output_config": {"effort": "max"}},
    "a form for the answer": {
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}
    },
    "four breakpoints": {
        "system": [{"type": "text", "text": "x", "cache_control": MARK}],
        "tools": [{**TOOL, "cache_control": MARK}],
        "messages": [marked(2)],
    },
    "a loop with thinking": {**MANUAL, "tools": [TOOL], "messages": loop(THOUGHT)},
    "a loop without thinking, by itself": {**ADAPTIVE, "tools": [TOOL], "messages": loop()},
    "a loop with thinking unasked": {
        "model": "claude-fable-5",
        "tools": [TOOL],
        "messages": loop(THOUGHT),
    },
}

BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "no model": ({"model": ""}, "model is blank"),
    "no limit": ({"max_tokens": None}, "max_tokens must be a whole number"),
    "an unknown field": ({"seed": 1}, "must not have the field 'seed'"),
    "too long an answer": (
        {"model": "claude-3-haiku-20240307", "max_tokens": 5000},
        "the model gives at most 4096",
    ),
    "an unknown way to think": ({"thinking": {"type": "deep"}}, "thinking.type must be"),
    "too small a budget": (
        {"thinking": {"type": "enabled", "budget_tokens": 1023}},
        "budget_tokens must be from 1024",
    ),
    "a budget of everything": (
        {"thinking": {"type": "enabled", "budget_tokens": 2000}},
        "less than max_tokens",
    ),
    "a temperature beside thinking": ({**MANUAL, "temperature": 0}, "temperature must be 1"),
    "a low top_p beside thinking": ({**MANUAL, "top_p": 0.5}, "top_p must be from 0.95"),
    "top_k beside thinking": ({**MANUAL, "top_k": 5}, "top_k cannot be set"),
    "a forced call beside thinking": (
        {**MANUAL, "tools": [TOOL], "tool_choice": {"type": "any"}},
        "cannot force a call",
    ),
    "a tool without a schema": ({"tools": [{"name": "add", "input_schema": {}}]}, "type object"),
    "a tool with a bad name": (
        {"tools": [{**TOOL, "name": "f.add"}]},
        "tools[0].name must be 1 to 64",
    ),
    "two tools of one name": ({"tools": [TOOL, TOOL]}, "is there twice"),
    "an unknown choice": (
        {"tools": [TOOL], "tool_choice": {"type": "required"}},
        "tool_choice.type must be one of",
    ),
    "a choice of nothing": ({"tool_choice": {"type": "none"}}, "needs tools"),
    "a choice without a name": (
        {"tools": [TOOL], "tool_choice": {"type": "tool"}},
        "lacks the field 'name'",
    ),
    "an unknown effort": ({"output_config": {"effort": "most"}}, "effort must be one of"),
    "an open form": (
        {
            "output_config": {
                "format": {
                    "type": "json_schema",
                    "schema": {**SCHEMA, "properties": {"a": {"type": "object"}}},
                }
            }
        },
        "properties.a.additionalProperties must be false",
    ),
    "five breakpoints": ({"messages": [marked(5)]}, "5 blocks have a cache_control"),
    "a breakpoint of another kind": (
        {"tools": [{**TOOL, "cache_control": {"type": "forever"}}]},
        "must be of the type ephemeral",
    ),
    "a loop with thinking that is not enabled": (
        {"model": "claude-sonnet-4-5", "tools": [TOOL], "messages": loop(THOUGHT)},
        "messages[1] must hold no thinking",
    ),
    "a loop with thinking that is disabled": (
        {"thinking": {"type": "disabled"}, "tools": [TOOL], "messages": loop(THOUGHT)},
        "messages[1] must hold no thinking",
    ),
    "a broken history": ({"messages": []}, "at least one message"),
}


def body(given: dict[str, Any]) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 2000, "messages": [PROMPT], **given}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_request_is_taken(name: str):
    assert request_violations(body(GOOD[name])) == []


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_request_is_refused_with_its_reason(name: str):
    given, reason = BROKEN[name]
    (sentence,) = request_violations(body(given))
    assert reason in sentence
    assert sentence.endswith(".")
