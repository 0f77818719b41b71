"""Captures what aimock and llama-server send, for `tests/captures/`, with a plain fold of each.

Run it as ``python -m tests.servers.capture``, where llama-server is built, to make them anew. The
folds are made by the few lines below from the frames as they are, not by the readers that
they are to judge.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from tests.aimock import running_aimock
from tests.servers.llama import ALIAS, running_llama

CAPTURES = Path(__file__).parents[1] / "captures"
FIXTURES: list[dict[str, Any]] = [
    {
        "match": {"userMessage": "weather"},
        "response": {
            "content": "Let me look. ",
            "toolCalls": [
                {"id": "call_1", "name": "weather", "arguments": {"city": "東京", "days": 3}},
                {"id": "call_2", "name": "now", "arguments": {}},
            ],
            "usage": {"prompt_tokens": 30, "completion_tokens": 9, "total_tokens": 39},
        },
    },
    {
        "match": {"userMessage": "think"},
        "response": {"content": "Grüße 😀\n", "reasoning": "Someone greets.\nGreet back."},
    },
]
PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses"}


def main() -> None:
    """Capture everything anew."""
    with running_aimock(FIXTURES) as aimock:
        address = aimock.base_url.removesuffix("/v1")
        for kind in PATHS:
            for topic in ("weather", "think"):
                capture("aimock", kind, topic, address, body(kind, "gpt-4o", topic))
    with running_llama() as llama:
        for kind in PATHS:
            asked = body(kind, ALIAS, "hello")
            asked["max_tokens" if kind == "chat" else "max_output_tokens"] = 12
            capture("llamacpp", kind, "length", llama.address, asked)


def body(kind: str, model: str, topic: str) -> dict[str, Any]:
    """Return a request for a stream."""
    asked: dict[str, Any] = {"model": model, "stream": True, "temperature": 0, "seed": 1}
    if kind == "responses":
        return {**asked, "input": [{"role": "user", "content": topic}]}
    messages = [{"role": "user", "content": topic}]
    return {**asked, "messages": messages, "stream_options": {"include_usage": True}}


def capture(server: str, kind: str, topic: str, address: str, asked: dict[str, Any]) -> None:
    """Ask, and write the bytes of the answer and their fold."""
    with httpx.Client(trust_env=False, timeout=60) as client:
        got = client.post(address + PATHS[kind], json=asked).raise_for_status().content
    folder = CAPTURES / server
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{kind}-{topic}.sse").write_bytes(got)
    lines = got.decode().splitlines()
    frames = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    fold = fold_chat(frames) if kind == "chat" else fold_responses(frames)
    fold["terminator"] = "[DONE]" if "data: [DONE]" in lines else fold.get("terminator")
    note = {"server": server, "request": asked, "fold": fold}
    text = json.dumps(note, ensure_ascii=False, indent=1)
    (folder / f"{kind}-{topic}.meta.json").write_text(f"{text}\n", encoding="utf-8")


def fold_chat(frames: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the chunks of a chat completion add up to."""
    choices = [choice for frame in frames for choice in frame["choices"]]
    deltas = [choice["delta"] for choice in choices]
    calls: dict[int, dict[str, Any]] = {}
    for fragment in [each for delta in deltas for each in delta.get("tool_calls") or ()]:
        function = fragment["function"]
        call = calls.setdefault(fragment["index"], {"id": fragment.get("id"), "arguments": ""})
        call["name"] = call.get("name") or function.get("name")
        call["arguments"] += function.get("arguments") or ""
    usages = [frame["usage"] for frame in frames if frame.get("usage")]
    return {
        "text": "".join(delta.get("content") or "" for delta in deltas),
        "thinking": "".join(delta.get("reasoning_content") or "" for delta in deltas),
        "tool_calls": [{**call, "input": json.loads(call["arguments"])} for call in calls.values()],
        "finish_reason": next(c["finish_reason"] for c in choices if c.get("finish_reason")),
        "usage": usages[-1] if usages else None,
        "errors": [],
    }


def fold_responses(frames: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the events of a response add up to."""

    def said(kind: str) -> str:
        return "".join(f["delta"] for f in frames if f["type"] == f"response.{kind}.delta")

    items = [f["item"] for f in frames if f["type"] == "response.output_item.done"]
    last = frames[-1]["response"]
    return {
        "text": said("output_text"),
        "thinking": said("reasoning_summary_text") + said("reasoning_text"),
        "tool_calls": [
            {
                "id": item["call_id"],
                "name": item["name"],
                "arguments": item["arguments"],
                "input": json.loads(item["arguments"]),
            }
            for item in items
            if item["type"] == "function_call"
        ],
        "finish_reason": last["status"],
        "usage": last.get("usage"),
        "errors": [],
        "terminator": frames[-1]["type"],
    }


if __name__ == "__main__":
    main()
