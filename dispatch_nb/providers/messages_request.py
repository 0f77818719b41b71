"""The request body of the Messages API.

Source: Anthropic's description of the API, of extended and adaptive thinking, of
structured outputs and of prompt caching.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..engine.contracts import ProviderOptions, Tool
from ..wire.conversation import ChatMessage, ReasoningEffort
from .messages_history import THINKING, called_tools, convert_messages, system_text
from .messages_models import ModelTraits, model_traits
from .messages_rules import tool_loop
from .messages_schema import closed_schema

__all__ = ["request_body"]

_ANSWER_TOKENS = 16_000
_OTHER_ANSWER_TOKENS = 8_192
"""What an answer may take by default, of Claude and of other servers' models."""

_THINKING_TOKENS: dict[ReasoningEffort, int] = {
    "low": 2_048,
    "medium": 8_192,
    "high": 16_384,
    "xhigh": 32_768,
    "max": 47_000,
}
_LEAST_THINKING = 1_024
_BREAKPOINT = {"type": "ephemeral"}
_GONE = "This tool is no longer there and cannot be called."


def request_body(
    model: str,
    messages: Sequence[ChatMessage],
    tools: Sequence[Tool],
    options: ProviderOptions,
    *,
    provider: str,
) -> dict[str, Any]:
    """Return the JSON body of a streaming request.

    `temperature` and `top_p` go out as they were chosen, also where a model takes none
    beside thinking: the API then says so. `max_tokens` counts the answer alone where
    thinking has a budget of its own. The API knows no seed: none is sent.

    Parameters
    ----------
    provider
        Whose details of chunks are used: the provider's id.
    """
    model = options.model or model
    traits = model_traits(model)

    def converted(*, with_thinking: bool) -> list[dict[str, Any]]:
        return convert_messages(
            messages, model=model, provider=provider, with_thinking=with_thinking
        )

    head = _limits(traits, options, options.reasoning_effort)
    kind = _thinking_kind({**head, **options.extra_body})
    thinks = kind in ("enabled", "adaptive") or (kind is None and traits.thinks_unasked)
    said = converted(with_thinking=thinks)
    if kind == "enabled" and "thinking" in head and _goes_on_thoughtless(said):
        # The API would refuse it. The next prompt can be thought about again.
        head, said = _limits(traits, options, None), converted(with_thinking=False)
    if options.schema is not None:
        answer = {"type": "json_schema", "schema": closed_schema(options.schema.schema)}
        head["output_config"] = {**head.get("output_config", {}), "format": answer}
    body: dict[str, Any] = {"model": model, "stream": True, **head}
    if options.temperature is not None:
        body["temperature"] = options.temperature
    if options.top_p is not None:
        body["top_p"] = options.top_p
    body |= _tools(tools, said)
    if instructions := system_text(messages, options.system_prompt):
        body["system"] = [{"type": "text", "text": instructions}]
    body["messages"] = said
    if options.cache:
        _mark_for_cache(body)
    return {**body, **options.extra_body}


def _limits(
    traits: ModelTraits, options: ProviderOptions, effort: ReasoningEffort | None
) -> dict[str, Any]:
    """Return how long the answer may get, and how the model shall think."""
    longest = traits.longest_answer
    answer = options.max_tokens or min(longest or _OTHER_ANSWER_TOKENS, _ANSWER_TOKENS)
    if effort is not None and not traits.thinks_by_itself:
        budget, most = _THINKING_TOKENS[effort], max(longest or 1 << 30, answer)
        budget = max(_LEAST_THINKING, min(budget, most - answer))
        thinking = {"type": "enabled", "budget_tokens": budget}
        return {"max_tokens": min(answer + budget, most), "thinking": thinking}
    if options.max_tokens is None and longest and (effort or traits.thinks_unasked):
        answer = longest  # thinking is part of it, however long it gets
    if effort is None:
        return {"max_tokens": answer}
    thinking = {"type": "adaptive"}
    if traits.hides_thinking:
        thinking["display"] = "summarized"
    return {"max_tokens": answer, "thinking": thinking, "output_config": {"effort": effort}}


def _thinking_kind(body: Mapping[str, Any]) -> object:
    thinking = body.get("thinking")
    return thinking.get("type") if isinstance(thinking, Mapping) else None


def _goes_on_thoughtless(messages: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the last message answers calls of a turn that did not begin with thinking.

    So it is where the calls are another model's, or were made before it was asked to think.
    """
    loop = tool_loop(messages)
    return bool(loop) and messages[loop[0]]["content"][0]["type"] not in THINKING


def _tools(tools: Sequence[Tool], messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    if tools:
        return {"tools": [_tool(tool) for tool in tools]}
    # The API takes no calls in a history without tools, also not those of earlier days.
    gone = [
        {"name": name, "description": _GONE, "input_schema": {"type": "object"}}
        for name in called_tools(messages)
    ]
    return {"tools": gone, "tool_choice": {"type": "none"}} if gone else {}


def _tool(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "input_schema": {"type": "object", **tool.parameters},
    }


def _mark_for_cache(body: dict[str, Any]) -> None:
    """Set the breakpoints: at most four, which is what the API takes.

    The API reads tools, then instructions, then messages, and finds what it has kept up to
    a breakpoint. The last message is where this request ends, and the user message before
    it where the request before ended: with it that one's end is found again however much a
    step has added.
    """
    for name in ("tools", "system"):
        if name in body:
            body[name] = [*body[name][:-1], _marked(body[name][-1])]
    messages = list(body["messages"])
    asked = [index for index, message in enumerate(messages) if message["role"] == "user"]
    for index in asked[-2:]:
        content = messages[index]["content"]
        messages[index] = {"role": "user", "content": [*content[:-1], _marked(content[-1])]}
    body["messages"] = messages


def _marked(block: Mapping[str, Any]) -> dict[str, Any]:
    return {**block, "cache_control": _BREAKPOINT}
