"""The rules for a whole request to the Messages API, as its strictest models check them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .messages_models import model_traits
from .messages_rules import messages_violations, tool_loop
from .rules import bad_fields, bad_name, bad_text

__all__ = ["request_violations"]

_MOST_BREAKPOINTS = 4
_LEAST_BUDGET = 1_024
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_CHOICES = {"auto": (), "none": (), "any": (), "tool": ("name",)}
_THINKING = ("thinking", "redacted_thinking")
_FIELDS = (
    *("system", "tools", "tool_choice", "thinking", "output_config", "temperature", "top_p"),
    *("top_k", "stop_sequences", "metadata", "service_tier", "stream"),
)


def request_violations(body: Mapping[str, Any]) -> list[str]:
    """Return why a strict server would refuse `body`: nothing if it would not.

    Parameters
    ----------
    body
        The JSON body of a request to the Messages API.
    """
    found = [
        *bad_fields("the request", body, ("model", "max_tokens", "messages"), _FIELDS),
        *bad_text("model", body.get("model")),
        *_bad_limits(body),
        *_bad_tools(body),
        *_bad_output(body.get("output_config", {})),
        *_bad_breakpoints(body),
        *messages_violations(body),
    ]
    if not found:
        found += _stray_thinking(body)
    return found


def _bad_limits(body: Mapping[str, Any]) -> Iterator[str]:
    most = body.get("max_tokens")
    if not isinstance(most, int) or most < 1:
        yield f"max_tokens must be a whole number from 1 on, not {most!r}."
        return
    longest = model_traits(str(body.get("model"))).longest_answer
    if longest is not None and most > longest:
        yield f"max_tokens is {most}, but the model gives at most {longest}."
    thinking = body.get("thinking", {"type": "disabled"})
    kind = thinking.get("type") if isinstance(thinking, Mapping) else None
    if kind not in ("enabled", "adaptive", "disabled"):
        yield f"thinking.type must be enabled, adaptive or disabled, not {kind!r}."
    if kind == "enabled":
        yield from _bad_budget(thinking.get("budget_tokens"), most)
        yield from _bad_sampling(body)


def _bad_budget(budget: object, most: int) -> Iterator[str]:
    if not isinstance(budget, int) or not _LEAST_BUDGET <= budget < most:
        yield (
            f"thinking.budget_tokens must be from {_LEAST_BUDGET} to less than max_tokens, "
            f"not {budget!r}."
        )


def _bad_sampling(body: Mapping[str, Any]) -> Iterator[str]:
    if body.get("temperature", 1) != 1:
        yield "temperature must be 1 where thinking is enabled."
    if not 0.95 <= body.get("top_p", 1) <= 1:
        yield "top_p must be from 0.95 to 1 where thinking is enabled."
    if "top_k" in body:
        yield "top_k cannot be set where thinking is enabled."
    choice = body.get("tool_choice", {})
    if isinstance(choice, Mapping) and choice.get("type") in ("any", "tool"):
        yield "tool_choice cannot force a call where thinking is enabled."


def _bad_tools(body: Mapping[str, Any]) -> Iterator[str]:
    tools = body.get("tools", [])
    names: set[object] = set()
    for index, tool in enumerate(tools if isinstance(tools, list) else ()):
        where = f"tools[{index}]"
        yield from bad_fields(
            where, tool, ("name", "input_schema"), ("description", "cache_control", "type")
        )
        yield from bad_name(f"{where}.name", tool.get("name"))
        if tool.get("name") in names:
            yield f"{where}.name {tool.get('name')!r} is there twice."
        names.add(tool.get("name"))
        schema = tool.get("input_schema")
        if not isinstance(schema, Mapping) or schema.get("type") != "object":
            yield f"{where}.input_schema must be a schema of the type object."
    if "tool_choice" not in body:
        return
    choice = body["tool_choice"]
    kind = choice.get("type") if isinstance(choice, Mapping) else None
    if kind not in _CHOICES:
        yield f"tool_choice.type must be one of {', '.join(_CHOICES)}, not {kind!r}."
    elif not tools:
        yield "tool_choice needs tools to choose from."
    else:
        yield from bad_fields(
            "tool_choice", choice, ("type", *_CHOICES[kind]), ("disable_parallel_tool_use",)
        )


def _bad_output(config: object) -> Iterator[str]:
    if not isinstance(config, Mapping):
        yield "output_config must be an object."
        return
    if config.get("effort", "high") not in _EFFORTS:
        yield f"output_config.effort must be one of {', '.join(_EFFORTS)}."
    form = config.get("format")
    if form is None:
        return
    yield from bad_fields("output_config.format", form, ("type", "schema"))
    if form.get("type") != "json_schema":
        yield "output_config.format.type must be json_schema."
    yield from _open_objects("output_config.format.schema", form.get("schema"))


def _open_objects(where: str, schema: object) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
            yield f"{where}.additionalProperties must be false."
        for name, part in schema.items():
            yield from _open_objects(f"{where}.{name}", part)
    elif isinstance(schema, list):
        for index, part in enumerate(schema):
            yield from _open_objects(f"{where}[{index}]", part)


def _bad_breakpoints(body: Mapping[str, Any]) -> Iterator[str]:
    blocks = [*_blocks(body.get("tools")), *_blocks(body.get("system"))]
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else ():
        blocks += _blocks(message.get("content") if isinstance(message, Mapping) else None)
    marked = [block for block in blocks if "cache_control" in block]
    if len(marked) > _MOST_BREAKPOINTS:
        yield f"{len(marked)} blocks have a cache_control: at most {_MOST_BREAKPOINTS} may."
    for block in marked:
        mark = block["cache_control"]
        if not isinstance(mark, Mapping) or mark.get("type") != "ephemeral":
            yield f"cache_control must be of the type ephemeral, not {mark!r}."


def _blocks(content: object) -> list[Mapping[str, Any]]:
    found = content if isinstance(content, list) else []
    return [block for block in found if isinstance(block, Mapping)]


def _stray_thinking(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the message whose calls are being answered, if it thinks where nobody may."""
    thinking = body.get("thinking")
    may_think = (
        model_traits(body["model"]).thinks_unasked
        if thinking is None
        else thinking["type"] != "disabled"
    )
    if may_think:
        return
    for place in tool_loop(body["messages"]):
        kinds = [block.get("type") for block in _blocks(body["messages"][place]["content"])]
        if any(kind in _THINKING for kind in kinds):
            yield (
                f"messages[{place}] must hold no thinking: thinking is not enabled "
                "and its tool calls are being answered."
            )
