"""The validator of Anthropic histories: what it refuses and what it takes."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch_nb.providers.messages_rules import messages_violations

Block = dict[str, Any]

DATA = "R0lGODlhAQABAAAAACw="
TOOLS = [{"name": "add", "input_schema": {"type": "object"}}]


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def text(words: Any = "x") -> Block:
    return {"type": "text", "text": words}


def use(call_id: Any = "a", **given: Any) -> Block:
    return {"type": "tool_use", "id": call_id, "name": "add", "input": {}, **given}


def result(call_id: Any = "a", **given: Any) -> Block:
    return {"type": "tool_result", "tool_use_id": call_id, **given}


def thinking(**given: Any) -> Block:
    return {"type": "thinking", "thinking": "hm", "signature": "c2ln", **given}


def image(**given: Any) -> Block:
    source = {"type": "base64", "media_type": "image/gif", "data": DATA, **given}
    return {"type": "image", "source": source}


USER = {"role": "user", "content": "1+2?"}
ANSWER = {"role": "assistant", "content": "3"}
WEB_IMAGE = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}

GOOD: dict[str, dict[str, Any]] = {
    "a prompt": {"messages": [USER]},
    "instructions apart": {"system": "Be brief.", "messages": [USER]},
    "instructions as blocks": {"system": [text()], "messages": [USER]},
    "turns": {"messages": [USER, ANSWER, USER]},
    "a call and its result": {"messages": [USER, assistant(use()), user(result())]},
    "text beside call and result": {
        "messages": [USER, assistant(text(), use()), user(result(), text("steering"))]
    },
    "parallel calls, answered in any order": {
        "messages": [USER, assistant(use("a"), use("b")), user(result("b"), result("a"))]
    },
    "a result that failed": {
        "messages": [USER, assistant(use()), user(result(content=[text()], is_error=True))]
    },
    "a result with an image": {
        "messages": [USER, assistant(use()), user(result(content=[text(), image()]))]
    },
    "an empty result": {"messages": [USER, assistant(use()), user(result(content=""))]},
    "images": {"messages": [user(image(), WEB_IMAGE, text())]},
    "thinking before an answer": {"messages": [USER, assistant(thinking(), text()), USER]},
    "thinking before a call": {
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "messages": [USER, assistant(thinking(), use()), user(result())],
    },
    "thinking before the first of several calls": {
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "messages": [
            USER,
            assistant(thinking(), use("a")),
            user(result("a"), text("steering")),
            assistant(use("b")),
            user(result("b")),
        ],
    },
    "hidden thinking before a call": {
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "messages": [
            USER,
            assistant({"type": "redacted_thinking", "data": "eA=="}, use()),
            user(result()),
        ],
    },
    "earlier answers without thinking": {
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "messages": [USER, assistant(use()), user(result()), ANSWER, USER],
    },
}

BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "no messages": ({"messages": []}, "at least one message"),
    "a message that is no object": ({"messages": ["hi", USER]}, "must be an object, not str"),
    "a system message": (
        {"messages": [{"role": "system", "content": "x"}, USER]},
        "the role 'system': only user and assistant",
    ),
    "a tool message": (
        {"messages": [USER, ANSWER, {"role": "tool", "content": "x"}, USER]},
        "the role 'tool': only",
    ),
    "blank instructions": ({"system": " ", "messages": [USER]}, "system is blank"),
    "a blank block of instructions": (
        {"system": [text("")], "messages": [USER]},
        "system[0].text is blank",
    ),
    "an image as instructions": (
        {"system": [image()], "messages": [USER]},
        "system[0] must be a text block",
    ),
    "an assistant message first": ({"messages": [ANSWER, USER]}, "is the first message and not"),
    "an assistant message last": ({"messages": [USER, ANSWER]}, "The last message must be"),
    "two user messages in a row": ({"messages": [USER, USER]}, "follows another user message"),
    "two assistant messages in a row": (
        {"messages": [USER, ANSWER, ANSWER, USER]},
        "follows another assistant message",
    ),
    "an unknown field": ({"messages": [{**USER, "name": "x"}]}, "not have the field 'name'"),
    "content that is null": ({"messages": [{"role": "user", "content": None}]}, "NoneType"),
    "blank content": ({"messages": [{"role": "user", "content": " \n"}]}, "content is blank"),
    "no blocks": ({"messages": [user()]}, "content is an empty list"),
    "an empty text block": ({"messages": [user(text(""))]}, "[0].text is blank"),
    "a blank text block in an answer": (
        {"messages": [USER, assistant(text("\n"), text()), USER]},
        "content[0].text is blank",
    ),
    "a block that is no object": ({"messages": [user("x")]}, "has the type None"),
    "an unknown block": ({"messages": [user({"type": "image_url"})]}, "the type 'image_url'"),
    "an unknown field of a block": (
        {"messages": [USER, assistant(use(stepId="s")), user(result())]},
        "must not have the field 'stepId'",
    ),
    "a call of the user": ({"messages": [user(use())]}, "the type 'tool_use' where text"),
    "a result of the assistant": (
        {"messages": [USER, assistant(result()), USER]},
        "the type 'tool_result' where text",
    ),
    "a call without an id": (
        {"messages": [USER, assistant(use(None)), USER]},
        "id must be letters, digits, _ or -, not None",
    ),
    "an empty id": ({"messages": [USER, assistant(use("")), user(result(""))]}, "not ''"),
    "an id with a dot": (
        {"messages": [USER, assistant(use("f.0")), user(result("f.0"))]},
        "not 'f.0'",
    ),
    "an id used twice in a message": (
        {"messages": [USER, assistant(use(), use()), user(result(), result())]},
        "'a' was used before",
    ),
    "an id used twice in a history": (
        {"messages": [USER, assistant(use()), user(result()), assistant(use()), user(result())]},
        "'a' was used before",
    ),
    "a tool name with a dot": (
        {"messages": [USER, assistant(use(name="f.add")), user(result())]},
        "name must be 1 to 64",
    ),
    "input as text": (
        {"messages": [USER, assistant(use(input="{}")), user(result())]},
        "input must be an object, not str",
    ),
    "calls without tools": (
        {"tools": [], "messages": [USER, assistant(use()), user(result())]},
        "the request describes no tools",
    ),
    "a call without a result": (
        {"messages": [USER, assistant(use()), user(text())]},
        "'a' has no result in the next message",
    ),
    "a call answered by plain text": (
        {"messages": [USER, assistant(use()), USER]},
        "'a' has no result in the next message",
    ),
    "one of two calls without a result": (
        {"messages": [USER, assistant(use("a"), use("b")), user(result("a"))]},
        "'b' has no result in the next message",
    ),
    "a result one message late": (
        {"messages": [USER, assistant(use()), USER, ANSWER, user(result())]},
        "answers 'a', which the message before it did not call",
    ),
    "a result without a call": ({"messages": [user(result())]}, "did not call"),
    "two results for one call": (
        {"messages": [USER, assistant(use()), user(result(), result())]},
        "did not call",
    ),
    "text before a result": (
        {"messages": [USER, assistant(use()), user(text(), result())]},
        "results come first",
    ),
    "a result that is a number": (
        {"messages": [USER, assistant(use()), user(result(content=3))]},
        "must be text or blocks, not int",
    ),
    "a blank block in a result": (
        {"messages": [USER, assistant(use()), user(result(content=[text("")]))]},
        "content[0].text is blank",
    ),
    "an image in a failed result": (
        {"messages": [USER, assistant(use()), user(result(content=[image()], is_error=True))]},
        "because the result is an error",
    ),
    "a failure that is no boolean": (
        {"messages": [USER, assistant(use()), user(result(is_error="yes"))]},
        "must be true or false",
    ),
    "an image without a source": ({"messages": [user({"type": "image"})]}, "field 'source'"),
    "an image of an unknown kind": (
        {"messages": [user(image(media_type="image/bmp"))]},
        "media_type must be one of",
    ),
    "an image that is not what it says": (
        {"messages": [user(image(media_type="image/png"))]},
        "is not an image of the type image/png",
    ),
    "an image that is not base64": ({"messages": [user(image(data="%%"))]}, "base64 text"),
    "an image with a data URL as its address": (
        {
            "messages": [
                user({"type": "image", "source": {"type": "url", "url": f"data:,{DATA}"}}),
            ]
        },
        "must be an http(s) address",
    ),
    "thinking of the user": ({"messages": [user(thinking())]}, "the type 'thinking' where"),
    "thinking without a signature": (
        {"messages": [USER, assistant(thinking(signature=""), text()), USER]},
        "signature is blank",
    ),
    "thinking alone": ({"messages": [USER, assistant(thinking()), USER]}, "ends with thinking"),
    "thinking at the end": (
        {"messages": [USER, assistant(text(), thinking()), USER]},
        "ends with thinking",
    ),
    "a call without the thinking before it": (
        {
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "messages": [USER, assistant(text(), use()), user(result())],
        },
        "messages[1] must begin with thinking",
    ),
    "calls that go on without the thinking before the first": (
        {
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "messages": [
                USER,
                assistant(use("a")),
                user(result("a")),
                assistant(thinking(), use("b")),
                user(result("b")),
            ],
        },
        "messages[1] must begin with thinking",
    ),
}

# What breaks several rules: a pair at both of its ends, a field by its name and value.
SENTENCES = {"a result one message late": 2, "an image without a source": 2}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_history_is_taken(name: str):
    assert messages_violations({"tools": TOOLS, **GOOD[name]}) == []


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_history_is_refused_with_its_reason(name: str):
    body, reason = BROKEN[name]
    found = messages_violations({"tools": TOOLS, **body})
    assert any(reason in sentence for sentence in found), found
    assert len(found) == SENTENCES.get(name, 1), found
    assert all(sentence.endswith(".") for sentence in found)


def test_a_request_without_messages_is_refused():
    assert messages_violations({}) == ["messages must be a list with at least one message."]
