"""Import of message lists as OpenAI's chat completions take them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import FrameError
from ..wire.conversation import (
    Chunk,
    ImageChunk,
    SystemChunk,
    TextChunk,
    ThinkingChunk,
    ToolCallChunk,
    ToolResultChunk,
)
from .imported import Imported, ImportedStep, ImportedTurn, add_to_store

__all__ = ["conversation_of", "import_messages", "openai_usage", "parsed_input"]


def import_messages(
    store: object,
    messages: Sequence[Mapping[str, Any]],
    *,
    conversation: str | None = None,
    title: str | None = None,
    model: str | None = None,
) -> str:
    """Add a list of messages to a store as one conversation; return its id.

    Parameters
    ----------
    store
        A `Store`, or the path of one.
    messages
        Dictionaries with ``role`` and ``content``, and ``tool_calls``, ``tool_call_id``,
        ``reasoning_content`` as OpenAI's API has them, or the objects of its library. A ``usage``
        beside an assistant's
        message is kept to the token; without one the step's usage is missing, not 0.
    conversation, title, model
        What the conversation is called, and who answered.

    Raises
    ------
    FrameError
        If a message cannot be read; the sentence says which.
    StoreError
        If there is such a conversation already.
    """
    if isinstance(messages, str | bytes | Mapping):
        raise FrameError(
            f"Messages are a list of dictionaries, not {type(messages).__name__}: of a file take "
            "json.load(file)['messages'] or the like."
        )
    made = conversation_of(messages)
    made.conversation_id, made.title, made.model = conversation, title, model
    for turn in made.turns:
        for step in turn.steps:
            step.known.setdefault("request_model", model)
    return add_to_store(store, [made])[0]


def conversation_of(messages: Iterable[Mapping[str, Any]]) -> Imported:
    """Return messages as turns: each begins with what a person said."""
    made = Imported()
    names: dict[str, str] = {}
    for number, given in enumerate(messages, 1):
        message = _plain(given)
        if isinstance(message, Mapping) and "role" not in message:
            raise FrameError(
                f"Message {number} has no role: {message!r}. A list is of messages as chat "
                "completions have them; the items of the Responses API are others."
            )
        try:
            _take(made, message, names)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise FrameError(
                f"Message {number} cannot be read: {error!r} in {message!r}."
            ) from error
    return made


def _plain(message: Any) -> Any:
    """Return a message as a dictionary, also one that is an object of OpenAI's library."""
    dump = getattr(message, "model_dump", None)
    return message if dump is None else dump(exclude_none=True)


def _take(made: Imported, message: Mapping[str, Any], names: dict[str, str]) -> None:
    role = message["role"]
    if role in ("system", "developer") and not made.turns and made.system is None:
        made.system = _text(message["content"])
    elif role == "user":
        made.turns.append(ImportedTurn(_parts(message["content"])))
    elif role in ("system", "developer"):
        _step(made).chunks.append(SystemChunk(text=_text(message["content"])))
    elif role == "assistant":
        step = ImportedStep(known=openai_usage(message.get("usage")))
        if not made.turns:
            made.turns.append(ImportedTurn([]))
        made.turns[-1].steps.append(step)
        thought = message.get("reasoning_content") or message.get("reasoning")
        if thought:
            step.chunks.append(ThinkingChunk(text=_text(thought)))
        said = message.get("content") or message.get("refusal")
        if said:
            step.chunks += _parts(said)
        for call in _calls(message, len(names)):
            given = call.get("function") or call["custom"]
            names[call["id"]] = given["name"]
            step.chunks.append(
                ToolCallChunk(
                    tool_call_id=call["id"],
                    tool_name=given["name"],
                    input=parsed_input(given["arguments" if "function" in call else "input"]),
                )
            )
    elif role in ("tool", "function"):
        called = message["tool_call_id"] if role == "tool" else list(names)[-1]
        _step(made).results.append(
            ToolResultChunk(
                tool_call_id=called,
                tool_name=message.get("name") or names.get(called, "tool"),
                content=_text(message["content"]),
                is_error=bool(message.get("is_error", False)),
            )
        )
    else:
        raise ValueError(f"there is no role {role!r}")


def _calls(message: Mapping[str, Any], count: int) -> Sequence[Mapping[str, Any]]:
    """Return a message's calls; the one that it had before there were several has no id."""
    calls: Sequence[Mapping[str, Any]] = message.get("tool_calls") or ()
    old = message.get("function_call")
    return calls if old is None else [*calls, {"id": f"call-{count}", "function": old}]


def _step(made: Imported) -> ImportedStep:
    if not made.turns:
        made.turns.append(ImportedTurn([]))
    if not made.turns[-1].steps:
        made.turns[-1].steps.append(ImportedStep())
    return made.turns[-1].steps[-1]


def parsed_input(arguments: Any) -> Any:
    """Return a call's arguments as JSON; text that is none stays text."""
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments)
    except json.JSONDecodeError:
        return arguments


def openai_usage(usage: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a usage, as chat completions or Responses report it, as columns of a step."""
    if not usage:
        return {}
    sent = usage.get("prompt_tokens", usage.get("input_tokens"))
    said = usage.get("completion_tokens", usage.get("output_tokens"))
    of_input = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {}
    of_output = usage.get("completion_tokens_details") or usage.get("output_tokens_details") or {}
    return {
        "input_tokens": sent,
        "output_tokens": said,
        "cache_read_tokens": of_input.get("cached_tokens"),
        "reasoning_tokens": of_output.get("reasoning_tokens"),
        "usage_json": json.dumps(dict(usage)),
    }


def _parts(content: Any) -> list[Chunk]:
    if isinstance(content, str):
        return [TextChunk(text=content)]
    chunks: list[Chunk] = []
    for part in content:
        match part["type"]:
            case "text" | "input_text" | "output_text":
                chunks.append(TextChunk(text=part["text"]))
            case "image_url":
                chunks.append(ImageChunk(url=part["image_url"]["url"]))
            case "refusal":
                chunks.append(TextChunk(text=part["refusal"]))
            case kind:
                chunks.append(TextChunk(text=f"[{kind}]"))
    return chunks


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(chunk.text for chunk in _parts(content) if isinstance(chunk, TextChunk))
