"""A short talk for aimock to play: a tool loop, a stream that is cut off, and a greeting."""

from __future__ import annotations

from typing import Any

TALK: list[dict[str, Any]] = [
    {
        "match": {"userMessage": "add", "hasToolResult": False},
        "response": {
            "toolCalls": [
                {"id": "call_a", "name": "add", "arguments": {"a": 17, "b": 25}},
                {"id": "call_b", "name": "add", "arguments": {"a": 1, "b": 2}},
            ],
            "usage": {"prompt_tokens": 30, "completion_tokens": 9, "total_tokens": 39},
        },
    },
    {
        "match": {"userMessage": "add", "hasToolResult": True},
        "response": {"content": "42 and 3."},
    },
    {
        "match": {"userMessage": "long"},
        "response": {"content": "word " * 200},
        "chunkSize": 5,
        "truncateAfterChunks": 6,
    },
    {
        "match": {"userMessage": "Hello"},
        "response": {"content": "Good day to you.", "reasoning": "A greeting."},
    },
]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b
