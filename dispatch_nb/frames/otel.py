"""What OpenTelemetry's GenAI conventions call the columns of the frames: all names, once.

Source: the semantic conventions for generative AI (in development). Conventions that are
not settled may rename an attribute; then only this module changes.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "AGENT_SPAN",
    "CHAT_SPAN",
    "ERROR_TYPE",
    "EVENT_NAME",
    "OPERATION",
    "TOOL_SPAN",
    "TOOL_TYPE",
    "otel_names",
]

OPERATION = "gen_ai.operation.name"
CHAT_SPAN = "chat"
TOOL_SPAN = "execute_tool"
AGENT_SPAN = "invoke_agent"
TOOL_TYPE = "gen_ai.tool.type"
ERROR_TYPE = "error.type"
EVENT_NAME = "gen_ai.client.inference.operation.details"

_CONVERSATION = {"conversation_id": "gen_ai.conversation.id"}
_TOKENS = {
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cache_read_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_write_tokens": "gen_ai.usage.cache_write.input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
}
_NAMES: dict[str, dict[str, str]] = {
    "conversations": {**_CONVERSATION, **_TOKENS},
    "turns": {
        **_CONVERSATION,
        "prompt_text": "gen_ai.input.messages",
        "output_text": "gen_ai.output.messages",
        "time_to_first_chunk_s": "gen_ai.response.time_to_first_chunk",
        **_TOKENS,
        "error_type": ERROR_TYPE,
    },
    "steps": {
        **_CONVERSATION,
        "provider_name": "gen_ai.provider.name",
        "request_model": "gen_ai.request.model",
        "response_model": "gen_ai.response.model",
        "response_id": "gen_ai.response.id",
        "raw_finish_reason": "gen_ai.response.finish_reasons",
        "is_streaming": "gen_ai.request.stream",
        "time_to_first_chunk_s": "gen_ai.response.time_to_first_chunk",
        "time_per_output_chunk_s": "gen_ai.client.operation.time_per_output_chunk",
        **_TOKENS,
        "temperature": "gen_ai.request.temperature",
        "top_p": "gen_ai.request.top_p",
        "max_tokens": "gen_ai.request.max_tokens",
        "seed": "gen_ai.request.seed",
        "http_status": "http.response.status_code",
        "error_type": ERROR_TYPE,
    },
    "messages": {**_CONVERSATION, "tool_call_id": "gen_ai.tool.call.id"},
    "chunks": {
        **_CONVERSATION,
        "tool_call_id": "gen_ai.tool.call.id",
        "tool_name": "gen_ai.tool.name",
        "input_json": "gen_ai.tool.call.arguments",
    },
    "tool_calls": {
        **_CONVERSATION,
        "tool_call_id": "gen_ai.tool.call.id",
        "tool_name": "gen_ai.tool.name",
        "arguments_json": "gen_ai.tool.call.arguments",
        "result": "gen_ai.tool.call.result",
        "error_type": ERROR_TYPE,
    },
    "deltas": {**_CONVERSATION},
    "latency": {
        **_CONVERSATION,
        "model": "gen_ai.response.model",
        "time_to_first_chunk_s": "gen_ai.response.time_to_first_chunk",
    },
    "models": {"provider": "gen_ai.provider.name", "model": "gen_ai.request.model"},
    "usage": {
        **_CONVERSATION,
        "model": "gen_ai.response.model",
        "token_type": "gen_ai.token.type",
        "tokens": "gen_ai.client.token.usage",
    },
}


def otel_names(frame: str, columns: Sequence[str]) -> dict[str, str]:
    """Return the attribute of every column of a frame that has one.

    Parameters
    ----------
    frame
        The frame's name, such as ``steps``.
    columns
        The columns it has.
    """
    names = _NAMES.get(frame, {})
    return {column: names[column] for column in columns if column in names}
