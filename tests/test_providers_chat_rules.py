"""The validator of chat completion histories: what it refuses and what it takes."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch_nb.providers.chat_rules import chat_violations

Message = dict[str, Any]

SYSTEM: Message = {"role": "system", "content": "Be brief."}
USER: Message = {"role": "user", "content": "1+2?"}
ANSWER: Message = {"role": "assistant", "content": "3"}
PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACw="


def calling(*ids: Any, content: str | None = None, **function: Any) -> Message:
    named = {"name": "add", "arguments": "{}", **function}
    calls = [{"id": call_id, "type": "function", "function": named} for call_id in ids]
    return {"role": "assistant", "content": content, "tool_calls": calls}


def call(**given: Any) -> Message:
    function = {"name": "add", "arguments": "{}"}
    base = {"id": "a", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [{**base, **given}]}


def result(call_id: Any, content: Any = "3") -> Message:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def user(content: Any) -> Message:
    return {"role": "user", "content": content}


def image(**given: Any) -> Message:
    return user([{"type": "image_url", "image_url": given}])


GOOD: dict[str, list[Message]] = {
    "a prompt": [USER],
    "a system message first": [SYSTEM, USER],
    "a developer message first": [{"role": "developer", "content": "Be brief."}, USER],
    "turns": [USER, ANSWER, USER],
    "a call and its result": [USER, calling("a"), result("a")],
    "a call without the field content": [
        USER,
        {key: value for key, value in calling("a").items() if key != "content"},
        result("a"),
    ],
    "text beside a call": [USER, calling("a", content="I add."), result("a"), ANSWER, USER],
    "parallel calls": [USER, calling("a", "b"), result("a"), result("b")],
    "steps": [USER, calling("a"), result("a"), calling("b"), result("b")],
    "steering after results": [USER, calling("a"), result("a"), USER],
    "the longest id": [USER, calling("a" * 40), result("a" * 40)],
    "an id with punctuation": [USER, calling("functions.add:0"), result("functions.add:0")],
    "text parts": [
        {"role": "system", "content": [{"type": "text", "text": "x"}]},
        user([{"type": "text", "text": "x"}]),
        {"role": "assistant", "content": [{"type": "text", "text": "x"}]},
        USER,
    ],
    "images": [
        user(
            [
                {"type": "text", "text": "what is this?"},
                {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
            ]
        )
    ],
}

BROKEN: dict[str, tuple[Any, str]] = {
    "no messages": ([], "at least one message"),
    "messages that are no list": ({"role": "user"}, "must be a list"),
    "a message that is no object": (["hi", USER], "[0] must be an object, not str"),
    "an unknown role": ([{"role": "model", "content": "x"}, USER], "'model', which does not"),
    "the retired role function": (
        [{"role": "function", "name": "f", "content": "x"}, USER],
        "'function', which does not exist",
    ),
    "a message without a role": ([{"content": "x"}, USER], "the role None"),
    "a second system message": ([SYSTEM, SYSTEM, USER], "not the first message"),
    "a system message in the middle": ([USER, ANSWER, SYSTEM, USER], "not the first message"),
    "two user messages in a row": ([USER, USER], "[1] follows another user message"),
    "two assistant messages in a row": ([USER, ANSWER, ANSWER, USER], "another assistant"),
    "an assistant message first": ([ANSWER, USER], "before any user message"),
    "an assistant message last": ([USER, ANSWER], "The last message must be"),
    "a system message alone": ([SYSTEM], "The last message must be"),
    "an empty prompt": ([user("")], "content is blank"),
    "a blank prompt": ([user(" \n")], "content is blank"),
    "a prompt that is null": ([user(None)], "content must be text, not NoneType"),
    "an empty list as content": ([user([])], "content is an empty list"),
    "a blank text part": ([user([{"type": "text", "text": ""}])], "[0].text is blank"),
    "a part that is no object": ([user(["x"])], "has the type None"),
    "a part of an unknown type": ([user([{"type": "picture"}])], "the type 'picture'"),
    "an image in an answer": (
        [USER, {**image(url=PIXEL), "role": "assistant"}, USER],
        "the type 'image_url' where text may stand",
    ),
    "an image without an address": ([image()], "lacks the field 'url'"),
    "an image with a path of a server": ([image(url="/images/1.png")], "an http(s) address"),
    "an image that is not base64": ([image(url=f"{PIXEL[:22]}%%%")], "base64 data URL"),
    "an image without bytes": ([image(url=PIXEL[:22])], "base64 data URL"),
    "a lone surrogate": ([user("a\ud800")], "lone surrogate"),
    "an empty answer": ([USER, {"role": "assistant", "content": ""}, USER], "is blank"),
    "an answer that is null": ([USER, {"role": "assistant", "content": None}, USER], "NoneType"),
    "a blank answer beside a call": (
        [USER, calling("a", content=" "), result("a")],
        "content is blank",
    ),
    "an empty list of calls": ([USER, {**ANSWER, "tool_calls": []}, USER], "at least one call"),
    "calls of a user": ([{**USER, "tool_calls": []}], "must not have the field 'tool_calls'"),
    "an unknown field": ([{**USER, "stepId": "s"}], "must not have the field 'stepId'"),
    "a call that is no object": (
        [USER, {**ANSWER, "tool_calls": ["add"]}, USER],
        "must be an object, not str",
    ),
    "a call without a type": ([USER, call(type=None), result("a")], "must be 'function'"),
    "a call without a function": (
        [USER, call(function=None), result("a")],
        "function must be an object",
    ),
    "an empty id": ([USER, calling(""), result("")], "id is blank"),
    "an id that is no text": ([USER, calling(5), USER], "id must be text, not int"),
    "an id that is too long": ([USER, calling("a" * 41), result("a" * 41)], "longer than 40"),
    "an id used twice in a message": (
        [USER, calling("a", "a"), result("a"), result("a")],
        "'a' was used before",
    ),
    "an id used twice in a history": (
        [USER, calling("a"), result("a"), calling("a"), result("a")],
        "'a' was used before",
    ),
    "an empty tool name": ([USER, calling("a", name=""), result("a")], "letters, digits"),
    "a tool name with a dot": ([USER, calling("a", name="f.add"), result("a")], "letters, digits"),
    "a tool name that is too long": ([USER, calling("a", name="x" * 65), result("a")], "1 to 64"),
    "arguments as an object": ([USER, calling("a", arguments={}), result("a")], "JSON as text"),
    "arguments that are not JSON": ([USER, calling("a", arguments="{"), result("a")], "be JSON:"),
    "arguments with NaN": (
        [USER, calling("a", arguments='{"x": NaN}'), result("a")],
        "NaN is not a JSON number",
    ),
    "arguments that are a list": (
        [USER, calling("a", arguments="[1]"), result("a")],
        "must be a JSON object, not list",
    ),
    "a call without a result": ([USER, calling("a"), USER], "'a' is not answered directly"),
    "one of two calls without a result": (
        [USER, calling("a", "b"), result("b"), USER],
        "'a' is not answered directly",
    ),
    "a result after the next prompt": (
        [USER, calling("a"), USER, result("a")],
        "'a' is not answered directly",
    ),
    "steering between call and result": (
        [USER, calling("a", "b"), result("a"), USER, result("b")],
        "'b' is not answered directly",
    ),
    "a result after the next step": (
        [USER, calling("a"), calling("b"), result("b"), result("a")],
        "'a' is not answered directly",
    ),
    "a result without a call": ([USER, result("a")], "which no message directly before it"),
    "a result for another call": (
        [USER, calling("a"), result("a"), result("z")],
        "answers 'z', which no message",
    ),
    "two results for one call": ([USER, calling("a"), result("a"), result("a")], "answers 'a'"),
    "results in another order": (
        [USER, calling("a", "b"), result("b"), result("a")],
        "answers 'b' before 'a'",
    ),
    "a result without an id": ([USER, calling("a"), result(None)], "tool_call_id must be text"),
    "a result that is empty": ([USER, calling("a"), result("a", "")], "content is blank"),
    "a result that is an object": ([USER, calling("a"), result("a", {})], "text, not dict"),
}

# What breaks several rules: a pair at both of its ends, a field by its name and value.
SENTENCES = {
    "an image without an address": 2,
    "one of two calls without a result": 2,
    "a result after the next prompt": 2,
    "steering between call and result": 2,
    "a result after the next step": 3,
    "a result without an id": 2,
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_history_is_taken(name: str):
    assert chat_violations({"messages": GOOD[name]}) == []


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_history_is_refused_with_its_reason(name: str):
    messages, reason = BROKEN[name]
    found = chat_violations({"messages": messages})
    assert any(reason in sentence for sentence in found), found
    assert len(found) == SENTENCES.get(name, 1), found
    assert all(sentence.endswith(".") for sentence in found)


def test_a_request_without_messages_is_refused():
    assert chat_violations({}) == ["messages must be a list with at least one message."]


def test_everything_wrong_is_told_at_once():
    found = chat_violations({"messages": [USER, USER, calling("a", arguments="[]"), ANSWER]})
    assert found == [
        "messages[1] follows another user message: the two must take turns.",
        "messages[2].tool_calls[0].function.arguments must be a JSON object, not list.",
        "The tool call 'a' is not answered directly after its message.",
        "messages[3] follows another assistant message: the two must take turns.",
        "The last message must be the user's or a tool's, not 'assistant'.",
    ]
